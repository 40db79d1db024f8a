"""Langevin dynamics: at one noise level, annealed over many, and as the corrector of a predictor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import sqrt

from torch import Tensor

from engine.noise import Noise
from engine.samplers.bridge import bridge
from engine.samplers.step import Denoise, Lam, Step, lam_at
from engine.schedules import Level


def _langevin(x: Tensor, denoised: Tensor, level: Level, step_size: float, z: Tensor) -> Tensor:
    """x + ½ δ std² ∇log p + √δ std z, where std² ∇log p = α D − x. Nothing divides by std."""
    half = 0.5 * step_size
    moved: Tensor = ((1.0 - half) * x).add_(denoised, alpha=half * level.alpha)
    return moved.add_(z, alpha=sqrt(step_size) * level.std)


def langevin_sampler(
    denoise: Denoise, x: Tensor, levels: Sequence[Level], noise: Noise, step_size: float
) -> Iterator[Step]:
    """A step of Langevin at each level, handed on to the next; into the clean level the denoised sample is handed on.

    On one level, repeated, this is Langevin dynamics of p_t. On a falling list with M copies of each level it is
    annealed Langevin (Song & Ermon 2019, algorithm 1), whose step ε σ_i²/σ_L² is relative to the level:
    `step_size` = ε/σ_L². The last step denoises (Jolicoeur-Martineau et al. 2021).
    """
    for index, (level, next_level) in enumerate(pairwise(levels)):
        denoised = denoise(x, level)
        if next_level.std:
            x_next = _langevin(x, denoised, level, step_size, noise(index))
            if next_level.alpha != level.alpha and level.alpha:
                x_next = x_next.mul_(next_level.alpha / level.alpha)
        else:
            x_next = bridge(x, denoised, level, next_level)
        yield Step(index, level, next_level, x, denoised, x_next, nfe=index + 1)
        x = x_next


def predictor_corrector_sampler(
    denoise: Denoise,
    x: Tensor,
    levels: Sequence[Level],
    noise: Noise,
    lam: Lam = 1.0,
    langevin_steps: int = 1,
    step_size: float = 0.1,
) -> Iterator[Step]:
    """The bridge predicts, then `langevin_steps` of Langevin correct at the new level.

    Song et al. 2021b, algorithm 1. The paper's x + ε ∇log p + √(2ε) z with ε = 2 (r ‖z‖/‖∇log p‖)² (algorithm 4, of VE;
    here of every schedule) has ε = 2 r² std² where the score is as long as the noise says: `step_size` = 4 r², 0.1 for
    the paper's r = 0.16. For VP the paper takes 1 − β_i of it (algorithm 5). Nothing is corrected at the clean level.
    """
    nfe = 0
    for index, (level, next_level) in enumerate(pairwise(levels)):
        denoised = denoise(x, level)
        stochasticity = lam_at(lam, level)
        z = noise(index) if stochasticity and next_level.std else None
        x_next = bridge(x, denoised, level, next_level, stochasticity, z)
        nfe += 1
        for stage in range(1, langevin_steps + 1 if next_level.std else 1):
            x_next = _langevin(x_next, denoise(x_next, next_level), next_level, step_size, noise(index, stage))
            nfe += 1
        yield Step(index, level, next_level, x, denoised, x_next, nfe)
        x = x_next
