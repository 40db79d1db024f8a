"""Paths through the plane: the one of the ODE through a point, and those of the SDE that begin at it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from math import ceil, exp, log

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.lab import subject
from engine.noise import Noise
from engine.samplers import Denoise, bridge, bridge_sampler
from engine.schedules import Level

Paths = Generator[None, None, NDArray[np.float32]]
"""Paths in x̄, as they are made."""

SMALLEST, LARGEST = 1e-3, 1e3  # of the σ between which the ODE is solved; beyond, D hardly changes
SPAN = 0.25  # of log σ, in one step


def through(denoise: Denoise, x: Tensor, levels: Sequence[Level], index: int) -> Paths:
    """x̄ [N + 1, d] of the probability-flow ODE through x [1, 1, d] at levels[index], to both ends."""
    path = np.empty((len(levels), x.shape[-1]), np.float32)
    path[index] = subject.numbers(x[0, 0]) / subject.scale(levels[index])
    for way in (range(index, len(levels) - 1), range(index, 0, -1)):
        there = x
        for place in way:
            to = place + way.step
            there = walked(denoise, there, levels[place], levels[to])
            path[to] = subject.numbers(there[0, 0]) / subject.scale(levels[to])
            yield None
    return path


def walked(denoise: Denoise, x: Tensor, level: Level, to: Level) -> Tensor:
    """x carried along the ODE from one level to another, up or down, in steps of at most SPAN.

    With y = x/α and u = log σ it is dy/du = y − D(y), the same on every schedule, by the classical Runge–Kutta method.
    Where σ is above LARGEST or below SMALLEST, D is held and the bridge is exact.
    """
    start, end = (min(max(each.sigma, SMALLEST), LARGEST) for each in (level, to))
    if start == end:
        return bridge(x, denoise(x, level), level, to) if level.std else x * (to.alpha / level.alpha)
    if level.sigma != start:  # onto the part that is solved
        near = Level(level.t, 1.0, start)
        x = bridge(x, denoise(x, level), level, near) if level.std else x / level.alpha
        level = near
    y, u = x / level.alpha, log(start)
    steps = ceil(abs(log(end) - u) / SPAN)
    h = (log(end) - u) / steps

    def slope(y: Tensor, u: float) -> Tensor:
        return y - denoise(y, Level(level.t, 1.0, exp(u)))

    for _ in range(steps):
        k1 = slope(y, u)
        k2 = slope(y + 0.5 * h * k1, u + 0.5 * h)
        k3 = slope(y + 0.5 * h * k2, u + 0.5 * h)
        k4 = slope(y + h * k3, u + h)
        y, u = y + (h / 6.0) * (k1 + 2.0 * (k2 + k3) + k4), u + h
    if to.sigma == end:
        return to.alpha * y
    last = Level(to.t, 1.0, end)
    return bridge(y, denoise(y, last), last, to)


def down(denoise: Denoise, x: Tensor, levels: Sequence[Level], noise: Noise, lam: float) -> Paths:
    """x̄ [n, M, d] of the λ-SDE from x [1, n, d] at the first of M levels, by the bridge of order 2.

    At a level that comes again, as those of Langevin do, it stays where it is.
    """
    places = [index for index, level in enumerate(levels) if not index or level.sigma < levels[index - 1].sigma]
    ends = [*places[1:], len(levels)]
    paths = np.empty((x.shape[1], len(levels), x.shape[2]), np.float32)
    paths[:, : ends[0]] = subject.numbers(x[0])[:, None] / subject.scale(levels[0])
    for step in bridge_sampler(denoise, x, [levels[place] for place in places], noise, lam):
        there = slice(places[step.index + 1], ends[step.index + 1])
        paths[:, there] = subject.numbers(step.x_next[0])[:, None] / subject.scale(step.next)
        yield None
    return paths
