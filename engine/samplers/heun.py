"""Heun's method with churn: the samplers of EDM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf, sqrt

from torch import Tensor

from engine.noise import Noise
from engine.samplers.bridge import bridge
from engine.samplers.step import Denoise, Step
from engine.schedules import Level

FLAT = 1e3  # the σ beyond which D hardly changes: a trapezoid over a leap from there is a worse estimate than D there


def heun_sampler(
    denoise: Denoise,
    x: Tensor,
    levels: Sequence[Level],
    noise: Noise,
    churn: float = 0.0,
    interval: tuple[float, float] | None = None,
) -> Iterator[Step]:
    """Heun's method on dy/dσ = (y − D)/σ with y = x/α (Karras et al. 2022, algorithms 1 and 2): 2N − 1 evaluations.

    Euler's step in σ is the bridge at λ = 0; it is not corrected in the last step, nor from a σ above FLAT.
    With `churn` (S_churn; S_noise is 1) every step inside `interval` of σ first raises the noise to σ̂ = σ (1 + γ), and
    D is taken there; the Step's `level` and `x` are those before.
    """
    gain = min(churn / (len(levels) - 1), sqrt(2.0) - 1.0)
    low, high = interval or (0.0, inf)
    nfe = 0
    for index, (level, next_level) in enumerate(pairwise(levels)):
        raised, x_raised = level, x
        if gain and low <= level.sigma <= high and level.alpha:
            raised = Level(level.t, level.alpha, level.std * (1.0 + gain))
            x_raised = x.add(noise(index), alpha=sqrt(raised.std**2 - level.std**2))
        denoised = denoise(x_raised, raised)
        x_next = bridge(x_raised, denoised, raised, next_level)
        nfe += 1
        if next_level.std and level.sigma <= FLAT:
            there = denoise(x_next, next_level)
            nfe += 1
            x_next = _corrected(x_raised, denoised, there, raised, next_level)
        yield Step(index, level, next_level, x, denoised, x_next, nfe)
        x = x_next


def _corrected(x: Tensor, denoised: Tensor, there: Tensor, level: Level, next_level: Level) -> Tensor:
    """y₁ = y₀ + ½ (σ₁ − σ₀) [(y₀ − D₀)/σ₀ + (ŷ₁ − D₁)/σ₁] with x = α y and ŷ₁ = D₀ + (σ₁/σ₀) (y₀ − D₀), Euler's.

    Collected, with h = ½ (σ₁ − σ₀):  y₁ = (1 + 2h/σ₀) y₀ + (h/σ₁ − 2h/σ₀) D₀ − (h/σ₁) D₁.
    """
    half = 0.5 * (next_level.sigma - level.sigma)
    here, ahead = 2.0 * half / level.sigma, half / next_level.sigma
    moved: Tensor = (next_level.alpha / level.alpha * (1.0 + here)) * x
    moved.add_(denoised, alpha=next_level.alpha * (ahead - here))
    return moved.add_(there, alpha=-next_level.alpha * ahead)
