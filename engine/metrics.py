"""Scores: whether samples are what was asked for, how far they lie from the data, how long the network takes.

All but the milliseconds are fixed by the weights: every sample and every choice of images is keyed by a fixed seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine import catalog
from engine.data import digits
from engine.models.denoiser import Denoiser
from engine.models.noisy_classifier import NetworkClassifier
from engine.models.registry import load, load_classifier, load_guide
from engine.noise import KeyedNoise, generator
from engine.pictures import pixels
from engine.request import Request
from engine.runs import run

JUDGE = "digits-classifier"
BATCH = 50  # samples of one class in one run
AGREEMENT_SAMPLES = 1000
FRECHET_SAMPLES = 2000  # a Fréchet distance falls with the number of samples: compare equal numbers only
STEPS = 20
SIGMAS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 80.0)  # of a classifier of noisy images
CALLS = 15  # timed, after three that warm up

Images = NDArray[np.uint8] | Tensor
Features = NDArray[np.float64]
Report = Callable[[str], None]


def classify(images: Images, judge: str = JUDGE) -> NDArray[np.int64]:
    """The class that the classifier `judge` sees in each image: [B, C, H, W], bytes or floats in [−1, 1], to [B]."""
    network = load_classifier(judge)
    with torch.inference_mode():
        return np.concatenate([network(batch).argmax(1).numpy() for batch in _batches(images)])


def agreement(images: Images, labels: NDArray[Any], judge: str = JUDGE) -> float:
    """The share of images [B, C, H, W] in which the classifier sees the class [B] that was asked for."""
    return float(np.mean(classify(images, judge) == labels))


def features(images: Images, judge: str = JUDGE) -> Features:
    """The last hidden layer of the classifier `judge`, [B, F], for images [B, C, H, W], bytes or floats in [−1, 1]."""
    network = load_classifier(judge)
    with torch.inference_mode():
        return np.concatenate([network.features(batch).double().numpy() for batch in _batches(images)])


def frechet_distance(features_a: Features, features_b: Features) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½) of two sets of features [N, F] and [M, F], each N, M ≥ 2.

    The squared 2-Wasserstein distance of two Gaussians (Dowson & Landau 1982), as a score of generators (Heusel et al.
    2017). (Σ₁Σ₂)^½ has the trace of (Σ₁^½ Σ₂ Σ₁^½)^½, which is the sum of the singular values of Σ₁^½ Σ₂^½: no root is
    taken of a matrix that is not symmetric, nor of a product.
    """
    (mean_a, covariance_a), (mean_b, covariance_b) = _moments(features_a), _moments(features_b)
    overlap = np.linalg.svd(_root(covariance_a) @ _root(covariance_b), compute_uv=False).sum()
    apart = np.sum((mean_a - mean_b) ** 2)
    return float(apart + np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * overlap)


def sliced_wasserstein(a: Tensor, b: Tensor, directions: int = 128) -> float:
    """The mean Wasserstein-1 distance of two clouds [N, d], projected on directions that are the same each time.

    Sorted projections are matched one to one, so both clouds have N points (Rabin et al. 2012). In the plane the
    directions are evenly spaced; elsewhere they are drawn with a fixed seed. Raises ValueError for unequal shapes.
    """
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"two clouds of one shape [N, d] are compared, not {list(a.shape)} and {list(b.shape)}")
    if a.shape[1] == 2:
        angles = torch.arange(directions, dtype=torch.float64) * (torch.pi / directions)
        across = torch.stack([angles.cos(), angles.sin()])
    else:
        across = torch.from_numpy(generator(0).standard_normal((a.shape[1], directions)))
        across = across / across.norm(dim=0)
    across = across.to(a)
    return float(((a @ across).sort(0).values - (b @ across).sort(0).values).abs().mean())


