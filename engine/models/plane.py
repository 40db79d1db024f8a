"""Plane models: exact denoisers of points in 2D, by their names; samples of them; and points that are kept."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine import catalog
from engine.data import leftovers
from engine.data.distributions import components
from engine.data.points import numbers, thinned
from engine.files import FileError, write
from engine.models.checkpoint import ModelError
from engine.models.dataset import Dataset
from engine.models.denoiser import Condition
from engine.models.mixture import Mixture
from engine.noise import generator

Plane = Mixture | Dataset

DATA = 2**34  # the step under which exact samples are drawn, apart from all the noise of a run
PASSING = "passing"  # the mark, in a file, of points that are not kept for good
FAR = 100.0  # the data lie within ±1.5; this far out the squared distances of a Dataset are still exact enough


def load(name: str, device: torch.device | str = "cpu") -> Plane:
    """The exact denoiser of a distribution (a Mixture) or of kept points (a Dataset), of shape (2,).

    Raises ModelError for an unknown name, and for kept points that are missing or damaged.
    """
    if name in catalog.DISTRIBUTIONS:
        return _mixture(name, str(device))
    if re.fullmatch(r"points-[0-9a-f]{12}", name) is None:
        raise ModelError(f"model must be one of {', '.join(catalog.DISTRIBUTIONS)}, or kept points, not {name!r}.")
    path = _path(name)
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ModelError(f"{path} is missing.") from error
    return _dataset(path, changed, str(device))


@lru_cache(maxsize=64)
def _mixture(name: str, device: str) -> Mixture:
    parts, classes = components(name), catalog.DISTRIBUTIONS[name].classes
    means, covariances, weights = map(torch.from_numpy, (parts.means, parts.covariances, parts.weights))
    labels = torch.from_numpy(parts.labels) if classes else None
    return Mixture(means, covariances, weights, labels, classes, device=device)


@lru_cache(maxsize=8)
def _dataset(path: Path, changed: int, device: str) -> Dataset:
    """The points in a file that was last changed then."""
    try:
        points = numbers(path).astype(np.float32)
    except FileError as error:
        raise ModelError(str(error)) from error
    if points.shape[1] != 2 or _name(points) != path.stem:
        raise ModelError(f"{path} does not hold the points that were kept there.")
    return Dataset(torch.from_numpy(points), device=device)


def sample(
    model: Plane | str, count: int, seed: int, condition: Condition = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Exact samples of the data: points [count, 2] and the number of the class of each (0 where there are no classes).

    Fixed by the seed, also across devices; the first of many are the few. Raises ModelError as `load` does, and
    RequestError for a class that is not there.
    """
    if isinstance(model, str):
        model = load(model)
    label = int(model.encode(condition, 1)[0])
    places, normal = generator(seed, DATA).random(count), generator(seed, DATA, 1).standard_normal((count, 2))
    of = model.labels.numpy()
    if isinstance(model, Dataset):
        there = np.flatnonzero(of == label) if label < model.classes else np.arange(len(model))
        chosen = there[(places * len(there)).astype(np.int64)]
        return model.points.numpy()[chosen], of[chosen]
    cumulative = np.cumsum(model.weights.numpy()[label])
    chosen = np.searchsorted(cumulative, places * cumulative[-1], side="right")
    roots = np.linalg.cholesky(model.covariances.numpy())  # unique, as eigenvectors are not
    points = model.means.numpy()[chosen] + np.einsum("pij,pj->pi", roots[chosen], normal)
    return points.astype(np.float32), of[chosen]


def keep(points: NDArray[np.floating], passing: bool = False) -> str:
    """Store points [N, 2] as they stand and give the name of their model, which is fixed by the points.

    More than 200,000 are thinned. `passing`: `let_go` may remove them, unless they are also kept for good. Raises
    ValueError where there are none, or one is not finite or far outside, and ModelError where they cannot be written.
    """
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"points must have the shape [N, 2] with one point or more, not {list(points.shape)}")
    if not bool((np.abs(points) <= FAR).all()):
        raise ValueError(f"points must be finite and within ±{FAR:g}")
    stored = np.ascontiguousarray(thinned(points), np.float32) + np.float32(0.0)  # −0 is 0
    name = _name(stored)
    path, packed = _path(name), io.BytesIO()
    passing = passing and _is_passing(path) is not False
    mark: dict[str, Any] = {PASSING: np.array(1)} if passing else {}
    np.savez_compressed(packed, points=stored, **mark)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, packed.getvalue())
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {error.strerror or error}.") from error
    return name


def let_go(needed: Collection[str], newest: int = 64) -> None:
    """Remove what was kept in passing, but for the newest and for what is needed."""
    old = leftovers.older(_path("").parent, "points-*.npz", newest)
    leftovers.remove(file for file in old if file.stem not in needed and _is_passing(file))


def _is_passing(path: Path) -> bool | None:
    """Whether a file's points were kept in passing; None where it is missing or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{PASSING}.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return None


def _path(name: str) -> Path:
    return catalog.model_folders()[0] / "points" / f"{name}.npz"


def _name(points: NDArray[np.float32]) -> str:
    return f"points-{hashlib.sha256(points.astype('<f4').tobytes()).hexdigest()[:12]}"
