"""The schedules: closed forms of f and g², reference noise levels, β, and t of σ."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import catalog
from engine.schedules import (
    SCHEDULES,
    Level,
    Schedule,
    ddpm_linear,
    edm,
    flow,
    sub_vp,
    ve,
    vp_cosine,
    vp_cosine_discrete,
    vp_linear,
)

TIMES = [1e-4, 0.01, 0.1, 0.37, 0.5, 0.9, 1.0]
RATE = math.pi / 2 / 1.008  # of the cosine's angle
Rate = Callable[[float], float]
relative = partial(pytest.approx, abs=1e-30)  # approx alone also forgives 1e-12


def linear(t: float) -> float:
    return 0.1 + 19.9 * t


def cosine(t: float) -> float:
    """−d log ᾱ/dt, below the ceiling that the paper sets on it."""
    return 2 * RATE * math.tan(RATE * (t + 0.008))


def below_vp(t: float) -> float:
    return linear(t) * -math.expm1(-2 * (0.1 * t + 19.9 * t**2 / 2))


CLOSED: dict[str, tuple[Rate, Rate]] = {  # f and g²
    "vp_linear": (lambda t: -linear(t) / 2, linear),
    "vp_cosine": (lambda t: -cosine(t) / 2, cosine),
    "sub_vp": (lambda t: -linear(t) / 2, below_vp),
    "ve": (lambda t: 0.0, lambda t: 2 * (0.01 * 8000**t) ** 2 * math.log(8000)),
    "edm": (lambda t: 0.0, lambda t: 2 * 80**2 * t),
    "flow": (lambda t: -1 / (1 - t), lambda t: 2 * t / (1 - t)),
}


@pytest.mark.parametrize("t", [*TIMES[:-1], 0.99])
@pytest.mark.parametrize("schedule", CLOSED)
def test_drift_and_diffusion_are_the_closed_forms(schedule: str, t: float) -> None:
    """f and g² derived from α and std, to 1e-9 relative."""
    f, g_squared = CLOSED[schedule]
    made = SCHEDULES[schedule]()
    assert made.drift(t) == relative(f(t), rel=1e-9)
    assert made.diffusion_squared(t) == relative(g_squared(t), rel=1e-9)


@pytest.mark.parametrize("made", [ddpm_linear(), vp_cosine_discrete()], ids=lambda made: made.name)
@pytest.mark.parametrize("step", [1, 2, 500, 999, 1000])
def test_drift_and_diffusion_of_discrete_steps(made: Schedule, step: int) -> None:
    """Inside step i and at its end: a constant β(t), with exp(−β(t)/1000) = 1 − β_i = ᾱ_i/ᾱ_{i−1}."""
    before, after = made.level((step - 1) / 1000), made.level(step / 1000)
    beta = -2000 * math.log(after.alpha / before.alpha)
    for t in ((step - 0.5) / 1000, step / 1000):
        assert made.drift(t) == relative(-beta / 2, rel=1e-9)
        assert made.diffusion_squared(t) == relative(beta, rel=1e-9)
    if step == 1:
        assert made.drift(0.0) == relative(-beta / 2, rel=1e-9)


def test_without_signal_the_rates_are_infinite() -> None:
    """f → −∞ and g² → +∞ as α → 0; neither is an exception."""
    assert flow().drift(1.0) == -math.inf
    assert flow().diffusion_squared(1.0) == math.inf
    assert flow().level(1.0) == Level(1.0, 0.0, 1.0)
    assert flow().sigma_max == math.inf


@pytest.mark.parametrize("t", [0.0, *TIMES])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_beta_is_minus_twice_the_drift_where_there_is_one(schedule: str, t: float) -> None:
    made = SCHEDULES[schedule]()
    beta = made.beta(t)
    if schedule in ("ve", "edm", "flow"):
        assert beta is None
    else:
        assert beta == -2 * made.drift(t)
        assert beta > 0
    if schedule in ("vp_linear", "sub_vp"):
        assert beta == relative(linear(t), rel=1e-9)


@pytest.mark.parametrize("schedule", ["vp_linear", "vp_cosine", "vp_cosine_discrete", "ddpm_linear"])
def test_variance_is_preserved(schedule: str) -> None:
    for t in np.linspace(0, 1, 41):
        level = SCHEDULES[schedule]().level(float(t))
        assert level.alpha**2 + level.std**2 == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("t", TIMES)
def test_sub_vp_has_less_noise_than_vp(t: float) -> None:
    """The same α, and std = std_VP²: never above it (Song et al. 2021, eq. 29)."""
    below, preserving = sub_vp().level(t), vp_linear().level(t)
    assert below.alpha == preserving.alpha
    assert below.std == relative(preserving.std**2, rel=1e-12)


@pytest.mark.parametrize("t", [1e-12, 1e-9, 1e-6])
def test_little_noise_is_relatively_exact(t: float) -> None:
    """1 − exp(−B) is B − B²/2 + B³/6 for small B, with nothing lost."""
    b = 0.1 * t + 9.95 * t**2
    variance = b - b**2 / 2 + b**3 / 6
    assert vp_linear().level(t).std == relative(math.sqrt(variance), rel=1e-12)
    assert sub_vp().level(t).std == relative(variance, rel=1e-12)


def test_reference_noise_levels() -> None:
    """The values of the literature: VP's σ(1), the ends of DDPM."""
    assert vp_linear().sigma_max == relative(152.167, rel=1e-5)
    assert ddpm_linear().level(1 / 1000).sigma == relative(math.sqrt(1e-4 / 0.9999), rel=1e-5)
    assert f"{ddpm_linear().level(1 / 1000).sigma:.5f}" == "0.01000"
    assert ddpm_linear().sigma_max == relative(157.407, rel=1e-5)
    assert (edm().sigma_max, ve().sigma_max) == relative((80, 80), rel=1e-12)
    assert flow().level(0.75).sigma == 3.0