def evaluate(name: str, progress: Report) -> dict[str, float]:
    """Everything that is measured of the model `name`, for its card; `progress` is told what is being done.

    Of every denoiser: milliseconds a call, on the CPU. Of one whose classes the judge knows, with 20 steps of order 2
    at λ = 0 and 1: the agreement of 1,000 samples at w = 1 and 2; the Fréchet distance of 2,000 samples at w = 1 from
    the test images, and, as the floor, that of as many training images. (The judge was trained on those: the features
    of samples as good as the data may lie a little closer.) Of a classifier: its accuracy on the test images; of one
    of noisy images, at several σ, with the mean log-probability of the right class.
    Raises ModelError if there is no such model, or its weights or the judge's cannot be used.
    """
    classifiers = catalog.cards("classifier")
    if name in classifiers:
        progress("10,000 test images")
        images, labels = digits.load("test")
        return {"accuracy": agreement(images[:, None], labels, name)}
    if name in catalog.cards("guide"):
        return _at_noise(name, progress)
    denoiser, card = load(name, "cpu"), catalog.cards()[name]
    figures = _milliseconds(denoiser, progress)
    judge = classifiers.get(JUDGE)
    if judge is None or (judge.shape, judge.classes) != (card.shape, card.classes):
        progress(f"no classifier knows the classes of {name}: its samples are not judged")
        return figures
    return figures | _quality(name, progress)


def _at_noise(name: str, progress: Report) -> dict[str, float]:
    """How well a classifier of noisy images knows the 10,000 test images with noise of every level in SIGMAS."""
    guide = load_guide(name, "cpu")
    assert isinstance(guide, NetworkClassifier)
    images, labels = digits.load("test")
    clean, figures = torch.cat(list(_batches(images[:, None]))), {}
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


def _quality(name: str, progress: Report) -> dict[str, float]:
    progress("features of the test images")
    test = features(digits.load("test")[0][:, None])
    floor = frechet_distance(features(_balanced(FRECHET_SAMPLES)), test)
    figures = {
        "agreement_samples": float(AGREEMENT_SAMPLES),
        "frechet_samples": float(FRECHET_SAMPLES),
        "frechet_floor": floor,
    }
    for lam in (0, 1):
        for weight, count in ((1, FRECHET_SAMPLES), (2, AGREEMENT_SAMPLES)):
            request = Request(
                model=name, count=BATCH, steps=STEPS, sampler="bridge", order=2, lam=float(lam), guidance=float(weight)
            )
            images, labels = _samples(request, count, progress)
            figures[f"agreement_w{weight}_lam{lam}"] = agreement(images[:AGREEMENT_SAMPLES], labels[:AGREEMENT_SAMPLES])
            if weight == 1:
                figures[f"frechet_lam{lam}"] = frechet_distance(features(images), test)
    return figures


def _samples(request: Request, count: int, progress: Report) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """`count` samples [N, C, H, W] as bytes, as they are shown, and the classes asked for: 50 of each in turn.

    Sample n has the seed n whatever the rest of the request is, so that λ and w are compared on the same noise.
    """
    images: list[NDArray[np.uint8]] = []
    labels = np.arange(count) // BATCH % 10
    for seed in range(0, count, BATCH):
        progress(f"λ = {request.lam:g}, w = {request.guidance:g}: {seed:,} of {count:,} samples")
        for step in run(request.replace(seed=seed, condition=int(labels[seed]))):
            x = step.x_next
        images.append(pixels(x.float().cpu().numpy()).transpose(0, 3, 1, 2))
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
        for kind in ("fp32", "bf16"):
            progress(f"time of a call at batch {batch} in {kind}")
            with torch.autocast("cpu", torch.bfloat16) if kind == "bf16" else nullcontext():
                took = []
                for _ in range(3 + CALLS):
                    started = time.perf_counter()
                    denoiser(x, level, condition)
                    took.append(time.perf_counter() - started)
            figures[f"ms_batch{batch}_{kind}"] = 1000.0 * float(np.median(took[3:]))
    return figures


def _batches(images: Images, size: int = 500) -> Iterator[Tensor]:
    """Images in batches, as floats in [−1, 1]."""
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        tensor = batch if isinstance(batch, Tensor) else torch.from_numpy(batch.copy())
        yield tensor.float() / 127.5 - 1.0 if tensor.dtype == torch.uint8 else tensor.float().cpu()


def _moments(features: Features) -> tuple[Features, Features]:
    """The mean [F] and the unbiased covariance [F, F] of features [N, F], in float64."""
    values = np.asarray(features, np.float64)
    mean = values.mean(axis=0)
    return mean, (values - mean).T @ (values - mean) / (len(values) - 1)


def _root(covariance: Features) -> Features:
    """The symmetric square root of a covariance [F, F]; eigenvalues that rounding made negative count as zero."""
    values, vectors = np.linalg.eigh(covariance)
    root: Features = (vectors * np.sqrt(values.clip(0.0))) @ vectors.T
    return root
