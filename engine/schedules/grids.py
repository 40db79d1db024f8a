"""Grids: the noise levels that a sampler visits, from the noisiest to the clean one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from engine.catalog import SPACINGS
from engine.fields import RequestError
from engine.schedules.schedule import Level, Schedule

_HIGHEST = 1e4  # where grids in σ start on a schedule that goes on above, or to ∞


def grid(schedule: Schedule, steps: int, spacing: str, sigmas: Sequence[float] | None = None) -> list[Level]:
    """The steps + 1 levels of a run: σ strictly falling, from the noisiest to the clean one.

    * karras: equal steps of σ^(1/7) (Karras et al. 2022, eq. 5)
    * uniform_t: equal steps of t
    * uniform_logsnr: equal steps of log σ (DPM-Solver, Lu et al. 2022a)
    * quadratic: equal steps of √t (Song et al. 2021a, appendix D.2)
    * trailing: equal steps of t on the discrete process, counted from its noisy end (Lin et al. 2024, section 3.3)
    * explicit: the `sigmas`, one for each step, from the highest to the lowest above 0

    The grids in t start at t = 1, also where σ is ∞ there; karras and uniform_logsnr lie between `sigma_min` and
    σ(1), or 10,000. Raises RequestError, which names the argument, for what cannot be.
    """
    if steps < 1:
        raise RequestError("steps", f"steps must be at least 1, not {steps}.")
    if spacing not in SPACINGS:
        raise RequestError("spacing", f"spacing must be one of {', '.join(SPACINGS)}, not {spacing!r}.")
    if (spacing == "explicit") != (sigmas is not None):
        raise RequestError("sigmas", "sigmas must be given with the spacing explicit, and only with it.")
    if sigmas is not None:
        levels = _explicit(schedule, steps, sigmas)
    elif spacing in ("karras", "uniform_logsnr"):
        levels = [schedule.level_at_sigma(sigma) for sigma in _sigmas(schedule, steps, spacing)]
    else:
        levels = [schedule.level(t) for t in _times(schedule, steps, spacing)]
    levels.append(schedule.clean)
    if not all(level.sigma > after.sigma for level, after in pairwise(levels)):
        name = "steps" if sigmas is None else "sigmas"
        raise RequestError(name, f"{name} must be fewer: {steps} do not all differ on the schedule {schedule.name}.")
    return levels


def _times(schedule: Schedule, steps: int, spacing: str) -> list[float]:
    """t of every level but the clean one, from 1 down."""
    if spacing == "trailing":  # arange as in `diffusers`, so that halves are rounded to the same steps
        count = schedule.discrete_steps
        places = np.round(np.arange(count, 0, -count / steps)[:steps]) / count
    else:
        places = (np.arange(steps, 0, -1) / steps) ** (2 if spacing == "quadratic" else 1)
    times: list[float] = places.tolist()
    return times


def _sigmas(schedule: Schedule, steps: int, spacing: str) -> list[float]:
    """σ of every level but the clean one, from the highest to `sigma_min`."""
    low, high = schedule.sigma_min, min(schedule.sigma_max, _HIGHEST)
    place = np.arange(steps) / max(steps - 1, 1)  # 0 at the noisiest level, 1 at sigma_min
    if spacing == "karras":
        rho = 7.0
        values = (high ** (1 / rho) + place * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    else:
        values = np.exp(math.log(high) + place * math.log(low / high))
    sigmas: list[float] = np.minimum(values, high).tolist()
    return sigmas


def _explicit(schedule: Schedule, steps: int, sigmas: Sequence[float]) -> list[Level]:
    """The levels of a list of σ."""
    if len(sigmas) != steps:
        raise RequestError("sigmas", f"sigmas must be {steps} noise levels, one for each step, not {len(sigmas)}.")
    if not (all(high > low for high, low in pairwise(sigmas)) and sigmas[-1] > 0.0):
        raise RequestError("sigmas", "sigmas must fall strictly, to one above 0.")
    if not sigmas[0] <= schedule.sigma_max:
        raise RequestError("sigmas", f"sigmas must be at most {schedule.sigma_max:g} on the schedule {schedule.name}.")
    return [schedule.level_at_sigma(float(sigma)) for sigma in sigmas]
