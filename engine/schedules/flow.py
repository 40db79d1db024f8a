"""Rectified flow: the straight line from a sample to noise, which ends without any signal."""

from __future__ import annotations

from engine.schedules.schedule import Schedule


def flow() -> Schedule:
    """α = 1 − t, std = t (Liu et al. 2023; Lipman et al. 2023, with time from data to noise); σ(1) = ∞.

    f = −1/(1 − t) and g² = 2t/(1 − t), both infinite at t = 1.
    """
    return Schedule(
        "flow",
        alpha=lambda t: 1.0 - t,
        std=lambda t: 1.0 * t,
        time=lambda sigma: sigma / (1.0 + sigma),
        sigma_min=1e-3,
    )
