"""The noise levels of a request, as a list that a person can edit."""

from __future__ import annotations

import math

from engine.catalog import cards
from engine.request import Request
from engine.schedules import SCHEDULES, edm, grid

HIGHEST = 1e4  # stands for the level of a schedule that has no signal left


def listed(request: Request) -> tuple[float, ...]:
    """σ of every noisy level that the request's spacing gives, to six figures; EDM's for a model's own schedule.

    A network knows no more and no less than EDM's range: what lies beyond it is listed at its end.
    """
    levels = grid(SCHEDULES[request.schedule or "edm"](), request.steps, request.spacing)[:-1]
    sigmas = [level.sigma if math.isfinite(level.sigma) else HIGHEST for level in levels]
    short = [float(f"{sigma:.6g}") for sigma in sigmas]
    if short[0] > sigmas[0]:  # above the most that the schedule has
        short[0] = sigmas[0]
    if request.model in cards():
        low, high = edm().sigma_min, edm().sigma_max
        short = sorted({min(max(sigma, low), high) for sigma in short}, reverse=True)
    return tuple(short)
