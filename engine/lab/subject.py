"""The models that the lab is about: points in the plane, exact or learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from math import hypot

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine import models
from engine.fields import RequestError
from engine.models.checkpoint import ModelError
from engine.models.dataset import Dataset
from engine.models.denoiser import Condition, Denoiser
from engine.models.mixture import Mixture
from engine.models.mlp import Learned
from engine.noise import generator
from engine.schedules import Level

Exact = Mixture | Dataset

SKETCHED = 500  # points that stand for all of a Dataset while the hand moves
WALKED = 10_000  # and at most, where particles walk step by step
PART = 2_048  # points whose kernels on a grid fit into a cache
WEIGHTS_AT_ONCE = 2**17  # of float32: they fit into a cache
LEAST, CLEAN = 1e-6, 1e-3  # the σ below which a level counts as clean, and that with which it is shown


class Quick(Dataset):
    """A Dataset under which particles in float32 walk five times as fast: their weights are taken in float32 as well.

    With points and particles within ±1.5 they are right to 3 % at σ = 0.002 and to 3e-4 from 0.02 on.
    """

    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """D(x; level), of x's shape; α x · x_i − ½ α² ‖x_i‖² is all of the distance that depends on i."""
        if level.std == 0.0 or x.dtype != torch.float32:
            return super().__call__(x, level, condition)
        points = self._constants.like(x)[0]  # [N, 2]
        scaled = torch.cat([level.alpha * points, -0.5 * level.alpha**2 * points.square().sum(1, keepdim=True)], 1)
        scaled, columns = (scaled / level.std**2).mT.contiguous(), points.mT.contiguous()  # [3, N], [2, N]
        rows = functional.pad(x.reshape(-1, 2), (0, 1), value=1.0)  # [P, 3]
        at_once = max(WEIGHTS_AT_ONCE // len(points), 1)
        means = [functional.linear(torch.softmax(some @ scaled, 1), columns) for some in torch.split(rows, at_once)]
        return torch.cat(means).reshape(x.shape)


def model(name: str, field: str = "model") -> Denoiser:
    """A model of points, of shape (2,). Raises RequestError for any other."""
    try:
        found = models.load(name)
    except ModelError as error:
        raise RequestError(field, str(error)) from error
    if tuple(found.shape) != (2,):
        raise RequestError(field, f"{field} must be a model of points in the plane, not {name}.")
    return found


def walked(name: str, coarse: bool) -> Denoiser:
    """The model as particles walk under it: fewer points stand for those of a large Dataset."""
    found = model(name)
    if not isinstance(found, Dataset):
        return found
    return _fewer(name, SKETCHED if coarse else WALKED)


def exact(name: str, coarse: bool = False) -> Exact:
    """The exact model of that name, or the one that a learned model of that name learned from."""
    found = model(name)
    if isinstance(found, Learned):
        name, found = found.of, model(found.of)
    if coarse and isinstance(found, Dataset):
        found = _fewer(name, SKETCHED)
    assert isinstance(found, Mixture | Dataset)
    return found


def learned(name: str | None, of: str) -> Learned:
    """The network of that name, which learned from the model `of`. Raises RequestError where there is none."""
    found = model(name, "learned") if name else None
    if not isinstance(found, Learned):
        raise RequestError("learned", f"learned must be the name of a network that was learned, not {name!r}.")
    if found.of != of:
        raise RequestError("learned", f"learned must be a network that learned from {of}, not from {found.of}.")
    return found


@lru_cache(maxsize=8)
def _fewer(name: str, count: int) -> Quick:
    """A Dataset of at most `count` of the points, chosen by a fixed seed."""
    whole = models.load(name)
    assert isinstance(whole, Dataset)
    points = whole.points
    if len(points) > count:
        chosen = np.sort(generator(0).choice(len(points), count, replace=False))
        points = points[torch.from_numpy(chosen)]
    return Quick(points)


@lru_cache(maxsize=4)
def parts(whole: Dataset) -> list[tuple[float, Dataset]]:
    """A Dataset without classes as a mixture of small ones: their shares, and they."""
    return [(len(some) / len(whole), Dataset(some)) for some in torch.split(whole.points, PART)]


def noisy(level: Level) -> Level:
    """The level; the clean one with a trace of noise, since without any the score of points is infinite."""
    return level if level.sigma >= LEAST else replace(level, std=CLEAN * level.alpha)


def scale(level: Level) -> float:
    """s = sqrt(α² + std²), of x̄ = x / s."""
    return hypot(level.alpha, level.std)


def centres(count: int, half: float) -> NDArray[np.float64]:
    """The middles of `count` equal cells of [−half, half]."""
    middles: NDArray[np.float64] = (np.arange(count, dtype=np.float64) + 0.5) * (2.0 * half / count) - half
    return middles


def numbers(tensor: Tensor) -> NDArray[np.float32]:
    """As it is sent: float32."""
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), np.float32)


def triples(levels: Sequence[Level]) -> list[tuple[float, float, float]]:
    """Levels as they are sent."""
    return [(level.t, level.alpha, level.std) for level in levels]
