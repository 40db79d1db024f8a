"""Models that are formulas over a data set, ready to run by their cards: nothing of them was trained."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engine.catalog import Card
from engine.data import digits
from engine.models.dataset import Dataset
from engine.models.denoiser import Denoiser
from engine.models.gaussian import Gaussian
from engine.models.local import LocalDataset


def _images(count: int) -> tuple[Tensor, Tensor]:
    """The first `count` training digits [N, 1, 28, 28] in [−1, 1], and their labels [N]."""
    images, labels = digits.load("train")
    scaled = torch.from_numpy(images[:count].copy())[:, None].float().div_(127.5).sub_(1.0)
    return scaled, torch.from_numpy(labels[:count].copy()).long()


def _ideal(card: Card, device: str, count: int = 60_000) -> Denoiser:
    return Dataset(*_images(count), classes=card.classes, device=device)


def _local(card: Card, device: str, count: int = 2_000) -> Denoiser:
    return LocalDataset(*_images(count), classes=card.classes, device=device)


def _gaussian(card: Card, device: str, count: int = 20_000) -> Denoiser:
    return Gaussian.of(_images(count)[0], device=device)


FORMULAS: dict[str, Callable[..., Denoiser]] = {"ideal": _ideal, "local": _local, "gaussian": _gaussian}
"""By the `network` of their cards, whose `architecture` has the keyword arguments."""
