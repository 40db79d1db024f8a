"""RK45: the solution of SciPy's, the tolerance it was given, every sample by itself, and every evaluation counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from conftest import random_network
from scipy.integrate import solve_ivp
from torch import Tensor

from engine.models import parameterization
from engine.models.denoiser import NetworkDenoiser
from engine.noise import KeyedNoise
from engine.samplers import rk45_sampler
from engine.schedules import SCHEDULES, Level, edm, grid

SHAPE = (1, 8, 8)
NETWORK = NetworkDenoiser(random_network(), parameterization.edm(), SHAPE, classes=3)


def gaussian(x: Tensor, level: Level) -> Tensor:
    """E[x_0 | x_t] for x_0 ~ N(0.7, 0.4²)."""
    return 0.7 + (level.alpha * 0.16) * (x - level.alpha * 0.7) / (level.alpha**2 * 0.16 + level.std**2)


def network(x: Tensor, level: Level) -> Tensor:
    return NETWORK(x, level, 1)


@pytest.mark.parametrize("steps", [1, 5])
def test_the_same_as_scipy(steps: int) -> None:
    """On a network, to 1e-4 in float32, with SciPy's RK45 at a tolerance far below."""
    levels = grid(edm(), steps + 1, "uniform_logsnr")[:-1]
    x = levels[0].std * KeyedNoise(3, 2, SHAPE).initial()
    *_, last = rk45_sampler(network, x, levels, KeyedNoise(3, 2, SHAPE), 1e-6)
    for row, ours in zip(x.split(1), last.x_next.split(1), strict=True):

        def slope(u: float, y: np.ndarray) -> np.ndarray:
            flat = torch.from_numpy(y).float().reshape(1, *SHAPE)
            return y - network(flat, Level(0.0, 1.0, math.exp(u))).numpy().ravel().astype(np.float64)

        span = [math.log(level.sigma) for level in (levels[0], levels[-1])]
        theirs = solve_ivp(slope, span, row.double().numpy().ravel(), rtol=1e-6, atol=1e-6).y[:, -1]
        assert np.abs(ours.double().numpy().ravel() - theirs).max() < 1e-4


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_error_follows_the_tolerance(schedule: str) -> None:
    """Against the closed form of the ODE for Gaussian data, on every schedule, in float64."""
    made = SCHEDULES[schedule]()
    levels = [made.level_at_sigma(sigma) for sigma in (50.0, 2.0, 0.05)]
    x = levels[0].std * torch.tensor([[-1.3], [0.2], [2.0]], dtype=torch.float64)
    deviations = [math.hypot(0.4, level.sigma) for level in (levels[0], levels[-1])]
    exact = 0.7 + (x / levels[0].alpha - 0.7) * deviations[1] / deviations[0]
    errors, evaluations = [], []
    for tolerance in (1e-3, 1e-5, 1e-7):
        *_, last = rk45_sampler(gaussian, x, levels, KeyedNoise(0, 3, (1,)), tolerance)
        errors.append(float((last.x_next / levels[-1].alpha - exact).abs().max()))
        evaluations.append(last.nfe)
    assert all(error < 20 * tolerance for error, tolerance in zip(errors, (1e-3, 1e-5, 1e-7), strict=True))
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert evaluations[0] < evaluations[1] < evaluations[2]


def test_a_sample_is_the_same_alone() -> None:
    """Step sizes are each sample's own: neighbours that need many more change nothing."""
    levels = grid(edm(), 6, "karras")
    x = levels[0].std * KeyedNoise(5, 3, SHAPE).initial()
    together = [step.x_next for step in rk45_sampler(network, x, levels, KeyedNoise(5, 3, SHAPE))]
    for b in range(3):
        alone = [step.x_next for step in rk45_sampler(network, x[b : b + 1], levels, KeyedNoise(5 + b, 1, SHAPE))]
        for many, one in zip(together, alone, strict=True):
            torch.testing.assert_close(many[b : b + 1], one, rtol=0, atol=1e-5)


def test_every_evaluation_is_counted() -> None:
    """nfe is the number of calls of the sample that needed most."""
    calls = []

    def counting(x: Tensor, level: Level) -> Tensor:
        calls.append(len(x))
        return torch.sin(3.0 * x / level.sigma)

    levels = grid(edm(), 4, "karras")
    x = torch.tensor([[-1.0], [80.0]], dtype=torch.float64)
    counted = []
    for row in x.split(1):
        calls.clear()
        *_, last = rk45_sampler(counting, row, levels, KeyedNoise(0, 1, (1,)))
        assert last.nfe == sum(calls)
        counted.append(last.nfe)
    assert counted[0] != counted[1]
    *_, last = rk45_sampler(counting, x, levels, KeyedNoise(0, 2, (1,)))
    assert last.nfe == max(counted)


def test_denoised_is_the_denoiser_at_x() -> None:
    levels = grid(edm(), 5, "karras")
    x = levels[0].std * KeyedNoise(5, 2, SHAPE).initial()
    for step in rk45_sampler(network, x, levels, KeyedNoise(5, 2, SHAPE)):
        torch.testing.assert_close(step.denoised, network(step.x, step.level), rtol=0, atol=2e-4)
    assert torch.equal(step.x_next, step.denoised)


def test_denoised_is_whole_where_there_is_much_noise() -> None:
    """To the last bit also in float32 at σ = 80, where y − (y − D) has lost the fifth digit of D."""
    levels = grid(edm(), 5, "karras")
    x = levels[0].std * KeyedNoise(5, 2, SHAPE).initial()
    for step in rk45_sampler(gaussian, x, levels, KeyedNoise(5, 2, SHAPE)):
        assert torch.equal(step.denoised, gaussian(step.x, step.level))
