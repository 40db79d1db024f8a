"""p_t on a grid, for denoisers that know their density: the pictures of one- and two-dimensional distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.models.dataset import Dataset
from engine.models.denoiser import Condition
from engine.schedules import Level


class Dense(Protocol):
    """An exact denoiser with a density."""

    device: torch.device

    def log_density(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """log p_t of points [B, ..., d]: [B, ...]."""
        ...


def density(
    model: Dense, level: Level, axes: Sequence[NDArray[Any]], condition: Condition = None
) -> NDArray[np.floating[Any]]:
    """p_t(x) on the grid of the axes, one or two, in their dtype: [len(axes[0])] or [len(axes[0]), len(axes[1])]."""
    grid = [torch.as_tensor(axis, device=model.device) for axis in axes]
    if isinstance(model, Dataset):
        return model.density_on(grid, level, condition).cpu().numpy()
    points = torch.stack(torch.meshgrid(*grid, indexing="ij"), -1)  # [..., d]
    return torch.exp(model.log_density(points[None], level, condition)[0]).cpu().numpy()


def density_over_time(
    model: Dense, levels: Sequence[Level], axis: NDArray[Any], condition: Condition = None
) -> NDArray[np.floating[Any]]:
    """p(x, t) of a one-dimensional model, as an image: [len(levels), len(axis)]."""
    return np.stack([density(model, level, [axis], condition) for level in levels])
