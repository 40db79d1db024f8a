"""A single Gaussian: its exact denoiser is the Wiener filter."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.models.denoiser import Condition
from engine.models.exact import Constants, Exact, eigen, finite
from engine.schedules import Level, Schedule


class Gaussian(Exact):
    """x_0 ~ N(μ, C) over flattened samples of `shape`: the best of all affine denoisers (Wiener 1949).

    C = U diag(s) Uᵀ may be singular, as it is for images whose border never changes.
    """

    def __init__(
        self,
        mean: Tensor,
        covariance: Tensor,
        shape: Sequence[int],
        schedule: Schedule | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Mean [*shape] or [d], covariance [d, d]. Raises ValueError where they do not fit or C has s < 0."""
        super().__init__(shape, 0, schedule, device)
        d = math.prod(self.shape)
        if mean.shape not in ((d,), self.shape):
            raise ValueError(f"mean must have the shape {list(self.shape)}, not {list(mean.shape)}")
        if covariance.shape != (d, d):
            raise ValueError(f"covariance must have the shape [{d}, {d}], not {list(covariance.shape)}")
        values, vectors = eigen("covariance", finite("covariance", covariance))
        self._singular = not bool((values > 0.0).all())
        self._constants = Constants(finite("mean", mean).flatten(), values, vectors)

    @classmethod
    def of(
        cls,
        data: Tensor,
        shape: Sequence[int] | None = None,
        schedule: Schedule | None = None,
        device: torch.device | str = "cpu",
    ) -> Gaussian:
        """The Gaussian with the mean and covariance (over N) of data [N, ...]; `shape` is that of a row by default."""
        rows = data.detach().flatten(1)
        chunks = torch.split(rows, 8192)  # all of it in float64 would be twice as large as the data
        mean = torch.stack([chunk.sum(0, dtype=torch.float64) for chunk in chunks]).sum(0) / len(rows)
        covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
        for chunk in chunks:
            centred = chunk.double() - mean
            covariance += centred.mT @ centred
        return cls(mean, covariance / len(rows), shape or data.shape[1:], schedule, device)

    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """D = μ + U diag(α s / (α² s + std²)) Uᵀ (x − α μ)."""
        if level.std == 0.0:
            return x / level.alpha
        mean, values, vectors = self._constants.like(x)
        gains = level.alpha * values / (level.alpha**2 * values + level.std**2)
        return (mean + (self._rotated(x, level, condition) * gains) @ vectors.mT).reshape(x.shape)

    def log_density(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """log p_t of every sample: x [B, ..., *shape] → [B, ...]. Raises ValueError where C is singular and std = 0."""
        if level.std == 0.0 and self._singular:
            raise ValueError("level must hold noise: a singular Gaussian has no density without")
        variances = level.alpha**2 * self._constants.like(x)[1] + level.std**2
        return -0.5 * (
            self._rotated(x, level, condition).square() / variances + torch.log(2.0 * math.pi * variances)
        ).sum(-1)

    def _rotated(self, x: Tensor, level: Level, condition: Condition) -> Tensor:
        """Uᵀ (x − α μ), [..., d]."""
        self.encode(condition, 1)  # refuses a class: there are none
        mean, _, vectors = self._constants.like(x)
        rows = x.reshape(*x.shape[: x.ndim - len(self.shape)], len(mean))
        return (rows - level.alpha * mean) @ vectors
