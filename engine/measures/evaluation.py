"""What `scorescope evaluate` measures of a model, for its card.

All but the milliseconds are fixed by the weights: every sample and every choice of images is keyed by a fixed seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from engine import catalog
from engine.captions import SEPARATOR
from engine.catalog import Card
from engine.data import digits, training_images
from engine.fields import RequestError
from engine.measures import caption_judges
from engine.measures.judges import Features, agreement, batches, features, frechet_distance, knows
from engine.measures.neighbours import closest, nearest, precision_recall
from engine.models.checkpoint import ModelError
from engine.models.denoiser import Denoiser, NetworkDenoiser
from engine.models.noisy_classifier import NetworkClassifier
from engine.models.registry import load, load_guide
from engine.noise import KeyedNoise, generator
from engine.pictures import result, save_png
from engine.pictures import sheet as page_of
from engine.precision import Precision, forced
from engine.request import Request
from engine.runs import run

BATCH = 50  # samples of one class in one run
AGREEMENT_SAMPLES = 1000
FRECHET_SAMPLES = 2000  # a Fréchet distance falls with the number of samples: compare equal numbers only
STEPS = 20
GUIDANCE = 3.0  # of samples of captions
CAPTIONS = 10  # of one run: a condition has at most 1,000 characters
REACHES = (3, 5)  # to which neighbour of its own a point reaches, in precision and recall; 3 is the paper's
SIGMAS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 80.0)  # of a classifier of noisy images
NEIGHBOURS = 500  # samples whose nearest training image is sought
OWN_SAMPLES = 200  # of a model of one's own pictures
CALLS = 15  # timed, after three that warm up

Report = Callable[[str], None]


@forced("fp32")  # a card's figures are the same wherever they are measured; the milliseconds are of both
def evaluate(name: str, progress: Report, sheet: Path | None = None) -> dict[str, float]:
    """Everything that is measured of the model `name`, for its card; `progress` is told what is being done.

    Of every denoiser: milliseconds a call, on the CPU. Of one whose classes the judge knows, with 20 steps of order 2
    at λ = 0 and 1: the agreement of 1,000 samples at w = 1 and 2; the Fréchet distance of 2,000 samples at w = 1 from
    the test images, and, as the floor, that of as many training images. (The judge was trained on those: the features
    of samples as good as the data may lie a little closer.) At w = 1 also precision and recall (k = 3 and 5) against as
    many test images, with those of training images to compare; and the median distance of samples to the nearest
    training image, with that of test images. Of a model of captions: `caption_judges.judged`. Of a model of one's own
    pictures: the median distance of 200 samples to the nearest of them, and of those to their nearest other. Of a
    classifier: its accuracy on the test images; of one of noisy images, at several σ, with the mean log-probability of
    the right class.
    `sheet` is a PNG to write, of samples and the training image nearest to each, in turn.
    Raises RequestError if there is no such model, ModelError if its weights or the judge's cannot be used, and OSError.
    """
    known = catalog.cards("denoiser", "retrieval", "guide", "classifier")
    if name not in known:  # a distribution of the plane is a model too, and has nothing to measure
        raise RequestError("model", f"model must be one of {', '.join(known)}, not {name!r}.")
    card = known[name]
    if sheet is not None and not _compared(card):
        raise ModelError(f"no samples of {name} are compared with pictures, and so there is no sheet of them.")
    if card.kind == "classifier":
        progress("10,000 test images")
        images, labels = digits.load("test")
        return {"accuracy": agreement(images[:, None], labels, name)}
    if card.kind == "guide":
        return _at_noise(name, progress)
    if card.kind == "retrieval":
        return caption_judges.judge(name, progress)
    denoiser = load(name, "cpu")
    figures = _milliseconds(denoiser, progress)
    if caption_judges.knows(card):
        samples = _asked(name, progress)
        more, neighbours = caption_judges.judged(samples, progress)
        _show(sheet, samples, neighbours)
        return figures | more
    pictures = training_images.of(card) if card.dataset == catalog.OWN else None
    if pictures is not None:
        return figures | _beside(name, pictures, progress, sheet)
    if not knows(card):
        progress(f"no classifier knows the classes of {name}: its samples are not judged")
        return figures
    return figures | _quality(name, progress, sheet)


def _compared(card: Card) -> bool:
    """Whether samples of a model are made and compared with what it learned from."""
    return card.kind == "denoiser" and (caption_judges.knows(card) or knows(card) or card.dataset == catalog.OWN)


def _at_noise(name: str, progress: Report) -> dict[str, float]:
    """How well a classifier of noisy images knows the 10,000 test images with noise of every level in SIGMAS."""
    guide = load_guide(name, "cpu")
    assert isinstance(guide, NetworkClassifier)
    images, labels = digits.load("test")
    clean, figures = torch.cat(list(batches(images[:, None]))), {}
    noise = KeyedNoise(0, len(clean), clean.shape[1:]).initial()
    for sigma in SIGMAS:
        progress(f"10,000 test images at σ = {sigma:g}")
        level = guide.schedule.level_at_sigma(sigma)
        noisy = level.alpha * clean + level.std * noise
        with torch.inference_mode():
            found = torch.cat([guide.log_probabilities(batch, level) for batch in torch.split(noisy, 500)]).numpy()
        figures[f"accuracy_sigma{sigma:g}"] = float(np.mean(found.argmax(1) == labels))
        figures[f"logp_sigma{sigma:g}"] = float(found[np.arange(len(labels)), labels].mean())
    return figures


def _quality(name: str, progress: Report, sheet: Path | None) -> dict[str, float]:
    progress("features of the test images")
    images, _ = digits.load("test")
    test, trained = features(images[:, None]), features(_balanced(FRECHET_SAMPLES))
    there = test[generator(1).permutation(len(test))[:FRECHET_SAMPLES]]
    figures = {
        "agreement_samples": float(AGREEMENT_SAMPLES),
        "frechet_samples": float(FRECHET_SAMPLES),
        "frechet_floor": frechet_distance(trained, test),
        **_reached(there, trained, "training"),
    }
    for lam in (0, 1):
        for weight, count in ((1, FRECHET_SAMPLES), (2, AGREEMENT_SAMPLES)):
            request = Request(
                model=name, count=BATCH, steps=STEPS, sampler="bridge", order=2, lam=float(lam), guidance=float(weight)
            )
            images, labels = _samples(request, count, progress)
            figures[f"agreement_w{weight}_lam{lam}"] = agreement(images[:AGREEMENT_SAMPLES], labels[:AGREEMENT_SAMPLES])
            if weight == 1:
                found = features(images)
                figures[f"frechet_lam{lam}"] = frechet_distance(found, test)
                figures |= _reached(there, found, f"lam{lam}")
            if (weight, lam) == (1, 0):
                figures |= _nearest(images, progress, sheet)
    return figures


def _reached(real: Features, made: Features, of: str) -> dict[str, float]:
    """Precision and recall of samples [M, F] against the data [N, F], for each of REACHES."""
    figures = {}
    for k in REACHES:
        figures[f"precision_k{k}_{of}"], figures[f"recall_k{k}_{of}"] = precision_recall(real, made, k)
    return figures


def _nearest(samples: NDArray[np.uint8], progress: Report, sheet: Path | None) -> dict[str, float]:
    """The median distance to the nearest training image, of NEIGHBOURS samples spread over the classes and of tests."""
    progress(f"the nearest of 60,000 training images to {NEIGHBOURS} samples and to as many test images")
    training, some = digits.load("train")[0][:, None], samples[:: max(len(samples) // NEIGHBOURS, 1)][:NEIGHBOURS]
    distances, where = nearest(some, training)
    of_tests, _ = nearest(digits.load("test")[0][:NEIGHBOURS, None], training)
    _show(sheet, some, training[where])
    return {"nearest_samples": float(np.median(distances)), "nearest_test": float(np.median(of_tests))}


def _beside(name: str, pictures: NDArray[np.uint8], progress: Report, sheet: Path | None) -> dict[str, float]:
    """How near samples that are asked for nothing are to pictures [N, C, H, W], and some of those to another."""
    samples = _free(name, OWN_SAMPLES, progress)
    progress(f"the nearest of {len(pictures):,} pictures")
    found = [closest(sample, pictures, 1) for sample in torch.cat(list(batches(samples)))]
    _show(sheet, samples, pictures[np.concatenate([where for _, where in found])])
    figures = {
        "own_samples": float(len(samples)),
        "nearest_samples": float(np.median([distance for distance, _ in found])),
    }
    some = pictures[generator(0).permutation(len(pictures))[:OWN_SAMPLES]]
    apart = [closest(picture, pictures, 2)[0] for picture in torch.cat(list(batches(some)))]
    if len(pictures) > 1:  # the nearest is the picture itself
        figures["nearest_pictures"] = float(np.median([distances[1] for distances in apart]))
    return figures


def _free(name: str, count: int, progress: Report) -> NDArray[np.uint8]:
    """`count` samples [N, C, H, W] as bytes, asked for nothing; sample n has the seed n."""
    images = []
    for seed in range(0, count, BATCH):
        progress(f"{seed:,} of {count:,} samples")
        images.append(_drawn(Request(model=name, count=BATCH, seed=seed, steps=STEPS)))
    return np.concatenate(images)


def _asked(name: str, progress: Report) -> NDArray[np.uint8]:
    """A sample [N, C, H, W] as bytes of each of the judge's prompts; sample n has the seed n."""
    names, images = caption_judges.prompts(), []
    for seed in range(0, len(names), CAPTIONS):
        progress(f"w = {GUIDANCE:g}: {seed} of {len(names)} samples")
        some = names[seed : seed + CAPTIONS]
        caption = f" {SEPARATOR} ".join(some)
        request = Request(model=name, condition=caption, count=len(some), seed=seed, steps=STEPS, guidance=GUIDANCE)
        images.append(_drawn(request))
    return np.concatenate(images)


