"""Schedules and grids: closed forms, reference values, inverses, and what every grid is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalog import SPACINGS
from engine.schedules import SCHEDULES, Level, ddpm_linear, edm, grid, ve, vp_cosine, vp_linear

TIMES = [1e-4, 0.01, 0.1, 0.37, 0.5, 0.9, 1.0]


@pytest.mark.parametrize("t", TIMES)
def test_drift_and_diffusion_of_vp_linear(t: float) -> None:
    """f = −β/2, g² = β, with β linear from 0.1 to 20."""
    beta = 0.1 + 19.9 * t
    assert vp_linear().drift(t) == pytest.approx(-beta / 2, rel=1e-9)
    assert vp_linear().diffusion_squared(t) == pytest.approx(beta, rel=1e-9)


@pytest.mark.parametrize("t", TIMES)
def test_drift_and_diffusion_of_ve(t: float) -> None:
    """f = 0, g² = σ² · 2 log(σ_max/σ_min)."""
    sigma = 0.01 * (80 / 0.01) ** t
    assert ve().drift(t) == 0.0
    assert ve().diffusion_squared(t) == pytest.approx(2 * sigma**2 * math.log(8000), rel=1e-9)


@pytest.mark.parametrize("t", TIMES)
def test_drift_and_diffusion_of_edm(t: float) -> None:
    """f = 0, g² = 2 σ σ' with σ = 80 t."""
    assert edm().drift(t) == 0.0
    assert edm().diffusion_squared(t) == pytest.approx(2 * 80**2 * t, rel=1e-9)


@pytest.mark.parametrize("t", TIMES[:-1])
def test_drift_and_diffusion_of_vp_cosine(t: float) -> None:
    """β = −d log ᾱ/dt = 2 · rate · tan(angle), below the ceiling that the paper sets on it."""
    rate = math.pi / 2 / 1.008
    beta = 2 * rate * math.tan(rate * (t + 0.008))
    assert vp_cosine().drift(t) == pytest.approx(-beta / 2, rel=1e-9)
    assert vp_cosine().diffusion_squared(t) == pytest.approx(beta, rel=1e-9)


@pytest.mark.parametrize("step", [0, 1, 499, 999])
def test_drift_and_diffusion_of_ddpm_linear(step: int) -> None:
    """Inside step i: a constant β(t), with exp(−β(t)/1000) = 1 − β_i."""
    beta = -1000 * math.log1p(-(1e-4 + (0.02 - 1e-4) * step / 999))
    t = (step + 0.5) / 1000
    assert ddpm_linear().drift(t) == pytest.approx(-beta / 2, rel=1e-9)
    assert ddpm_linear().diffusion_squared(t) == pytest.approx(beta, rel=1e-9)


@pytest.mark.parametrize("schedule", ["vp_linear", "vp_cosine", "ddpm_linear"])
def test_variance_is_preserved(schedule: str) -> None:
    for t in np.linspace(0, 1, 41):
        level = SCHEDULES[schedule]().level(float(t))
        assert level.alpha**2 + level.std**2 == pytest.approx(1, abs=1e-12)


def test_reference_noise_levels() -> None:
    """The values of the literature: VP's σ(1), the ends of DDPM, EDM's first four levels of 18."""
    assert vp_linear().sigma_max == pytest.approx(152.167, rel=1e-5)
    assert ddpm_linear().level(1 / 1000).sigma == pytest.approx(math.sqrt(1e-4 / 0.9999), rel=1e-5)
    assert f"{ddpm_linear().level(1 / 1000).sigma:.5f}" == "0.01000"
    assert ddpm_linear().sigma_max == pytest.approx(157.407, rel=1e-5)
    sigmas = [level.sigma for level in grid(edm(), 18, "karras")]
    assert sigmas[:4] == pytest.approx([80, 57.586, 40.7856, 28.3746], rel=1e-5)
    assert sigmas[-2:] == pytest.approx([0.002, 0])


def test_ddpm_is_the_product_of_its_list() -> None:
    """ᾱ_i = Π (1 − β_j) at every one of the 1,000 steps."""
    products = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    alphas = [ddpm_linear().level((i + 1) / 1000).alpha for i in range(1000)]
    np.testing.assert_allclose(np.square(alphas), products, rtol=1e-12)


