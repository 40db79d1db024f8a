"""What every sampler yields, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from engine.schedules import Level

Denoise = Callable[[Tensor, Level], Tensor]
"""D(x; level), bound to its condition."""

Lam = float | Callable[[float], float]
"""The stochasticity λ: a number, or a function of σ."""


def lam_at(lam: Lam, level: Level) -> float:
    """λ at a level."""
    return lam(level.sigma) if callable(lam) else lam


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of the reverse process, from `level` to `next`. Tensors are [B, ...] and not to be changed."""

    index: int
    level: Level
    next: Level
    x: Tensor
    denoised: Tensor  # D(x; level), the model's estimate of the clean sample
    x_next: Tensor
    nfe: int  # network evaluations since the start of the run

    @property
    def eps(self) -> Tensor:
        """The noise that the denoiser sees in x: ε = (x − α D) / std."""
        return (self.x - self.level.alpha * self.denoised) / self.level.std

    @property
    def score(self) -> Tensor:
        """∇ log p_t(x) = (α D − x) / std² (Tweedie)."""
        return (self.level.alpha * self.denoised - self.x) / self.level.std**2

    @property
    def v(self) -> Tensor:
        """The velocity v = α ε − std D (Salimans & Ho 2022); the dx/dt of rectified flow is ε − D."""
        return self.level.alpha * self.eps - self.level.std * self.denoised
