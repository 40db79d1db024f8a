"""Whether a model of captions makes what it was asked for: can a judge find the caption of a sample again?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine import catalog
from engine.captions import Vocabulary, split
from engine.catalog import Card
from engine.data import emoji
from engine.measures.neighbours import nearest
from engine.models.registry import load_retrieval
from engine.models.retrieval import Retrieval
from engine.noise import generator
from engine.training.contrastive import changed

JUDGE = "emoji-retrieval"
PROMPTS = 200  # names, of which the right one is to be among the first five
HELD_OUT = 2**32 - 1  # the seed of changes that no training has seen

Report = Callable[[str], None]
Images = NDArray[np.uint8]


def prompts() -> list[str]:
    """PROMPTS names, chosen by a fixed seed."""
    return _names(_prompts())


def judged(made: Images, progress: Report) -> tuple[dict[str, float], Images]:
    """The figures of samples [N, 3, H, W] at w = 3 of `prompts`, and the picture of the data nearest to each.

    The share of samples whose own name is the judge's first, or among its first five; and, as the ceiling, the same of
    the pictures themselves. The median distance of a sample to its nearest picture of the data, and of those pictures
    to their nearest other. The error of a share p is √(p (1 − p) / PROMPTS).
    """
    progress("the judge, and the nearest neighbours")
    chosen, pictures = _prompts(), emoji.load()
    names, asked = _names(chosen), pictures[chosen]
    distances, where = nearest(made, pictures)
    apart = [nearest(pictures[[number]], np.delete(pictures, number, axis=0))[0] for number in chosen]
    network, vocabulary = load_retrieval(JUDGE)
    figures = {"prompts": float(len(names))}
    for suffix, images in (("w3", _scaled(made)), ("pictures", _scaled(asked))):
        ranks = ranked(network, vocabulary, images, names, names)
        figures[f"top5_{suffix}"], figures[f"top1_{suffix}"] = float((ranks < 5).mean()), float((ranks < 1).mean())
    figures |= {"nearest_samples": float(np.median(distances)), "nearest_pictures": float(np.median(apart))}
    return figures, pictures[where]


def judge(name: str, progress: Report) -> dict[str, float]:
    """How often the judge finds the name of a picture of the data, changed as in no training, among 200 names."""
    network, vocabulary = load_retrieval(name)
    pictures, chosen = emoji.load(), _prompts(every=True)
    ranks = []
    for first in range(0, len(chosen) - PROMPTS + 1, PROMPTS):
        progress(f"{first:,} of {len(chosen):,} pictures")
        some = chosen[first : first + PROMPTS]
        images = changed(_scaled(pictures[some]), generator(HELD_OUT, first))
        names = _names(some)
        ranks.append(ranked(network, vocabulary, images, names, names))
    found = np.concatenate(ranks)
    return {"top1": float((found < 1).mean()), "top5": float((found < 5).mean()), "pictures": float(len(found))}


def knows(card: Card) -> bool:
    """Whether the judge, if it is there, has the words and the shape of a model's pictures."""
    judge = catalog.cards("retrieval").get(JUDGE)
    return judge is not None and (judge.words, judge.shape) == (card.words, card.shape)


def agreement(card: Card, condition: str, images: Images) -> float | None:
    """The share of images [N, 3, H, W] of a model whose caption fits them better than all but four of PROMPTS names.

    Image n has caption n mod the number of captions; one without a word that the judge knows is passed over. None where
    no image is left, and where the judge does not know the words of the model.
    """
    if not knows(card):
        return None
    network, vocabulary = load_retrieval(JUDGE)
    texts = split(condition)
    asked = {n: text for n in range(len(images)) if any(vocabulary.tokens(text := texts[n % len(texts)]))}
    if not asked:
        return None
    ranks = ranked(network, vocabulary, _scaled(images[list(asked)]), list(asked.values()), prompts())
    return float((ranks < 5).mean())


@torch.inference_mode()
def ranked(
    network: Retrieval, vocabulary: Vocabulary, images: Tensor, asked: list[str], names: list[str]
) -> NDArray[np.int64]:
    """For each image [N, 3, H, W] in [−1, 1], how many names fit it better than what was asked for: 0 is the best."""
    all_names, own = (torch.tensor([vocabulary.tokens(text) for text in texts]) for texts in (names, asked))
    scores = network(images, all_names) > network(images, own).diagonal()[:, None]  # [N, names]
    ranks: NDArray[np.int64] = scores.sum(1).numpy()
    return ranks


def _prompts(every: bool = False) -> NDArray[np.int64]:
    """Numbers of pictures without a tone, in an order that is always the same: PROMPTS of them, or all."""
    plain = np.array([number for number, entry in enumerate(emoji.names().emoji) if entry.of is None])
    order = generator(0).permutation(plain)
    return order if every else order[:PROMPTS]


def _names(numbers: NDArray[np.int64]) -> list[str]:
    known = emoji.names().emoji
    return [known[number].name for number in numbers]


def _scaled(images: Images) -> Tensor:
    """Bytes as floats in [−1, 1]."""
    return torch.from_numpy(images).float() / 127.5 - 1.0
