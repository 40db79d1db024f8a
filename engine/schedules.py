"""Noise schedules: how much signal and how much noise there is at time t, and the grids that samplers walk.

A schedule gives x_t = α(t) x_0 + std(t) ε for t in [0, 1]; everything else follows from α and std (MATHS: marginals).
All of it is Python and NumPy in float64. A level is three floats, never a tensor: a step asks no device anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.catalog import SPACINGS

Curve = Callable[[Any], Any]
"""A function of t, written with NumPy so that it takes floats, arrays and complex numbers (see `Schedule.drift`)."""


@dataclass(frozen=True, slots=True)
class Level:
    """One noise level: x = alpha · x_0 + std · ε, reached at time t of a schedule."""

    t: float
    alpha: float
    std: float

    @property
    def sigma(self) -> float:
        """Noise-to-signal ratio σ = std / α; infinite where no signal is left."""
        return self.std / self.alpha if self.alpha else math.inf

    @property
    def logsnr(self) -> float:
        """log-SNR = −2 log σ; +∞ at the clean level."""
        sigma = self.sigma
        return -2.0 * math.log(sigma) if sigma else math.inf


@dataclass(frozen=True)
class Schedule:
    """A forward process, from two analytic curves α(t) and std(t) on [0, 1].

    `time` inverts σ(t). `sigma_min` is where logarithmic grids stop before the clean level. `discrete_steps` is the
    number of steps of a process defined on a list of β, and 1000 for the continuous ones.
    """

    name: str
    alpha: Curve
    std: Curve
    time: Callable[[float], float]
    sigma_min: float
    discrete_steps: int = 1000

    @property
    def sigma_max(self) -> float:
        """σ at t = 1; infinite where the signal vanishes."""
        return self.level(1.0).sigma

    @property
    def clean(self) -> Level:
        """The level without noise, in which every grid ends."""
        return Level(0.0, float(self.alpha(0.0)), 0.0)

    def level(self, t: float) -> Level:
        """The level at time t in [0, 1]. Raises ValueError outside."""
        if not 0.0 <= t <= 1.0:
            raise ValueError(f"t must be from 0 to 1, not {t:g}")
        return Level(float(t), float(self.alpha(t)), float(self.std(t)))

    def level_at_sigma(self, sigma: float) -> Level:
        """The level whose noise-to-signal ratio is sigma, from 0 (clean) to `sigma_max`. Raises ValueError outside."""
        if sigma == 0.0:
            return self.clean
        if not 0.0 < sigma <= self.sigma_max * (1 + 1e-9):
            raise ValueError(f"sigma must be from 0 to {self.sigma_max:g} on the schedule {self.name}, not {sigma:g}")
        t = min(max(self.time(sigma), 0.0), 1.0)
        alpha = float(self.alpha(t))
        return Level(t, alpha, sigma * alpha) if alpha else self.level(t)

    def drift(self, t: float) -> float:
        """f(t) = α'/α of the forward SDE dx = f x dt + g dW (Song et al. 2021, eq. 5)."""
        return _derivative(self.alpha, t) / float(self.alpha(t))

    def diffusion_squared(self, t: float) -> float:
        """g²(t) = (std²)' − 2 f std², which is 2 α² σ σ' (Karras et al. 2022, eq. 152)."""
        variance = _derivative(lambda s: self.std(s) ** 2, t)
        return variance - 2.0 * self.drift(t) * float(self.std(t)) ** 2


def _derivative(curve: Curve, t: float) -> float:
    """Complex-step derivative: exact to rounding, for analytic curves, with nothing to cancel."""
    step = 1e-30
    return float(np.imag(curve(t + 1j * step)) / step)


# --- variance preserving: α² + std² = 1, with α² = exp(−B) and B(t) = ∫β --------------------------------------------


def _variance_preserving(
    name: str, integral: Curve, time: Callable[[float], float], sigma_min: float, discrete_steps: int = 1000
) -> Schedule:
    """α = exp(−B/2), std = sqrt(1 − exp(−B)); `time` takes B, which is log(1 + σ²), back to t."""
    return Schedule(
        name,
        alpha=lambda t: np.exp(-0.5 * integral(t)),
        std=lambda t: np.sqrt(-np.expm1(-integral(t))),
        time=lambda sigma: time(math.log1p(sigma * sigma)),
        sigma_min=sigma_min,
        discrete_steps=discrete_steps,
    )


