"""One step of the bridge is the step of every sampler that it claims to be, to rounding (float64)."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.samplers import bridge
from engine.schedules import SCHEDULES, Level, grid

VARIANCE_PRESERVING = ["vp_linear", "vp_cosine", "ddpm_linear"]
EXPLODING = ["ve", "edm"]
LAMBDAS = [0.0, 0.3, 0.5, 1.0, 2.0]


def draw(level: Level) -> tuple[Tensor, Tensor, Tensor]:
    """x at the level, a denoised sample, and fresh noise, in float64."""
    denoised, noise, z = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return level.alpha * denoised + level.std * noise + 0.1 * noise.flip(0), denoised, z


def steps(schedule: str) -> list[tuple[Level, Level]]:
    """Steps all over the range of a schedule, none of them to the clean level."""
    return list(pairwise(grid(SCHEDULES[schedule](), 12, "uniform_logsnr")[:-1]))


def ddim(x: Tensor, denoised: Tensor, level: Level, next_level: Level, eta: float, z: Tensor) -> Tensor:
    """Song et al. 2021 (DDIM), eq. 12 and 16, for any α and std: x₁ = α₁ D + sqrt(std₁² − s²) ε + s z."""
    eps = (x - level.alpha * denoised) / level.std
    ratio = next_level.sigma / level.sigma
    spread = eta * next_level.std * math.sqrt(1 - ratio**2)
    return next_level.alpha * denoised + math.sqrt(next_level.std**2 - spread**2) * eps + spread * z


def same(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_lambda_0_is_ddim(schedule: str) -> None:
    for level, next_level in steps(schedule):
        x, denoised, z = draw(level)
        same(bridge(x, denoised, level, next_level), ddim(x, denoised, level, next_level, 0.0, z))
        same(bridge(x, denoised, level, next_level, 0.0, z), ddim(x, denoised, level, next_level, 0.0, z))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_lambda_0_is_euler_in_sigma(schedule: str) -> None:
    for level, next_level in steps(schedule):
        x, denoised, _ = draw(level)
        y = x / level.alpha
        y_next = y + (next_level.sigma - level.sigma) * (y - denoised) / level.sigma
        same(bridge(x, denoised, level, next_level), next_level.alpha * y_next)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("lam", LAMBDAS)
def test_lambda_is_ddim_with_its_eta(schedule: str, lam: float) -> None:
    """η = sqrt((1 − r^(2λ²)) / (1 − r²)), which is 0 at λ = 0 and 1 at λ = 1."""
    for level, next_level in steps(schedule):
        x, denoised, z = draw(level)
        ratio = next_level.sigma / level.sigma
        eta = math.sqrt((1 - ratio ** (2 * lam**2)) / (1 - ratio**2))
        if lam in (0.0, 1.0):
            assert eta == pytest.approx(lam, abs=1e-12)
        same(bridge(x, denoised, level, next_level, lam, z), ddim(x, denoised, level, next_level, eta, z))


@pytest.mark.parametrize("schedule", VARIANCE_PRESERVING)
def test_lambda_1_is_the_posterior_of_ddpm(schedule: str) -> None:
    """Ho et al. 2020, eq. 6 and 7: mean μ̃ and variance β̃ of q(x_{t−1} | x_t, x_0)."""
    for level, next_level in steps(schedule):
        x, denoised, z = draw(level)
        beta = 1 - (level.alpha / next_level.alpha) ** 2
        mean = next_level.alpha * beta / level.std**2 * denoised
        mean = mean + math.sqrt(1 - beta) * (next_level.std / level.std) ** 2 * x
        variance = (next_level.std / level.std) ** 2 * beta
        same(bridge(x, denoised, level, next_level, 1.0, z), mean + math.sqrt(variance) * z)


@pytest.mark.parametrize("schedule", EXPLODING)
def test_lambda_1_is_ancestral_sampling_of_smld(schedule: str) -> None:
    """Song et al. 2021, eq. 47."""
    for level, next_level in steps(schedule):
        x, denoised, z = draw(level)
        score = (denoised - x) / level.std**2
        fall = level.std**2 - next_level.std**2
        spread = math.sqrt(next_level.std**2 * fall / level.std**2)
        same(bridge(x, denoised, level, next_level, 1.0, z), x + fall * score + spread * z)


@pytest.mark.parametrize("lam", LAMBDAS)
@pytest.mark.parametrize("level", [Level(0.5, 0.6, 0.8), Level(1.0, 0.0, 1.0)], ids=["signal", "no signal"])
def test_the_clean_level_is_the_denoised_sample(lam: float, level: Level) -> None:
    x, denoised, z = draw(level)
    assert torch.equal(bridge(x, denoised, level, Level(0.0, 1.0, 0.0), lam, z), denoised)
    assert_close(bridge(x, denoised, level, Level(0.0, 0.9, 0.0), lam, z), 0.9 * denoised)


@pytest.mark.parametrize("lam", LAMBDAS)
def test_a_level_without_signal_is_left(lam: float) -> None:
    """At α₀ = 0 the old x is only noise: kept as it is at λ = 0, replaced by fresh noise at any other λ."""
    level, next_level = Level(1.0, 0.0, 1.0), Level(0.9, 0.1, 0.9)
    x, denoised, z = draw(level)
    same(bridge(x, denoised, level, next_level, lam, z), 0.1 * denoised + 0.9 * (z if lam else x))


@pytest.mark.parametrize("lam", LAMBDAS)
def test_two_steps_of_a_held_denoiser_are_one(lam: float) -> None:
    """The bridge integrates exactly: with D held, mean and variance do not depend on the stops on the way."""
    first, middle, last = (SCHEDULES["vp_linear"]().level_at_sigma(sigma) for sigma in (20.0, 3.0, 0.1))
    x, denoised, _ = draw(first)
    none, one = torch.zeros_like(x), torch.ones_like(x)

    def step(x: Tensor, level: Level, next_level: Level, z: Tensor) -> Tensor:
        return bridge(x, denoised, level, next_level, lam, z)

    direct = step(x, first, last, none)
    halfway = step(x, first, middle, none)
    stopped = step(halfway, middle, last, none)
    same(stopped, direct)
    early = step(step(x, first, middle, one), middle, last, none) - stopped
    late = step(halfway, middle, last, one) - stopped
    same(early**2 + late**2, (step(x, first, last, one) - direct) ** 2)
