"""Processes defined on a list of β, one for each discrete step: x_i = sqrt(1 − β_i) x_{i−1} + sqrt(β_i) z."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.schedules.schedule import Schedule
from engine.schedules.variance_preserving import variance_preserving


def from_betas(betas: Sequence[float] | np.ndarray[Any, Any], name: str = "betas") -> Schedule:
    """α²(i/T) = Π (1 − β_j) over the first i of T steps (Ho et al. 2020, eq. 4).

    Between its steps it goes on with constant β(t), so that log α² is piecewise linear; t = i/T is the i-th step, and
    f and g² there are those of the step that ends in it. Raises ValueError unless every β is between 0 and 1.
    """
    values = np.asarray(betas, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError("betas must be a list of numbers, one for each step")
    if not np.all((values > 0.0) & (values < 1.0)):
        raise ValueError("betas must all be between 0 and 1, and neither 0 nor 1")
    if math.exp(float(np.log1p(-values).sum())) == 0.0:
        raise ValueError("betas must leave some signal, and these have α = 0 at the end")
    count = len(values)
    rises = -np.log1p(-values)  # of B(t) = −log α², over each step
    knots = np.concatenate([[0.0], np.cumsum(rises)])
    places = np.arange(count + 1) / count
    rates = (count * rises).tolist()

    def integral(t: Any) -> Any:
        return np.interp(t, places, knots)

    def time(b: float) -> float:
        return float(np.interp(b, knots, places))

    def beta(t: float) -> float:
        rate: float = rates[min(max(math.ceil(t * count - 1e-9) - 1, 0), count - 1)]
        return rate

    first = math.sqrt(math.expm1(float(knots[1])))
    return variance_preserving(name, integral, time, sigma_min=first, discrete_steps=count, beta=beta)


def ddpm_linear(beta_min: float = 1e-4, beta_max: float = 0.02, discrete_steps: int = 1000) -> Schedule:
    """The process of DDPM: β_i linear (Ho et al. 2020, section 4)."""
    return from_betas(np.linspace(beta_min, beta_max, discrete_steps), "ddpm_linear")


def vp_cosine_discrete(offset: float = 0.008, max_beta: float = 0.999, discrete_steps: int = 1000) -> Schedule:
    """β_i = 1 − ᾱ_i/ᾱ_{i−1}, at most max_beta, with ᾱ ∝ cos² (Nichol & Dhariwal 2021, eq. 17)."""
    signal = np.cos(0.5 * math.pi * (np.arange(discrete_steps + 1) / discrete_steps + offset) / (1.0 + offset)) ** 2
    return from_betas(np.minimum(1.0 - signal[1:] / signal[:-1], max_beta), "vp_cosine_discrete")