def _drawn(request: Request) -> NDArray[np.uint8]:
    """The samples [B, C, H, W] of a request as bytes, as they are shown."""
    for step in run(request):
        last = step
    return result(last).transpose(0, 3, 1, 2)


def _show(path: Path | None, samples: NDArray[np.uint8], neighbours: NDArray[np.uint8], pairs: int = 64) -> None:
    """Samples [N, C, H, W], each beside its neighbour, spread over all of them, eight pairs in a row."""
    if path is not None:
        some = np.linspace(0, len(samples) - 1, min(pairs, len(samples))).round().astype(int)
        both = np.stack([samples[some], neighbours[some]], 1).reshape(-1, *samples.shape[1:]).transpose(0, 2, 3, 1)
        save_png(path, page_of(both, columns=16))


def _samples(request: Request, count: int, progress: Report) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """`count` samples [N, C, H, W] as bytes, as they are shown, and the classes asked for: 50 of each in turn.

    Sample n has the seed n whatever the rest of the request is, so that λ and w are compared on the same noise.
    """
    images: list[NDArray[np.uint8]] = []
    labels = np.arange(count) // BATCH % 10
    for seed in range(0, count, BATCH):
        progress(f"λ = {request.lam:g}, w = {request.guidance:g}: {seed:,} of {count:,} samples")
        images.append(_drawn(request.replace(seed=seed, condition=int(labels[seed]))))
    return np.concatenate(images), labels


