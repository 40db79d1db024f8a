"""Nearest neighbours: whether samples lie where the data lie, cover all of it, and repeat none of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

AT_ONCE = 2**24  # distances: 128 MB of float64
BLOCK = 512  # images: what a cache holds, some ten times faster than thousands


def precision_recall(real: NDArray[Any], made: NDArray[Any], k: int = 3) -> tuple[float, float]:
    """The share of samples [M, F] among the data [N, F], and the share of the data among the samples.

    A point is among others if it lies within the distance from one of them to its k-th neighbour there (Kynkäänniemi et
    al. 2019, eq. 1 and 2). Compare equal numbers only. Raises ValueError where there are not more than k points.
    """
    if min(len(real), len(made)) <= k:
        raise ValueError(f"more than {k} points of each are compared, not {len(real)} and {len(made)}")
    first, second = torch.as_tensor(real).double(), torch.as_tensor(made).double()
    return _share_among(second, first, k), _share_among(first, second, k)


def nearest(images: NDArray[np.uint8], others: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """For each image [N, ...] the distance to the nearest of the others [M, ...], and its number.

    The distance is the root mean square over pixels, of bytes seen as [−1, 1]: 2 from black to white.
    """
    points, rest = (torch.from_numpy(bytes_.reshape(len(bytes_), -1).astype(np.float64)) for bytes_ in (images, others))
    squares, where = zip(*(block.min(1) for block in _squares(points, rest)), strict=True)
    distances = torch.cat(squares).clamp(min=0.0).div(points.shape[1]).sqrt() / 127.5
    return distances.numpy(), torch.cat(where).numpy()


def closest(image: Tensor, others: NDArray[np.uint8], count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The distances of an image [...] in [−1, 1] from those of others [M, ...] nearest to it, in order, and numbers.

    The distance is that of `nearest`; rounded in float32.
    """
    point = (image.flatten().cpu().float() + 1.0) * 127.5
    rows = others.reshape(len(others), -1)
    blocks = (rows[start : start + BLOCK].astype(np.float32) for start in range(0, len(rows), BLOCK))
    means = torch.cat([torch.from_numpy(block).sub_(point).square_().mean(1) for block in blocks])
    least = torch.topk(means, min(count, len(means)), largest=False)
    return least.values.double().sqrt().div(127.5).numpy(), least.indices.numpy()


def _share_among(points: Tensor, others: Tensor, k: int) -> float:
    """The share of points [N, F] within the k-th neighbour's distance of one of the others [M, F]."""
    radii = torch.cat([block.kthvalue(k + 1, dim=1).values for block in _squares(others, others)])  # itself is first
    inside = torch.cat([(block <= radii).any(1) for block in _squares(points, others)])
    return float(inside.double().mean())


def _squares(points: Tensor, others: Tensor) -> list[Tensor]:
    """Squared distances [n, M] of some points after others; the expansion is exact enough in float64."""
    norms = others.square().sum(1)
    return [
        torch.addmm(norms + some.square().sum(1)[:, None], some, others.mT, alpha=-2.0)
        for some in torch.split(points, max(AT_ONCE // len(others), 1))
    ]
