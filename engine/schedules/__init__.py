"""Noise schedules: how much signal and how much noise there is at time t, and the grids that samplers walk.

A schedule gives x_t = α(t) x_0 + std(t) ε for t in [0, 1]; everything else follows from α and std.
All of it is Python and NumPy in float64. A level is three floats, never a tensor: a step asks no device anything.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.schedules.custom import from_curves, from_drift
from engine.schedules.discrete import ddpm_linear, from_betas, vp_cosine_discrete
from engine.schedules.exploding import edm, ve
from engine.schedules.flow import flow
from engine.schedules.grids import grid
from engine.schedules.schedule import Curve, Level, Schedule
from engine.schedules.variance_preserving import sub_vp, vp_cosine, vp_linear

__all__ = [
    "SCHEDULES",
    "Curve",
    "Level",
    "Schedule",
    "ddpm_linear",
    "edm",
    "flow",
    "from_betas",
    "from_curves",
    "from_drift",
    "grid",
    "sub_vp",
    "ve",
    "vp_cosine",
    "vp_cosine_discrete",
    "vp_linear",
]

SCHEDULES: dict[str, Callable[[], Schedule]] = {
    "edm": edm,
    "vp_linear": vp_linear,
    "vp_cosine": vp_cosine,
    "vp_cosine_discrete": vp_cosine_discrete,
    "sub_vp": sub_vp,
    "ddpm_linear": ddpm_linear,
    "ve": ve,
    "flow": flow,
}
"""The schedules that a request can name, as in `engine.catalog`."""
