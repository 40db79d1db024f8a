"""Grids: what every one of them is, on every schedule, and what each spacing says."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalog import SPACINGS
from engine.fields import RequestError
from engine.schedules import SCHEDULES, Schedule, edm, flow, from_betas, from_curves, from_drift, grid, ve

relative = partial(pytest.approx, abs=1e-30)  # approx alone also forgives 1e-12
IN_T = ["uniform_t", "quadratic", "trailing"]
IN_SIGMA = ["karras", "uniform_logsnr"]
MADE: dict[str, Schedule] = {
    **{name: make() for name, make in SCHEDULES.items()},
    "curves": from_curves(lambda t: np.cos(1.5 * t), lambda t: np.exp(3 * t) - 0.9),
    "drift": from_drift(lambda t: -math.exp(t), lambda t: 1 + t),
    "betas": from_betas(np.geomspace(1e-5, 0.5, 1000)),
}


@settings(max_examples=100)
@given(st.sampled_from(sorted(MADE)), st.sampled_from(IN_T + IN_SIGMA), st.integers(1, 1000))
def test_every_grid_falls_from_the_top_to_the_clean_level(schedule: str, spacing: str, steps: int) -> None:
    """steps + 1 levels on the schedule, σ strictly falling from σ(1) (in σ: 10,000) to 0, all but the first finite."""
    made = MADE[schedule]
    levels = grid(made, steps, spacing)
    sigmas = [level.sigma for level in levels]
    assert len(levels) == steps + 1
    assert all(high > low for high, low in pairwise(sigmas))
    assert all(math.isfinite(sigma) for sigma in sigmas[1:])
    assert levels[-1] == made.clean
    assert (levels[-1].t, levels[-1].alpha, levels[-1].std) == (0.0, pytest.approx(1), 0.0)
    top = made.sigma_max if spacing in IN_T else min(made.sigma_max, 1e4)
    assert sigmas[0] == relative(top, rel=1e-9)
    if spacing in IN_T:
        assert levels[0].t == 1.0
    elif steps > 1:
        assert sigmas[-2] == relative(made.sigma_min, rel=1e-9)
    for level in levels[:-1]:
        assert 0 <= level.t <= 1
        if level.t:  # below the σ of t = 0, which VE has, a level lies at t = 0
            assert level.alpha == relative(made.level(level.t).alpha, rel=1e-9)
            assert level.std == relative(made.level(level.t).std, rel=1e-7)


@given(
    st.sampled_from(sorted(MADE)),
    st.lists(st.integers(-90, 90), min_size=1, max_size=40, unique=True).map(lambda powers: sorted(powers)[::-1]),
)
def test_explicit_levels_are_those_listed(schedule: str, powers: list[int]) -> None:
    """σ to rounding, at the schedule's α, then the clean level."""
    made = MADE[schedule]
    sigmas = [10 ** (power / 30) for power in powers if 10 ** (power / 30) <= made.sigma_max] or [made.sigma_max / 2]
    levels = grid(made, len(sigmas), "explicit", sigmas)
    assert [level.sigma for level in levels] == relative([*sigmas, 0.0], rel=1e-14)
    assert [level.alpha for level in levels[:-1]] == [made.level_at_sigma(sigma).alpha for sigma in sigmas]
    assert levels[-1] == made.clean


def test_karras_levels_of_edm() -> None:
    """Karras et al. 2022, table 1 with n = 18: the first four, and the end."""
    sigmas = [level.sigma for level in grid(edm(), 18, "karras")]
    assert sigmas[:4] == relative([80, 57.586, 40.7856, 28.3746], rel=1e-5)
    assert sigmas[-2:] == pytest.approx([0.002, 0])