def test_ddpm_is_the_product_of_its_list() -> None:
    """ᾱ_i = Π (1 − β_j) at every one of the 1,000 steps."""
    products = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    alphas = [ddpm_linear().level((i + 1) / 1000).alpha for i in range(1000)]
    np.testing.assert_allclose(np.square(alphas), products, rtol=1e-12)


def alpha_bar(t: float) -> float:
    """ᾱ(t) = cos²(π/2 · (t + s)/(1 + s)) / cos²(π/2 · s/(1 + s)), s = 0.008."""
    return (math.cos(RATE * (t + 0.008)) / math.cos(RATE * 0.008)) ** 2


def test_cosine_is_its_formula_and_ends_in_a_finite_sigma() -> None:
    """Up to the last step, where β = 0.999."""
    for t in np.linspace(0, 0.998, 50):
        assert vp_cosine().level(float(t)).alpha ** 2 == relative(alpha_bar(float(t)), rel=1e-10)
    assert vp_cosine().diffusion_squared(1.0) == relative(-1000 * math.log(1 - 0.999), rel=1e-9)
    assert 1e3 < vp_cosine().sigma_max < 1e5
    assert vp_cosine().level(1.0).alpha > 0


def test_discrete_cosine_is_its_formula_with_one_step_clipped() -> None:
    """ᾱ at every step but the last, where β would be 1 and is 0.999."""
    alphas = [vp_cosine_discrete().level(i / 1000).alpha for i in range(1001)]
    np.testing.assert_allclose(np.square(alphas[:-1]), [alpha_bar(i / 1000) for i in range(1000)], rtol=1e-10)
    assert (alphas[-1] / alphas[-2]) ** 2 == relative(0.001, rel=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_curves_take_arrays(schedule: str) -> None:
    """An array of times gives what the times give one by one."""
    times = np.linspace(0, 1, 11)
    made = SCHEDULES[schedule]()
    np.testing.assert_allclose(made.alpha(times), [made.level(float(t)).alpha for t in times], rtol=1e-14)
    np.testing.assert_allclose(made.std(times), [made.level(float(t)).std for t in times], rtol=1e-14)


@given(st.sampled_from(sorted(SCHEDULES)), st.floats(1e-4, 0.9999) | st.just(1.0))
def test_level_at_sigma_inverts_level(schedule: str, t: float) -> None:
    made = SCHEDULES[schedule]()
    level = made.level(t)
    back = made.level_at_sigma(level.sigma)
    assert back.t == relative(t, rel=1e-7)
    assert back.alpha == relative(level.alpha, rel=1e-9)
    assert back.std == relative(level.std, rel=1e-9)


@given(st.sampled_from(sorted(SCHEDULES)), st.floats(0, 1), st.floats(0, 1))
def test_sigma_rises_with_time(schedule: str, one: float, other: float) -> None:
    made = SCHEDULES[schedule]()
    early, late = sorted((one, other))
    assert made.level(early).sigma <= made.level(late).sigma * (1 + 1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_levels_outside_are_refused(schedule: str) -> None:
    made = SCHEDULES[schedule]()
    for t in (-0.01, 1.01, math.nan):
        with pytest.raises(ValueError, match="t must be from 0 to 1"):
            made.level(t)
    above = [made.sigma_max * 1.01, math.inf] if math.isfinite(made.sigma_max) else []
    for sigma in (-1.0, math.nan, *above):
        with pytest.raises(ValueError, match=f"on the schedule {schedule}"):
            made.level_at_sigma(sigma)
    assert made.level_at_sigma(0.0) == made.clean
    assert made.level_at_sigma(made.sigma_max).t == relative(1, rel=1e-12)


def test_a_level_knows_its_ratios() -> None:
    assert Level(0.5, 0.6, 0.8).sigma == pytest.approx(4 / 3)
    assert Level(0.5, 0.6, 0.8).snr == pytest.approx(9 / 16)
    assert Level(0.5, 0.6, 0.8).logsnr == pytest.approx(math.log(9 / 16))
    clean, noise = Level(0.0, 1.0, 0.0), Level(1.0, 0.0, 1.0)
    assert (clean.sigma, clean.snr, clean.logsnr) == (0.0, math.inf, math.inf)
    assert (noise.sigma, noise.snr, noise.logsnr) == (math.inf, 0.0, -math.inf)


def test_the_catalog_lists_every_schedule() -> None:
    assert set(catalog.SCHEDULES) == set(SCHEDULES)
    assert all(made().name == name for name, made in SCHEDULES.items())
