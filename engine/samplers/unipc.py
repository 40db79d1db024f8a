"""UniPC: predict as DPM-Solver++ 2M, correct with the next evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import expm1, isfinite, log

from torch import Tensor

from engine.noise import Noise
from engine.samplers.bridge import bridge, extrapolate
from engine.samplers.step import Denoise, Step
from engine.schedules import Level


def unipc_sampler(denoise: Denoise, x: Tensor, levels: Sequence[Level], noise: Noise) -> Iterator[Step]:
    """UniPC of order 2 with B(h) = exp(h) − 1, predicting x₀ (Zhao et al. 2023, algorithms 5 and 6); λ = 0.

    One evaluation a step: D at the predicted x corrects that same x, and then predicts the next. A Step's x is the
    predicted one, at which D was taken.
    """
    past: list[tuple[Level, Tensor]] = []  # levels and D of the last two steps
    corrected = x
    for index, (level, next_level) in enumerate(pairwise(levels)):
        denoised = denoise(x, level)
        corrected = bridge(corrected, _through(past, level, denoised), past[-1][0], level) if past else x
        target = denoised
        if past and next_level.std:
            target = extrapolate(denoised, past[-1][1], past[-1][0], level, next_level)
        x_next = bridge(corrected, target, level, next_level)
        yield Step(index, level, next_level, x, denoised, x_next, nfe=index + 1)
        x = x_next
        past = [*past[-1:], (level, denoised)] if isfinite(level.sigma) else []


def _through(past: Sequence[tuple[Level, Tensor]], level: Level, denoised: Tensor) -> Tensor:
    """The D̃ that carries the last step to `level`, from D at its end and, after the first step, D before it.

    D̃ = D₀ + ρ₁ (D₋ − D₀)/R + ρ₂ (D₁ − D₀) with R = −h₋/h, and ρ₁ + ρ₂ = φ₁, R ρ₁ + ρ₂ = φ₂ (eq. 9).
    """
    (here, at) = past[-1]
    if len(past) == 1:
        return at.lerp(denoised, 0.5)
    before, earlier = past[-2]
    h = log(here.sigma / level.sigma)
    reach = -log(before.sigma / here.sigma) / h
    phi_1 = -1.0 / expm1(-h) - 1.0 / h
    phi_2 = -1.0 / expm1(-h) - 2.0 * phi_1 / h
    share = (phi_2 - phi_1) / (reach - 1.0)
    ahead = phi_1 - share
    return at.mul(1.0 - share / reach - ahead).add_(earlier, alpha=share / reach).add_(denoised, alpha=ahead)