def _balanced(count: int) -> NDArray[np.uint8]:
    """`count` training images [N, C, H, W], as many of each class, chosen by a fixed seed."""
    images, labels = digits.load("train")
    order = generator(0).permutation(len(images))
    chosen = [order[labels[order] == label][: count // 10] for label in range(10)]
    balanced: NDArray[np.uint8] = images[np.concatenate(chosen)][:, None]
    return balanced


def _milliseconds(denoiser: Denoiser, progress: Report) -> dict[str, float]:
    """The median time of a call, without guidance, at batches of 1 and 16, in float32 and under bfloat16 autocast."""
    figures = {"threads": float(torch.get_num_threads())}
    level = denoiser.schedule.level_at_sigma(1.0)
    for batch in (1, 16):
        x = level.std * KeyedNoise(0, batch, denoiser.shape, denoiser.device).initial()
        condition = denoiser.encode(None, batch)
        for kind in get_args(Precision):
            progress(f"time of a call at batch {batch} in {kind}")
            with _in_precision(denoiser, kind):
                took = []
                for _ in range(3 + CALLS):
                    started = time.perf_counter()
                    denoiser(x, level, condition)
                    took.append(time.perf_counter() - started)
            figures[f"ms_batch{batch}_{kind}"] = 1000.0 * float(np.median(took[3:]))
    return figures


@contextmanager
def _in_precision(denoiser: Denoiser, kind: Precision) -> Iterator[None]:
    """Run a network in this precision, whatever was chosen for it."""
    if not isinstance(denoiser, NetworkDenoiser):
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bf16"):
            yield
        return
    chosen, denoiser.precision = denoiser.precision, kind
    try:
        yield
    finally:
        denoiser.precision = chosen
