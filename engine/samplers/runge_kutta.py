"""RK45: the adaptive Runge–Kutta method of Dormand & Prince (1980) on the probability-flow ODE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, isfinite, log

import torch
from torch import Tensor

from engine.noise import Noise
from engine.samplers.bridge import bridge
from engine.samplers.step import Denoise, Step
from engine.schedules import Level

A = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),  # the result, of order 5
)
C = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
ERROR = (-71 / 57600, 0.0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40)  # order 4 − order 5
FIRST_STEP = 0.1  # in log σ
SMALLEST_STEP = 1e-6


@dataclass
class _Path:
    """One sample on its way: y = x/α [1, ...] at u = log σ, D there, and the step that its error allows."""

    y: Tensor
    denoised: Tensor
    step: float = FIRST_STEP
    nfe: int = 0


def rk45_sampler(
    denoise: Denoise, x: Tensor, levels: Sequence[Level], noise: Noise, tolerance: float = 1e-3
) -> Iterator[Step]:
    """Dormand–Prince on dy/du = y − D with u = log σ and y = x/α, from each level to the next; λ = 0.

    Every sample has steps of its own, so that it is the same alone and in any batch: its error is at most
    `tolerance` · (1 + |y|), in the root mean square. `nfe` is that of the sample that needed most. The last evaluation
    of a step is the first of the next; D comes with it. The first step from where no signal is left, and the last, into
    the clean level, are the bridge's.
    """
    paths: list[_Path] = []
    for index, (level, next_level) in enumerate(pairwise(levels)):
        if not paths and isfinite(level.sigma):
            paths = [_Path(y := row / level.alpha, _at(denoise, y, level.sigma), nfe=1) for row in torch.split(x, 1)]
        denoised = torch.cat([path.denoised for path in paths]) if paths else denoise(x, level)
        if paths and next_level.std:
            for path in paths:
                _advance(denoise, path, log(level.sigma), log(next_level.sigma), tolerance)
            x_next = next_level.alpha * torch.cat([path.y for path in paths])
        else:
            x_next = bridge(x, denoised, level, next_level)
        spent = max((path.nfe for path in paths), default=0) + (not isfinite(levels[0].sigma))
        yield Step(index, level, next_level, x, denoised, x_next, spent)
        x = x_next


def _at(denoise: Denoise, y: Tensor, sigma: float) -> Tensor:
    """D of y at the noise level σ, whatever the schedule."""
    return denoise(y, Level(0.0, 1.0, sigma))


def _advance(denoise: Denoise, path: _Path, start: float, end: float, tolerance: float) -> None:
    """Take one path down from u = `start` to `end`, in as many steps as its error asks for."""
    u = start
    while u > end:
        step = min(path.step, u - end)
        arrives = step >= u - end
        y, denoised = path.y, path.denoised
        slopes = [y - denoised]
        for weights, place in zip(A, C, strict=True):
            y = path.y.clone()
            for weight, slope in zip(weights, slopes, strict=True):
                y.add_(slope, alpha=-step * weight)
            sigma = exp(end if arrives and place == 1.0 else u - place * step)
            denoised = _at(denoise, y, sigma)
            slopes.append(y - denoised)
        path.nfe += len(C)
        error = torch.stack([step * weight * slope for weight, slope in zip(ERROR, slopes, strict=True)]).sum(0)
        scale = tolerance * (1.0 + torch.maximum(path.y.abs(), y.abs()))
        excess = float((error / scale).square().mean().sqrt())
        if not isfinite(excess):  # no step is small enough: the run says why it stops
            path.y = y
            return
        if excess <= 1.0 or step <= SMALLEST_STEP:
            u = end if arrives else u - step
            path.y, path.denoised = y, denoised
        if not (arrives and excess <= 1.0) or excess > 0.5:  # a step cut short says little about the next
            path.step = max(step * min(10.0, max(0.2, 0.9 * max(excess, 1e-10) ** -0.2)), SMALLEST_STEP)
