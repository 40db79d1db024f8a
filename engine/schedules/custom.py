"""Schedules of one's own: from curves α(t) and σ(t), or from the drift f(t) and the diffusion g(t) of an SDE."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.schedules.quadrature import NODES, Antiderivative
from engine.schedules.schedule import Curve, Schedule

Array = np.ndarray[Any, Any]

_TIMES = np.linspace(0.0, 1.0, 1025)  # where curves are checked; σ is inverted between two of them
NOTHING = 1e-12  # the share of the largest α that is rounding at t = 1


def from_curves(
    alpha: Curve,
    sigma: Curve | None = None,
    *,
    std: Curve | None = None,
    name: str = "curves",
    sigma_min: float | None = None,
    time: Callable[[float], float] | None = None,
) -> Schedule:
    """x_t = α x_0 + α σ ε for t from 0 to 1, with any analytic α(t), and any analytic σ(t) that rises.

    The curves are NumPy functions of t. `std` = α σ may be given in place of `sigma`, and must be where α(1) = 0,
    since σ(1) = ∞ is no number. σ(0) may be above 0, as VE's is. `time` inverts σ(t); without it, bracketing does.
    `sigma_min`, where logarithmic grids stop, is σ(0.001) unless given. There is a β(t) where α² + std² is 1.
    Raises ValueError, saying why, for curves that make no schedule.
    """
    if sigma is not None and std is None:
        label, noise = "sigma", _product(alpha, sigma)
    elif std is not None and sigma is None:
        label, noise = "std", std
    else:
        raise ValueError("one of sigma and std must be given, and not both")
    _table("alpha", alpha)
    _table(label, noise)
    _check_analytic("alpha", alpha)
    _check_analytic(label, noise)
    return _checked(name, alpha, noise, sigma_min, time)


def from_drift(
    f: Callable[[float], float],
    g: Callable[[float], float],
    *,
    name: str = "drift",
    sigma_start: float = 0.0,
    sigma_min: float | None = None,
) -> Schedule:
    """The schedule of dx = f(t) x dt + g(t) dW: α = exp ∫f, σ² = sigma_start² + ∫ g²/α² (Karras et al. 2022, B.1).

    By quadrature: to 1e-12 where f and g are smooth on [0, 1], to about 1e-6 with a kink inside, 1e-3 with a jump.
    f and g take and give one number. `sigma_start` is the noise there is at t = 0, as VE has. The rest is as in
    `from_curves`.
    """
    if not 0.0 <= sigma_start < np.inf:
        raise ValueError(f"sigma_start must be a number from 0 up, not {sigma_start:g}")
    rates, squares = _at_nodes("f", f), _at_nodes("g", g) ** 2
    with np.errstate(all="ignore"):  # what overflows is refused below
        log_alpha = Antiderivative(rates)
        variance = Antiderivative(squares * np.exp(-2.0 * log_alpha(NODES)))

    def alpha(t: Any) -> Any:
        return np.exp(log_alpha(t))

    def std(t: Any) -> Any:
        return alpha(t) * np.sqrt(sigma_start**2 + variance(t))

    return _checked(name, alpha, std, sigma_min, f=lambda t: float(f(t)), g_squared=lambda t: float(g(t)) ** 2)


def _product(one: Curve, other: Curve) -> Curve:
    return lambda t: one(t) * other(t)


def _checked(
    name: str,
    alpha: Curve,
    std: Curve,
    sigma_min: float | None,
    time: Callable[[float], float] | None = None,
    f: Callable[[float], float] | None = None,
    g_squared: Callable[[float], float] | None = None,
) -> Schedule:
    """The schedule, if α stays positive and σ rises."""
    signal = _table("alpha", alpha)
    if 0.0 < signal[-1] < NOTHING * signal.max() < signal[-2]:  # it ends there, but for rounding
        alpha = _ending(alpha, NOTHING * float(signal.max()))
        signal = _table("alpha", alpha)
    if not (np.all(signal[:-1] > 0.0) and signal[-1] >= 0.0):
        raise ValueError("alpha must be above 0 for t below 1, and not below 0 at t = 1")
    noise = _table("std", std)
    if noise[0] < 0.0:
        raise ValueError("sigma must not be below 0 at t = 0")
    with np.errstate(all="ignore"):  # ∞ at t = 1 is allowed
        sigmas = noise / signal
        rising = np.diff(sigmas) > 0.0
    if not rising.all():
        raise ValueError(f"sigma must rise with t, which it does not from t = {_TIMES[np.argmin(rising)]:.4g} on")
    if sigma_min is None:
        sigma_min = float(std(1e-3) / alpha(1e-3))
    elif not 0.0 < sigma_min < sigmas[-1]:
        raise ValueError(f"sigma_min must be above 0 and below σ(1) = {sigmas[-1]:g}, not {sigma_min:g}")
    return Schedule(
        name,
        alpha,
        std,
        time or _inverse(alpha, std, sigmas),
        sigma_min,
        f=f,
        g_squared=g_squared,
        has_beta=np.allclose(signal**2 + noise**2, 1.0, rtol=0.0, atol=1e-9),
    )


def _ending(alpha: Curve, least: float) -> Curve:
    """The curve, but 0 where it is below `least`: cos(π/2) is 6e-17 in float64, and means 0."""

    def ends(t: Any) -> Any:
        values = alpha(t)
        return np.where(np.real(values) < least, 0.0, values)

    return ends


def _table(label: str, curve: Curve) -> Array:
    """The curve at `_TIMES`, all finite."""
    try:
        with np.errstate(all="ignore"):
            values = np.broadcast_to(np.asarray(curve(_TIMES), dtype=np.float64), _TIMES.shape)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{label} must be a NumPy function of t, which takes arrays and complex numbers") from error
    if not np.isfinite(values).all():
        raise ValueError(f"{label} must be finite for t from 0 to 1")
    return values


def _check_analytic(label: str, curve: Curve) -> None:
    """f and g² come from the imaginary part of the curve, which abs(t), or a comparison of t, would lose."""
    times, step = np.linspace(0.03, 0.97, 7), 1e-6
    try:
        exact = np.imag(curve(times + 1e-30j)) / 1e-30
    except (TypeError, ValueError) as error:
        raise ValueError(f"{label} must be a NumPy function of t, which takes arrays and complex numbers") from error
    slope = (curve(times + step) - curve(times - step)) / (2.0 * step)
    if not np.all(np.abs(slope - exact) <= 1e-3 * np.abs(slope) + 1e-6 * np.abs(curve(times))):
        raise ValueError(f"{label} must be analytic in t: its derivative is not what its complex values say")


def _at_nodes(label: str, rate: Callable[[float], float]) -> Array:
    """f or g at the nodes of the quadrature [panels, order]; finite there and at both ends."""
    try:
        with np.errstate(all="ignore"):
            values = np.array([float(rate(t)) for t in (0.0, *NODES.ravel().tolist(), 1.0)])
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"{label} must be finite for t from 0 to 1") from error
    if not np.isfinite(values).all():
        raise ValueError(f"{label} must be finite for t from 0 to 1")
    return values[1:-1].reshape(NODES.shape)


def _inverse(alpha: Curve, std: Curve, sigmas: Array) -> Callable[[float], float]:
    """t of σ, where `sigmas` is σ at `_TIMES`: the root of std(t) − σ α(t), which is finite and changes sign there."""

    def time(sigma: float) -> float:
        right = int(np.searchsorted(sigmas, sigma))
        if right in (0, len(sigmas)):
            return 1.0 if right else 0.0
        return _root(lambda t: float(std(t) - sigma * alpha(t)), float(_TIMES[right - 1]), float(_TIMES[right]))

    return time


def _root(curve: Callable[[float], float], a: float, b: float) -> float:
    """The root between a and b, to rounding: inverse quadratic steps where safe, else halving (Chandrupatla 1997).

    The curve rises from a to b. Where rounding leaves it on one side of 0, the end next to 0 is the root.
    """
    at_a, at_b, part = curve(a), curve(b), 0.5
    if at_a >= 0.0 or at_b <= 0.0:
        return a if at_a >= 0.0 else b
    while True:
        t = a + part * (b - a)
        at_t = curve(t)
        if (at_t > 0.0) == (at_a > 0.0):
            c, at_c = a, at_a
        else:
            c, at_c, b, at_b = b, at_b, a, at_a
        a, at_a = t, at_t
        best, at_best = (a, at_a) if abs(at_a) < abs(at_b) else (b, at_b)
        limit = (2.0 * sys.float_info.epsilon * best + 1e-300) / abs(b - a)
        if limit > 0.5 or at_best == 0.0:
            return best
        place, height = (a - b) / (c - b), (at_a - at_b) / (at_c - at_b)
        part = 0.5
        if height**2 < place and (1.0 - height) ** 2 < 1.0 - place:
            part = at_a / (at_b - at_a) * at_c / (at_b - at_c)
            part += (c - a) / (b - a) * at_a / (at_c - at_a) * at_b / (at_c - at_b)
        part = min(max(part, limit), 1.0 - limit)
