"""Euler's method and Euler–Maruyama on the λ-SDE in time: the plainest solvers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import sqrt

from torch import Tensor

from engine.noise import Noise
from engine.samplers.bridge import bridge
from engine.samplers.step import Denoise, Lam, Step, lam_at
from engine.schedules import Level, Schedule


def euler_sampler(
    denoise: Denoise, x: Tensor, levels: Sequence[Level], noise: Noise, schedule: Schedule, lam: Lam = 0.0
) -> Iterator[Step]:
    """x₁ = x₀ + [f x − ½(1 + λ²) g² ∇log p] (t₁ − t₀) + λ g sqrt(t₀ − t₁) z: Euler at λ = 0, Euler–Maruyama above.

    f and g² are the schedule's (Song et al. 2021b, eq. 6 and 13), the score is (α D − x)/std². The bridge takes the
    steps that t does not: from where no signal is left, where f is infinite, and to σ(0) or below, the clean level too.
    """
    for index, (level, next_level) in enumerate(pairwise(levels)):
        denoised = denoise(x, level)
        stochasticity = lam_at(lam, level)
        z = noise(index) if stochasticity and next_level.std else None
        if next_level.t > 0.0 and level.alpha:
            span = next_level.t - level.t  # negative: time runs backwards
            g2 = schedule.diffusion_squared(level.t)
            pull = -0.5 * (1.0 + stochasticity**2) * g2 * span / level.std**2  # of the score, times std²
            keep = 1.0 + schedule.drift(level.t) * span - pull
            x_next = (keep * x).add_(denoised, alpha=level.alpha * pull)
            if z is not None:
                x_next = x_next.add_(z, alpha=stochasticity * sqrt(-g2 * span))
        else:
            x_next = bridge(x, denoised, level, next_level, stochasticity, z)
        yield Step(index, level, next_level, x, denoised, x_next, nfe=index + 1)
        x = x_next
