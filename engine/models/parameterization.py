"""What a network predicts, as four numbers a level: D(x) = skip · x + out · F(into · x, label).

D is the denoiser E[x_0 | x_t], F the raw network. Training has one loss, w(level) · ‖F − (x_0 − skip · x) / out‖²
(Karras et al. 2022, eq. 8, where w = 1 makes the loss equally large at every level for EDM's coefficients).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from engine import schedules
from engine.schedules import Level, Schedule


class Coefficients(NamedTuple):
    """skip, out and into scale x, F and F's input; label is the noise level as the network is told it."""

    skip: float
    out: float
    into: float
    label: float


@dataclass(frozen=True)
class Parameterization:
    """A prediction target on the schedule it was trained on."""

    name: str
    schedule: Schedule
    coefficients: Callable[[Level], Coefficients]


def edm(sigma_data: float = 0.5, schedule: Schedule | None = None) -> Parameterization:
    """Preconditioning with unit-variance input and target (Karras et al. 2022, table 1)."""

    def coefficients(level: Level) -> Coefficients:
        sigma, total = level.sigma, math.hypot(level.sigma, sigma_data)
        return Coefficients(
            skip=sigma_data**2 / total**2 / level.alpha,
            out=sigma * sigma_data / total,
            into=1.0 / (total * level.alpha),
            label=math.log(sigma) / 4.0,
        )

    return Parameterization("edm", schedule or schedules.edm(), coefficients)


def epsilon(schedule: Schedule) -> Parameterization:
    """F = ε (Ho et al. 2020, eq. 12); the label is the index of the discrete step."""
    return Parameterization(
        "epsilon", schedule, lambda level: Coefficients(1.0 / level.alpha, -level.sigma, 1.0, _step(schedule, level))
    )


def sample(schedule: Schedule) -> Parameterization:
    """F = x_0."""
    return Parameterization("sample", schedule, lambda level: Coefficients(0.0, 1.0, 1.0, _step(schedule, level)))


def velocity(schedule: Schedule) -> Parameterization:
    """F = v = α ε − std x_0 (Salimans & Ho 2022, appendix D)."""

    def coefficients(level: Level) -> Coefficients:
        power = level.alpha**2 + level.std**2
        return Coefficients(level.alpha / power, -level.std / power, 1.0, _step(schedule, level))

    return Parameterization("velocity", schedule, coefficients)


def flow(schedule: Schedule | None = None) -> Parameterization:
    """F = ε − x_0, the dx/dt of rectified flow (Liu et al. 2023, eq. 1; Lipman et al. 2023); the label is t."""

    def coefficients(level: Level) -> Coefficients:
        total = level.alpha + level.std
        return Coefficients(1.0 / total, -level.std / total, 1.0, level.t)

    return Parameterization("flow", schedule or schedules.flow(), coefficients)


def _step(schedule: Schedule, level: Level) -> float:
    return level.t * schedule.discrete_steps - 1.0