@pytest.mark.parametrize("schedule", MADE)
def test_spacings_are_even_in_what_they_say(schedule: str) -> None:
    made = MADE[schedule]

    def even(values: list[float]) -> None:
        assert np.diff(values) == relative(np.diff(values).mean(), rel=1e-6)

    even([level.t for level in grid(made, 16, "uniform_t")])
    even([math.sqrt(level.t) for level in grid(made, 16, "quadratic")])
    even([level.logsnr for level in grid(made, 16, "uniform_logsnr")[:-1]])
    even([level.sigma ** (1 / 7) for level in grid(made, 16, "karras")[:-1]])
    times = [level.t * made.discrete_steps for level in grid(made, 16, "trailing")[:-1]]
    assert times == pytest.approx(np.round(1000 * np.arange(16, 0, -1) / 16))


@pytest.mark.parametrize("spacing", IN_T + IN_SIGMA)
def test_flow_starts_without_signal_in_t_and_high_in_sigma(spacing: str) -> None:
    first, second = grid(flow(), 20, spacing)[:2]
    if spacing in IN_T:
        assert (first.t, first.alpha, first.std, first.sigma) == (1.0, 0.0, 1.0, math.inf)
    else:
        assert first.sigma == relative(1e4, rel=1e-9)
    assert math.isfinite(second.sigma)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_trailing_steps_are_those_of_diffusers() -> None:
    """For 1 to 500 steps (where it gives one too many, by rounding, that one is left away)."""
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.DDIMScheduler(timestep_spacing="trailing")
    for steps in range(1, 501):
        scheduler.set_timesteps(steps)
        expected = (scheduler.timesteps.numpy()[:steps] + 1) / 1000
        assert [level.t for level in grid(MADE["ddpm_linear"], steps, "trailing")[:-1]] == expected.tolist()


def test_a_short_list_of_betas_has_few_levels_in_t() -> None:
    """As many trailing steps as β, and not one more."""
    made = from_betas([0.1, 0.2, 0.3])
    assert [level.t for level in grid(made, 3, "trailing")] == pytest.approx([1, 2 / 3, 1 / 3, 0])
    for steps in (4, 5, 6, 100):
        with pytest.raises(RequestError, match=f"steps must be fewer: {steps} do not all differ on the schedule betas"):
            grid(made, steps, "trailing")
    with pytest.raises(RequestError, match="steps must be fewer"):
        grid(from_betas([0.5]), 2, "karras")  # σ_min is σ(1)


@pytest.mark.parametrize(
    ("sigmas", "reason"),
    [
        (None, "sigmas must be given with the spacing explicit"),
        ([], "sigmas must be 3 noise levels, one for each step, not 0"),
        ([3.0, 2.0], "sigmas must be 3 noise levels, one for each step, not 2"),
        ([3.0, 3.0, 1.0], "sigmas must fall strictly"),
        ([1.0, 2.0, 3.0], "sigmas must fall strictly"),
        ([2.0, 1.0, 0.0], "sigmas must fall strictly, to one above 0"),
        ([2.0, 1.0, -1.0], "sigmas must fall strictly, to one above 0"),
        ([2.0, math.nan, 1.0], "sigmas must fall strictly"),
        ([2.0, 1.0, math.nan], "sigmas must fall strictly"),
        ([80.001, 2.0, 1.0], "sigmas must be at most 80 on the schedule ve"),
        ([math.inf, 2.0, 1.0], "sigmas must be at most 80 on the schedule ve"),
    ],
)
def test_listed_levels_that_cannot_be_are_refused(sigmas: list[float] | None, reason: str) -> None:
    with pytest.raises(RequestError, match=rf"^{reason}.*\.$") as caught:
        grid(ve(), 3, "explicit", sigmas)
    assert caught.value.field == "sigmas"


def test_grids_that_cannot_be_are_refused() -> None:
    with pytest.raises(RequestError, match=r"^steps must be at least 1, not 0\.$"):
        grid(edm(), 0, "karras")
    with pytest.raises(RequestError, match="spacing must be one of"):
        grid(edm(), 10, "alien")
    with pytest.raises(RequestError, match=r"^sigmas must be given with the spacing explicit, and only with it\.$"):
        grid(edm(), 2, "karras", [2.0, 1.0])


def test_the_catalog_lists_every_spacing() -> None:
    assert set(SPACINGS) == {*IN_T, *IN_SIGMA, "explicit"}