def test_cosine_is_its_formula_and_ends_in_a_finite_sigma() -> None:
    """ᾱ(t) = cos²(π/2 · (t + s)/(1 + s)) / cos²(π/2 · s/(1 + s)) up to the last step, where β = 0.999."""

    def expected(t: float) -> float:
        return (math.cos(math.pi / 2 * (t + 0.008) / 1.008) / math.cos(math.pi / 2 * 0.008 / 1.008)) ** 2

    for t in np.linspace(0, 0.998, 50):
        assert vp_cosine().level(float(t)).alpha ** 2 == pytest.approx(expected(float(t)), rel=1e-10)
    assert vp_cosine().diffusion_squared(1.0) == pytest.approx(-1000 * math.log(1 - 0.999), rel=1e-9)
    assert 1e3 < vp_cosine().sigma_max < 1e5
    assert vp_cosine().level(1.0).alpha > 0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_curves_take_arrays(schedule: str) -> None:
    """An array of times gives what the times give one by one."""
    times = np.linspace(0, 1, 11)
    made = SCHEDULES[schedule]()
    np.testing.assert_allclose(made.alpha(times), [made.level(float(t)).alpha for t in times], rtol=1e-14)
    np.testing.assert_allclose(made.std(times), [made.level(float(t)).std for t in times], rtol=1e-14)


@given(st.sampled_from(sorted(SCHEDULES)), st.floats(1e-4, 1))
def test_level_at_sigma_inverts_level(schedule: str, t: float) -> None:
    made = SCHEDULES[schedule]()
    level = made.level(t)
    back = made.level_at_sigma(level.sigma)
    assert back.t == pytest.approx(t, rel=1e-7)
    assert back.alpha == pytest.approx(level.alpha, rel=1e-9)
    assert back.std == pytest.approx(level.std, rel=1e-9)


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
    for sigma in (-1.0, made.sigma_max * 1.01, math.inf, math.nan):
        with pytest.raises(ValueError, match=f"on the schedule {schedule}"):
            made.level_at_sigma(sigma)
    assert made.level_at_sigma(0.0) == made.clean


def test_a_level_knows_its_ratios() -> None:
    assert Level(0.5, 0.6, 0.8).sigma == pytest.approx(4 / 3)
    assert Level(0.5, 0.6, 0.8).logsnr == pytest.approx(-2 * math.log(4 / 3))
    assert Level(0.0, 1.0, 0.0).logsnr == math.inf
    assert Level(1.0, 0.0, 1.0).sigma == math.inf


@settings(max_examples=60)
@given(st.sampled_from(sorted(SCHEDULES)), st.sampled_from(sorted(SPACINGS)), st.integers(1, 1000))
def test_every_grid_falls_from_the_top_to_the_clean_level(schedule: str, spacing: str, steps: int) -> None:
    """steps + 1 levels, σ strictly decreasing, from σ_max (10,000 at most on σ-grids) to no noise, on the schedule."""
    made = SCHEDULES[schedule]()
    levels = grid(made, steps, spacing)
    sigmas = [level.sigma for level in levels]
    assert len(levels) == steps + 1
    assert np.all(np.diff(sigmas) < 0)
    assert levels[-1] == made.clean
    assert (levels[-1].alpha, levels[-1].std) == (1.0, 0.0)
    top = made.sigma_max if spacing in ("uniform_t", "trailing") else min(made.sigma_max, 1e4)
    assert sigmas[0] == pytest.approx(top, rel=1e-9)
    for level in levels[:-1]:
        assert 0 <= level.t <= 1
        if level.t:  # below the σ of t = 0, which VE has, a level lies at t = 0
            assert level.alpha == pytest.approx(made.level(level.t).alpha, rel=1e-9)
            assert level.std == pytest.approx(made.level(level.t).std, rel=1e-7)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_spacings_are_even_in_what_they_say(schedule: str) -> None:
    made = SCHEDULES[schedule]()

    def even(values: list[float]) -> None:
        assert np.diff(values) == pytest.approx(np.diff(values).mean(), rel=1e-6)

    even([level.t for level in grid(made, 16, "uniform_t")])
    even([level.logsnr for level in grid(made, 16, "uniform_logsnr")[:-1]])
    even([level.sigma ** (1 / 7) for level in grid(made, 16, "karras")[:-1]])
    times = [level.t * made.discrete_steps for level in grid(made, 16, "trailing")[:-1]]
    assert times == pytest.approx(np.round(1000 * np.arange(16, 0, -1) / 16))


def test_grids_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="steps must be at least 1"):
        grid(edm(), 0, "karras")
    with pytest.raises(ValueError, match="spacing must be one of"):
        grid(edm(), 10, "alien")
