"""The bridge: one exact step for a held denoiser, and the samplers that differ only in λ, the grid and D̃."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite, log, sqrt

import torch
from torch import Tensor

from engine.noise import Noise
from engine.samplers.step import Denoise, Lam, Step, lam_at
from engine.schedules import Level


def bridge(
    x: Tensor, denoised: Tensor, level: Level, next_level: Level, lam: float = 0.0, noise: Tensor | None = None
) -> Tensor:
    """One exact step of dx = [f x − ½(1 + λ²) g² ∇log p] dt + λ g dW̄ with the denoiser held fixed.

    With r = σ₁/σ₀:  x₁ = α₁ (1 − r^(1+λ²)) D + (std₁/std₀) r^(λ²) x₀ + std₁ sqrt(1 − r^(2λ²)) z.
    λ = 0 is DDIM (Song et al. 2021a, eq. 12 with η = 0); λ = 1 is DDIM with η = 1, which is DDPM's posterior step
    (Ho et al. 2020, eq. 7). Finite where the new level is clean and where the old one holds no signal; λ = 0 also goes
    up, to more noise. `noise` is z, of x's shape; it is not needed where λ = 0.
    """
    return _damped(x, denoised, level, next_level, (next_level.sigma / level.sigma) ** (lam * lam), noise)


def _damped(
    x: Tensor, denoised: Tensor, level: Level, next_level: Level, damping: float, noise: Tensor | None
) -> Tensor:
    """The bridge's step, where r^(λ²) is `damping`. α₁ r is written std₁ α₀ / std₀: it is finite at α₁ = 0."""
    kept = next_level.std / level.std * damping
    mean: Tensor = (kept * x).add_(denoised, alpha=next_level.alpha - level.alpha * kept)
    if noise is None or damping == 1.0:
        return mean
    return mean.add_(noise, alpha=next_level.std * sqrt(1.0 - damping * damping))


def extrapolate(denoised: Tensor, before: Tensor, previous: Level, level: Level, next_level: Level) -> Tensor:
    """D at the middle of the step, on the line through the last two in log-SNR (DPM-Solver++ 2M, Lu et al. 2022b).

    D + (D − D₋) / 2R with R = h₋/h and h = log(σ/σ₁). The caller sees to it that the three levels have finite log-SNR.
    """
    slope = 0.5 * log(level.sigma / next_level.sigma) / log(previous.sigma / level.sigma)
    return torch.lerp(before, denoised, 1.0 + slope)


def bridge_sampler(
    denoise: Denoise,
    x: Tensor,
    levels: Sequence[Level],
    noise: Noise,
    lam: Lam = 0.0,
    order: int = 2,
    previous: tuple[Level, Tensor] | None = None,
) -> Iterator[Step]:
    """The λ family. Order 1: DDIM (λ = 0), DDPM and SMLD ancestral (λ = 1). Order 2: DPM-Solver++ 2M and 2M SDE.

    One evaluation a step. Order 2 is first order in its first step, in the last, and where no signal is left; a run
    that goes on from another has a `previous` level and D. On rising levels and at λ = 0 it encodes (DDIM inversion).
    """
    for index, (level, next_level) in enumerate(pairwise(levels)):
        denoised = target = denoise(x, level)
        if order == 2 and previous and next_level.std and isfinite(previous[0].sigma) and isfinite(next_level.sigma):
            target = extrapolate(denoised, previous[1], previous[0], level, next_level)
        stochasticity = lam_at(lam, level)
        z = noise(index) if stochasticity and next_level.std else None
        x_next = bridge(x, target, level, next_level, stochasticity, z)
        yield Step(index, level, next_level, x, denoised, x_next, nfe=index + 1)
        x, previous = x_next, (level, denoised)


def ddim_sampler(
    denoise: Denoise, x: Tensor, levels: Sequence[Level], noise: Noise, eta: float = 0.0
) -> Iterator[Step]:
    """DDIM in the paper's own parameter: noise of deviation η std₁ sqrt(1 − r²) (Song et al. 2021a, eq. 16).

    It is the bridge with r^(λ²) = sqrt(1 − η² (1 − r²)): λ = 0 at η = 0 and λ = 1 at η = 1.
    """
    for index, (level, next_level) in enumerate(pairwise(levels)):
        denoised = denoise(x, level)
        ratio = next_level.sigma / level.sigma
        z = noise(index) if eta and next_level.std else None
        x_next = _damped(x, denoised, level, next_level, sqrt(1.0 - eta * eta * (1.0 - ratio * ratio)), z)
        yield Step(index, level, next_level, x, denoised, x_next, nfe=index + 1)
        x = x_next


def ddpm_large_sampler(denoise: Denoise, x: Tensor, levels: Sequence[Level], noise: Noise) -> Iterator[Step]:
    """DDPM with the variance of the forward step, β = std₀² (1 − r²), "fixed large" (Ho et al. 2020, section 3.2)."""
    for index, (level, next_level) in enumerate(pairwise(levels)):
        denoised = denoise(x, level)
        x_next = bridge(x, denoised, level, next_level, lam=1.0)
        if next_level.std:
            ratio = next_level.sigma / level.sigma
            x_next = x_next.add_(noise(index), alpha=level.std * sqrt(1.0 - ratio * ratio))
        yield Step(index, level, next_level, x, denoised, x_next, nfe=index + 1)
        x = x_next
