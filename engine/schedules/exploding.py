"""Variance exploding: α = 1, std = σ."""

from __future__ import annotations

import math

import numpy as np

from engine.schedules.schedule import Schedule


def ve(sigma_min: float = 0.01, sigma_max: float = 80.0) -> Schedule:
    """σ(t) geometric from sigma_min to sigma_max (Song et al. 2021b, eq. 30); at t = 0 there is noise left."""
    ratio = math.log(sigma_max / sigma_min)
    return Schedule(
        "ve",
        alpha=lambda t: 1.0 + 0.0 * t,
        std=lambda t: sigma_min * np.exp(ratio * t),
        time=lambda sigma: math.log(sigma / sigma_min) / ratio,
        sigma_min=sigma_min,
    )


def edm(sigma_min: float = 0.002, sigma_max: float = 80.0) -> Schedule:
    """σ = t, rescaled to t in [0, 1] (Karras et al. 2022, table 1)."""
    return Schedule(
        "edm",
        alpha=lambda t: 1.0 + 0.0 * t,
        std=lambda t: sigma_max * t,
        time=lambda sigma: sigma / sigma_max,
        sigma_min=sigma_min,
    )
