"""A level of noise, and a schedule: the two curves α(t) and std(t), and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
    def snr(self) -> float:
        """Signal-to-noise ratio α² / std² = 1/σ²; +∞ at the clean level."""
        return (self.alpha / self.std) ** 2 if self.std else math.inf

    @property
    def logsnr(self) -> float:
        """log-SNR = −2 log σ; +∞ at the clean level, −∞ where no signal is left."""
        sigma = self.sigma
        return -2.0 * math.log(sigma) if sigma else math.inf


@dataclass(frozen=True)
class Schedule:
    """A forward process, from two curves α(t) and std(t) on [0, 1], with σ = std/α strictly rising.

    `time` inverts σ(t). `sigma_min` is where logarithmic grids stop before the clean level. `discrete_steps` is the
    number of steps of a process defined on a list of β, and 1000 for the continuous ones. `f` and `g_squared` are
    given where they are known; without them the curves must be analytic, and are differentiated. `has_beta` says that
    the drift is −½ β(t) x.
    """

    name: str
    alpha: Curve
    std: Curve
    time: Callable[[float], float]
    sigma_min: float
    discrete_steps: int = 1000
    f: Callable[[float], float] | None = None
    g_squared: Callable[[float], float] | None = None
    has_beta: bool = False

    @cached_property
    def sigma_max(self) -> float:
        """σ at t = 1; infinite where the signal vanishes."""
        return self.level(1.0).sigma

    @cached_property
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
        if math.isinf(sigma):
            return self.level(1.0)
        t = min(max(self.time(sigma), 0.0), 1.0)
        alpha = float(self.alpha(t))
        return Level(t, alpha, sigma * alpha) if alpha else self.level(t)

    def drift(self, t: float) -> float:
        """f(t) = α'/α of the forward SDE dx = f x dt + g dW (Song et al. 2021b, eq. 5); −∞ where no signal is left."""
        if self.f is not None:
            return self.f(t)
        alpha = _dual(self.alpha, t)
        return alpha.imag / alpha.real / _STEP if alpha.real else -math.inf

    def diffusion_squared(self, t: float) -> float:
        """g²(t) = (std²)' − 2 f std², which is 2 α² σ σ' (Karras et al. 2022, eq. 34); +∞ where no signal is left."""
        if self.g_squared is not None:
            return self.g_squared(t)
        variance = _dual(self.std, t) ** 2
        return variance.imag / _STEP - 2.0 * self.drift(t) * variance.real

    def beta(self, t: float) -> float | None:
        """β(t) = −2 f(t) in continuous time (a step of a list of β has β(t)/T = −log(1 − β_i)); else None."""
        return -2.0 * self.drift(t) if self.has_beta else None


_STEP = 1e-30


def _dual(curve: Curve, t: float) -> complex:
    """curve(t) + i · step · curve'(t): exact to rounding, for analytic curves, with nothing to cancel."""
    return complex(curve(t + 1j * _STEP))
