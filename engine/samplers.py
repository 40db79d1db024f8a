"""Samplers: short generators that walk a list of levels from noise to image and yield every step.

All take a denoiser already bound to its condition, `denoise(x, level) -> D`, and draw noise only through `noise`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, log, sqrt

from torch import Tensor

from engine.noise import Noise
from engine.schedules import Level

Denoise = Callable[[Tensor, Level], Tensor]


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
        """The velocity v = α ε − std D."""
        return self.level.alpha * self.eps - self.level.std * self.denoised


def bridge(
    x: Tensor, denoised: Tensor, level: Level, next_level: Level, lam: float = 0.0, noise: Tensor | None = None
) -> Tensor:
    """One exact step of dx = [f x − ½(1 + λ²) g² ∇log p] dt + λ g dW̄ with the denoiser held fixed.

    With r = σ₁/σ₀:  x₁ = α₁ (1 − r^(1+λ²)) D + (std₁/std₀) r^(λ²) x₀ + std₁ sqrt(1 − r^(2λ²)) z.
    λ = 0 is DDIM (Song et al. 2021, eq. 12 with η = 0); λ = 1 is DDIM with η = 1, which is DDPM's posterior step
    (Ho et al. 2020, eq. 7). Finite where the new level is clean and where the old one holds no signal.
    `noise` is z, of x's shape; it is not needed where λ = 0.
    """
    ratio = next_level.std * level.alpha / (next_level.alpha * level.std)
    damping = ratio ** (lam * lam)
    mean: Tensor = (next_level.alpha * (1.0 - ratio * damping)) * denoised + (next_level.std / level.std * damping) * x
    if noise is None or damping == 1.0:
        return mean
    return mean + (next_level.std * sqrt(1.0 - damping * damping)) * noise


def extrapolate(denoised: Tensor, before: Tensor, previous: Level, level: Level, next_level: Level) -> Tensor:
    """D at the middle of the step, on the line through the last two in log-SNR (DPM-Solver++ 2M, Lu et al. 2022).

    D + (D − D₋) / 2R with R = h₋/h and h = log(σ/σ₁). The caller sees to it that the three levels have finite log-SNR.
    """
    slope = 0.5 * log(level.sigma / next_level.sigma) / log(previous.sigma / level.sigma)
    return (1.0 + slope) * denoised - slope * before


def bridge_sampler(
    denoise: Denoise, x: Tensor, levels: Sequence[Level], noise: Noise, lam: float = 0.0, order: int = 2
) -> Iterator[Step]:
    """The λ family. Order 1: DDIM (λ = 0), DDPM and SMLD ancestral (λ = 1). Order 2: DPM-Solver++ 2M and 2M SDE.

    One evaluation a step. Order 2 is first order in its first step, in the last, and where no signal is left.
    """
    previous: tuple[Level, Tensor] | None = None
    for index, (level, next_level) in enumerate(pairwise(levels)):
        denoised = target = denoise(x, level)
        if order == 2 and previous and next_level.std and isfinite(previous[0].sigma):
            target = extrapolate(denoised, previous[1], previous[0], level, next_level)
        z = noise(index) if lam and next_level.std else None
        x_next = bridge(x, target, level, next_level, lam, z)
        yield Step(index, level, next_level, x, denoised, x_next, nfe=index + 1)
        x, previous = x_next, (level, denoised)


def heun_sampler(denoise: Denoise, x: Tensor, levels: Sequence[Level], noise: Noise) -> Iterator[Step]:
    """Heun's method on dy/dσ = (y − D)/σ with y = x/α (Karras et al. 2022, algorithm 1): 2N − 1 evaluations.

    Euler's step in σ is the bridge at λ = 0; it is not corrected in the last step, nor where no signal is left.
    """
    nfe = 0
    for index, (level, next_level) in enumerate(pairwise(levels)):
        denoised = denoise(x, level)
        x_next = bridge(x, denoised, level, next_level)
        nfe += 1
        if next_level.std and level.alpha:
            there = denoise(x_next, next_level)
            nfe += 1
            slope = (x / level.alpha - denoised) / level.sigma
            slope_there = (x_next / next_level.alpha - there) / next_level.sigma
            y_next = x / level.alpha + (0.5 * (next_level.sigma - level.sigma)) * (slope + slope_there)
            x_next = next_level.alpha * y_next
        yield Step(index, level, next_level, x, denoised, x_next, nfe)
        x = x_next