def vp_linear(beta_min: float = 0.1, beta_max: float = 20.0) -> Schedule:
    """β(t) linear from beta_min to beta_max (Song et al. 2021, eq. 32)."""
    slope = beta_max - beta_min

    def integral(t: Any) -> Any:
        return 0.5 * slope * t**2 + beta_min * t

    def time(b: float) -> float:
        return 2.0 * b / (beta_min + math.sqrt(beta_min**2 + 2.0 * slope * b))

    return _variance_preserving("vp_linear", integral, time, sigma_min=math.sqrt(math.expm1(integral(1e-3))))


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

    return _variance_preserving("vp_cosine", integral, time, sigma_min=math.sqrt(math.expm1(float(integral(1e-3)))))


def ddpm_linear(beta_min: float = 1e-4, beta_max: float = 0.02, discrete_steps: int = 1000) -> Schedule:
    """The discrete process of DDPM (Ho et al. 2020, section 4): β_i linear, α²(i/T) = Π (1 − β_j).

    Between its steps it goes on with constant β(t), so that log α² is piecewise linear; t = i/T is the i-th step.
    """
    knots = np.concatenate([[0.0], -np.cumsum(np.log1p(-np.linspace(beta_min, beta_max, discrete_steps)))])

    def integral(t: Any) -> Any:
        left = np.clip(np.ceil(np.real(t) * discrete_steps - 1e-9).astype(int) - 1, 0, discrete_steps - 1)
        return knots[left] + (knots[left + 1] - knots[left]) * (t * discrete_steps - left)

    def time(b: float) -> float:
        return float(np.interp(b, knots, np.arange(discrete_steps + 1))) / discrete_steps

    first = math.sqrt(math.expm1(knots[1]))
    return _variance_preserving("ddpm_linear", integral, time, sigma_min=first, discrete_steps=discrete_steps)


# --- variance exploding: α = 1, std = σ ------------------------------------------------------------------------------


def ve(sigma_min: float = 0.01, sigma_max: float = 80.0) -> Schedule:
    """σ(t) geometric from sigma_min to sigma_max (Song et al. 2021, eq. 30)."""
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


SCHEDULES: dict[str, Callable[[], Schedule]] = {
    "edm": edm,
    "vp_linear": vp_linear,
    "vp_cosine": vp_cosine,
    "ddpm_linear": ddpm_linear,
    "ve": ve,
}


# --- grids -----------------------------------------------------------------------------------------------------------


def grid(schedule: Schedule, steps: int, spacing: str) -> list[Level]:
    """The steps + 1 levels of a run, from the noisiest to the clean one. Raises ValueError for an unknown spacing.

    * karras: equal steps of σ^(1/7) (Karras et al. 2022, eq. 5)
    * uniform_t: equal steps of t
    * uniform_logsnr: equal steps of log σ (Lu et al. 2022, section 4)
    * trailing: equal steps of t on the discrete process, counted from its noisy end (Lin et al. 2024, section 3.3)
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    if spacing not in SPACINGS:
        raise ValueError(f"spacing must be one of {', '.join(SPACINGS)}, not {spacing!r}")
    if spacing in ("uniform_t", "trailing"):
        times = np.arange(steps, 0, -1) / steps
        if spacing == "trailing":
            times = np.maximum(np.round(times * schedule.discrete_steps), 1) / schedule.discrete_steps
        return [*(schedule.level(float(t)) for t in times), schedule.clean]
    low, high = schedule.sigma_min, min(schedule.sigma_max, 1e4)
    place = np.arange(steps) / max(steps - 1, 1)  # 0 at the noisiest level, 1 at sigma_min
    if spacing == "karras":
        rho = 7.0
        sigmas = (high ** (1 / rho) + place * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    else:
        sigmas = np.exp(math.log(high) + place * math.log(low / high))
    return [*(schedule.level_at_sigma(float(min(sigma, high))) for sigma in sigmas), schedule.clean]
