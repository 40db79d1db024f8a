"""Schedules from curves, from a list of β, and from the drift and diffusion of an SDE."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.schedules import (
    SCHEDULES,
    Level,
    Schedule,
    ddpm_linear,
    from_betas,
    from_curves,
    from_drift,
    vp_cosine_discrete,
)

relative = partial(pytest.approx, abs=1e-30)  # approx alone also forgives 1e-12
TIMES = [0.0, 1e-6, 1e-4, 0.01, 0.1, 0.37, 0.5, 0.9, 0.999, 1.0]
FROM_DRIFT: dict[str, Schedule] = {
    "vp_linear": from_drift(lambda t: -(0.1 + 19.9 * t) / 2, lambda t: math.sqrt(0.1 + 19.9 * t)),
    "sub_vp": from_drift(
        lambda t: -(0.1 + 19.9 * t) / 2,
        lambda t: math.sqrt((0.1 + 19.9 * t) * -math.expm1(-2 * (0.1 * t + 9.95 * t**2))),
    ),
    "ve": from_drift(lambda t: 0.0, lambda t: 0.01 * 8000**t * math.sqrt(2 * math.log(8000)), sigma_start=0.01),
    "edm": from_drift(lambda t: 0.0, lambda t: 80 * math.sqrt(2 * t)),
}
FROM_CURVES: dict[str, Schedule] = {
    "vp_linear": from_curves(
        lambda t: np.exp(-(0.1 * t + 9.95 * t**2) / 2), lambda t: np.sqrt(np.expm1(0.1 * t + 9.95 * t**2))
    ),
    "sub_vp": from_curves(
        lambda t: np.exp(-(0.1 * t + 9.95 * t**2) / 2), lambda t: 2 * np.sinh((0.1 * t + 9.95 * t**2) / 2)
    ),
    "ve": from_curves(lambda t: 1.0, lambda t: 0.01 * 8000**t),
    "edm": from_curves(lambda t: 1.0, std=lambda t: 80 * t),
    "flow": from_curves(lambda t: 1 - t, std=lambda t: t),
}
CUSTOM = [
    (f"{kind}-{name}", made, SCHEDULES[name]())
    for kind, all_made in (("drift", FROM_DRIFT), ("curves", FROM_CURVES))
    for name, made in all_made.items()
]
each_custom = pytest.mark.parametrize(
    ("made", "known"), [case[1:] for case in CUSTOM], ids=[case[0] for case in CUSTOM]
)


@each_custom
def test_custom_schedules_reproduce_the_known_ones(made: Schedule, known: Schedule) -> None:
    """Levels to 1e-12 relative, f and g² to 1e-9, at t = 0 exactly the start."""
    for t in TIMES:
        level, expected = made.level(t), known.level(t)
        assert level.alpha == relative(expected.alpha, rel=1e-12)
        assert level.std == relative(expected.std, rel=1e-12)
        assert made.drift(t) == relative(known.drift(t), rel=1e-9)
        assert made.diffusion_squared(t) == relative(known.diffusion_squared(t), rel=1e-9)
    assert made.level(0.0) == known.level(0.0)
    assert made.sigma_max == relative(known.sigma_max, rel=1e-12)


@each_custom
def test_t_of_sigma_is_found_without_an_inverse(made: Schedule, known: Schedule) -> None:
    """As the closed form finds it, over eight decades; at the ends, the ends."""
    for sigma in np.geomspace(1e-6, min(known.sigma_max, 1e4), 60):
        assert made.level_at_sigma(float(sigma)).t == relative(known.level_at_sigma(float(sigma)).t, rel=1e-12)
    assert made.level_at_sigma(made.sigma_max).t == 1.0
    assert made.level_at_sigma(made.sigma_max * (1 + 1e-10)).t == 1.0
    assert made.level_at_sigma(0.0) == made.clean


@given(st.sampled_from(range(len(CUSTOM))), st.floats(1e-6, 0.9999) | st.just(1.0))
def test_t_of_sigma_inverts_sigma_of_t(which: int, t: float) -> None:
    made = CUSTOM[which][1]
    assert made.level_at_sigma(made.level(t).sigma).t == relative(t, rel=1e-9)


def test_t_of_sigma_takes_few_evaluations() -> None:
    """At most 10 of σ for a level: halving alone would take 43."""
    calls: list[Any] = []

    def sigma(t: Any) -> Any:
        calls.append(t)
        return np.expm1(3 * t)

    made = from_curves(lambda t: np.cos(1.5 * t), sigma)
    made.level_at_sigma(1.0)  # with σ(1), which is kept
    for wanted in np.geomspace(1e-3, 19, 40):
        calls.clear()
        made.level_at_sigma(float(wanted))
        assert len(calls) <= 10


def test_an_inverse_is_used_where_it_is_given() -> None:
    asked = []

    def time(sigma: float) -> float:
        asked.append(sigma)
        return sigma / 80

    made = from_curves(lambda t: 1.0, lambda t: 80 * t, time=time)
    assert made.level_at_sigma(20.0).t == 0.25
    assert asked == [20.0]


@pytest.mark.parametrize("made", [FROM_CURVES["vp_linear"], FROM_DRIFT["vp_linear"]], ids=["curves", "drift"])
def test_a_custom_schedule_has_a_beta_where_it_preserves_variance(made: Schedule) -> None:
    for t in TIMES:
        assert made.beta(t) == relative(0.1 + 19.9 * t, rel=1e-9)
    assert FROM_CURVES["flow"].beta(0.5) is FROM_CURVES["ve"].beta(0.5) is FROM_DRIFT["sub_vp"].beta(0.5) is None


def test_an_alpha_that_ends_at_0_but_for_rounding_ends_at_0() -> None:
    """cos(π/2) is 6e-17: with it σ(1) would be 1.6e16, and every sampler would start there."""
    made = from_curves(lambda t: np.cos(np.pi / 2 * t), std=lambda t: np.sin(np.pi / 2 * t))
    assert made.level(1.0) == Level(1.0, 0.0, 1.0)
    assert made.level(0.5).alpha == relative(math.sqrt(0.5), rel=1e-12)
    assert made.beta(0.5) == relative(math.pi, rel=1e-9)  # −2 (log α)' = π tan(π/4)
    little = from_drift(lambda t: -40.0, lambda t: math.sqrt(80.0))
    assert little.level(1.0).alpha == relative(math.exp(-40.0), rel=1e-9), "so small on its way, it is meant so"


def test_a_drift_may_have_no_closed_form() -> None:
    """f and g² come back from the levels: f = (log α)', g² = (std²)' − 2 f std², by differences to 1e-6."""

    def f(t: float) -> float:
        return -math.exp(math.sin(5 * t))

    def g(t: float) -> float:
        return math.sqrt(1 + t) * math.cos(t)

    made, step = from_drift(f, g), 1e-5
    for t in (0.02, 0.3, 0.64, 0.99):
        early, late, level = made.level(t - step), made.level(t + step), made.level(t)
        slope = math.log(late.alpha / early.alpha) / (2 * step)
        variance = (late.std**2 - early.std**2) / (2 * step)
        assert slope == relative(f(t), rel=1e-6)
        assert variance - 2 * slope * level.std**2 == relative(g(t) ** 2, rel=1e-6)
        assert made.drift(t) == f(t)
        assert made.diffusion_squared(t) == g(t) ** 2


def test_little_noise_is_relatively_exact() -> None:
    """σ = 80 t^1.5 from g² = 3 · 80² t²: to 1e-12 also where σ is 1e-10."""
    made = from_drift(lambda t: 0.0, lambda t: 80 * math.sqrt(3) * t)
    for t in np.geomspace(1e-8, 1, 30):
        assert made.level(float(t)).std == relative(80 * t**1.5, rel=1e-12)


def test_a_kink_costs_digits_as_said() -> None:
    """β(t) = 1 + 5 max(t − 0.3, 0): to 1e-6."""
    made = from_drift(lambda t: -(1 + 5 * max(t - 0.3, 0)) / 2, lambda t: math.sqrt(1 + 5 * max(t - 0.3, 0)))
    for t in np.linspace(0, 1, 333):
        integral = t + 2.5 * max(t - 0.3, 0) ** 2
        assert made.level(float(t)).alpha == relative(math.exp(-integral / 2), rel=1e-6)


# --- lists of β ------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(1e-6, 0.999), min_size=1, max_size=50))
def test_betas_multiply(betas: list[float]) -> None:
    """ᾱ_i = Π (1 − β_j); inside a step β(t) is constant; σ is inverted; the first σ is where log grids stop."""
    made = from_betas(betas, name="mine")
    count = len(betas)
    assert (made.name, made.discrete_steps) == ("mine", count)
    product = 1.0
    for i, beta in enumerate(betas):
        product *= 1 - beta
        level = made.level((i + 1) / count)
        assert level.alpha**2 == relative(product, rel=1e-9)
        assert made.beta((i + 0.5) / count) == relative(-count * math.log1p(-beta), rel=1e-12)
        assert made.level_at_sigma(level.sigma).t == relative(level.t, rel=1e-7)
    assert made.sigma_min == relative(math.sqrt(betas[0] / (1 - betas[0])), rel=1e-9)


def test_a_list_of_betas_is_the_process_of_ddpm() -> None:
    made, known = from_betas(np.linspace(1e-4, 0.02, 1000)), ddpm_linear()
    for t in (0.0, 1e-4, 1e-3, 0.1234, 0.5, 1.0):
        assert made.level(t) == known.level(t)
        assert made.drift(t) == known.drift(t)


@pytest.mark.parametrize(
    ("made", "beta_schedule"), [(ddpm_linear(), "linear"), (vp_cosine_discrete(), "squaredcos_cap_v2")]
)
def test_discrete_schedules_are_those_of_diffusers(made: Schedule, beta_schedule: str) -> None:
    """alphas_cumprod, in its float32: 1 − β alone is off by 6e-5 relative where β is 0.999."""
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.DDPMScheduler(1000, beta_start=1e-4, beta_end=0.02, beta_schedule=beta_schedule)
    ours = [made.level((i + 1) / 1000).alpha ** 2 for i in range(1000)]
    np.testing.assert_allclose(ours, scheduler.alphas_cumprod.double().numpy(), rtol=1e-4)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("betas", "reason"),
    [
        ([], "betas must be a list"),
        ([[0.1, 0.2]], "betas must be a list"),
        ([0.1, 0.0], "betas must all be between 0 and 1"),
        ([0.1, 1.0], "betas must all be between 0 and 1"),
        ([0.1, math.nan], "betas must all be between 0 and 1"),
        ([-math.inf], "betas must all be between 0 and 1"),
    ],
)
def test_betas_that_cannot_be_are_refused(betas: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        from_betas(betas)


def one(t: Any) -> Any:
    return 1.0 + 0.0 * t


@pytest.mark.parametrize(
    ("curves", "reason"),
    [
        ({"alpha": one}, "one of sigma and std"),
        ({"alpha": one, "sigma": one, "std": one}, "one of sigma and std"),
        ({"alpha": one, "sigma": lambda t: 1 - t}, "sigma must rise with t, which it does not from t = 0 on"),
        ({"alpha": one, "sigma": one}, "sigma must rise with t"),
        (
            {"alpha": one, "sigma": lambda t: t * (1.5 - t)},
            r"sigma must rise with t, which it does not from t = 0\.75 on",
        ),
        ({"alpha": one, "sigma": lambda t: t - 0.1}, "sigma must not be below 0"),
        ({"alpha": lambda t: 0.5 - t, "std": lambda t: t}, "alpha must be above 0"),
        ({"alpha": lambda t: 1 - 1.1 * t, "std": lambda t: t}, "alpha must be above 0"),
        ({"alpha": lambda t: 1 / t, "sigma": lambda t: t}, "alpha must be finite"),
        ({"alpha": lambda t: 1 - t, "sigma": lambda t: t / (1 - t)}, "sigma must be finite"),
        ({"alpha": one, "std": lambda t: t / 0}, "std must be finite"),
        ({"alpha": lambda t: math.exp(-t), "sigma": lambda t: t}, "alpha must be a NumPy function"),
        ({"alpha": one, "sigma": lambda t: np.floor(t) + t}, "sigma must be a NumPy function"),
        ({"alpha": one, "sigma": lambda t: t + 2 * abs(t)}, "sigma must be analytic"),
        ({"alpha": lambda t: 1 - abs(t) / 2, "sigma": lambda t: t}, "alpha must be analytic"),
        ({"alpha": one, "sigma": lambda t: t, "sigma_min": 0.0}, "sigma_min must be above 0"),
        ({"alpha": one, "sigma": lambda t: t, "sigma_min": 1.0}, r"below σ\(1\) = 1"),
        ({"alpha": one, "sigma": lambda t: t, "sigma_min": math.nan}, "sigma_min must be above 0"),
    ],
)
def test_curves_that_cannot_be_are_refused(curves: dict[str, Any], reason: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=reason):
        from_curves(**curves)


@pytest.mark.parametrize(
    ("f", "g", "changes", "reason"),
    [
        (lambda t: -1 / (1 - t), lambda t: 1.0, {}, "f must be finite"),
        (lambda t: 0.0, lambda t: 1 / t, {}, "g must be finite"),
        (lambda t: 0.0, lambda t: math.log(t), {}, "g must be finite"),
        (lambda t: 0.0, lambda t: math.nan, {}, "g must be finite"),
        (lambda t: np.divide(1, t), lambda t: 1.0, {}, "f must be finite"),
        (lambda t: 0.0, lambda t: math.inf, {}, "g must be finite"),
        (lambda t: 2000.0, lambda t: 1.0, {}, "alpha must be finite"),
        (lambda t: -2000.0, lambda t: 1.0, {}, "alpha must be above 0"),
        (lambda t: 0.0, lambda t: 0.0, {}, "sigma must rise"),
        (lambda t: 0.0, lambda t: max(t - 0.5, 0.0), {}, "sigma must rise with t, which it does not from t = 0 on"),
        (lambda t: 0.0, lambda t: 1.0, {"sigma_start": -1.0}, "sigma_start must be"),
        (lambda t: 0.0, lambda t: 1.0, {"sigma_start": math.inf}, "sigma_start must be"),
        (lambda t: 0.0, lambda t: 1.0, {"sigma_min": -1.0}, "sigma_min must be above 0"),
    ],
)
def test_rates_that_cannot_be_are_refused(
    f: Callable[[float], float], g: Callable[[float], float], changes: dict[str, float], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        from_drift(f, g, **changes)
