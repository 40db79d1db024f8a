"""Variance preserving: α² + std² = 1, with α² = exp(−B) and B(t) = ∫β; and sub-VP, with the same α and less noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.schedules.schedule import Curve, Schedule


def variance_preserving(
    name: str,
    integral: Curve,
    time: Callable[[float], float],
    sigma_min: float,
    discrete_steps: int = 1000,
    beta: Callable[[float], float] | None = None,
) -> Schedule:
    """α = exp(−B/2), std = sqrt(1 − exp(−B)); `time` takes B, which is log(1 + σ²), back to t.

    β(t) is B'(t), which is what `beta` is for where B is not analytic.
    """
    return Schedule(
        name,
        alpha=lambda t: np.exp(-0.5 * integral(t)),
        std=lambda t: np.sqrt(-np.expm1(-integral(t))),
        time=lambda sigma: time(math.log1p(sigma * sigma)),
        sigma_min=sigma_min,
        discrete_steps=discrete_steps,
        f=None if beta is None else lambda t: -0.5 * beta(t),
        g_squared=beta,
        has_beta=True,
    )


def _linear(beta_min: float, beta_max: float) -> tuple[Curve, Callable[[float], float]]:
    """B(t) of a β(t) linear from beta_min to beta_max (Song et al. 2021b, eq. 32), and its inverse."""
    slope = beta_max - beta_min

    def integral(t: Any) -> Any:
        return 0.5 * slope * t**2 + beta_min * t

    def time(b: float) -> float:
        return 2.0 * b / (beta_min + math.sqrt(beta_min**2 + 2.0 * slope * b))

    return integral, time


def vp_linear(beta_min: float = 0.1, beta_max: float = 20.0) -> Schedule:
    """β(t) linear from beta_min to beta_max (Song et al. 2021b, eq. 11 and 32)."""
    integral, time = _linear(beta_min, beta_max)
    return variance_preserving("vp_linear", integral, time, sigma_min=math.sqrt(math.expm1(integral(1e-3))))


def sub_vp(beta_min: float = 0.1, beta_max: float = 20.0) -> Schedule:
    """α as VP linear, std = 1 − exp(−B), so σ = 2 sinh(B/2) and g² = β (1 − exp(−2B)) (Song et al. 2021b, eq. 12).

    σ falls as t here, not as √t: `sigma_min` is taken at t = 0.01, where it is 0.002.
    """
    integral, time = _linear(beta_min, beta_max)
    return Schedule(
        "sub_vp",
        alpha=lambda t: np.exp(-0.5 * integral(t)),
        std=lambda t: -np.expm1(-integral(t)),
        time=lambda sigma: time(2.0 * math.asinh(0.5 * sigma)),
        sigma_min=2.0 * math.sinh(0.5 * integral(1e-2)),
        has_beta=True,
    )


def vp_cosine(offset: float = 0.008, max_beta: float = 0.999, discrete_steps: int = 1000) -> Schedule:
    """ᾱ(t) ∝ cos²(π/2 · (t + s)/(1 + s)) (Nichol & Dhariwal 2021, eq. 17), in continuous time.

    β(t) is held where one discrete step would exceed max_beta, so that σ(1) stays finite, as the paper's clipping does.
    """
    rate = 0.5 * math.pi / (1.0 + offset)
    ceiling = -math.log1p(-max_beta) * discrete_steps  # β(t) = 2 · rate · tan(angle) stays below it
    knee = (math.atan(ceiling / (2.0 * rate)) / rate) - offset

    def cosine(t: Any) -> Any:
        return -2.0 * np.log(np.cos(rate * (t + offset)) / math.cos(rate * offset))

    at_knee = float(cosine(knee))

    def integral(t: Any) -> Any:
        return np.where(np.real(t) <= knee, cosine(t), at_knee + ceiling * (t - knee))

    def time(b: float) -> float:
        if b > at_knee:
            return knee + (b - at_knee) / ceiling
        return math.acos(math.exp(-0.5 * b) * math.cos(rate * offset)) / rate - offset

    return variance_preserving("vp_cosine", integral, time, sigma_min=math.sqrt(math.expm1(float(integral(1e-3)))))
