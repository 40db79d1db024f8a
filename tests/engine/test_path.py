"""The shared Brownian path: its increments are exact, and runs of any length follow it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from engine.noise import KeyedNoise, PathNoise
from engine.samplers import bridge_sampler, euler_sampler
from engine.schedules import SCHEDULES, Level, edm, grid


def levels(steps: int, spacing: str = "uniform_logsnr", schedule: str = "edm") -> list[Level]:
    return grid(SCHEDULES[schedule](), steps, spacing)


def path(steps: int, count: int = 2, seed: int = 3, shape: tuple[int, ...] = (4, 4)) -> PathNoise:
    return PathNoise(KeyedNoise(seed, count, shape), levels(steps))


def rises(noise: PathNoise, steps: int) -> list[tuple[float, float, Tensor]]:
    """(place, next place, W(place) − W(next)) of every noisy step."""
    return [
        (high, low, math.sqrt(high - low) * noise(k)) for k, (high, low) in enumerate(pairwise(noise.places[:steps]))
    ]


def test_coarse_increments_are_sums_of_fine_ones() -> None:
    """20 steps and 400 walk the same path: W between two common levels is the same, to rounding."""
    sigmas = np.geomspace(80.0, 0.002, 401)
    fine = PathNoise(KeyedNoise(3, 2, (4, 4)), [Level(0.0, 1.0, float(s)) for s in sigmas])
    coarse = PathNoise(KeyedNoise(3, 2, (4, 4)), [Level(0.0, 1.0, float(s)) for s in sigmas[::20]])
    small = rises(fine, 401)
    for k, (high, low, rise) in enumerate(rises(coarse, 21)):
        parts = small[20 * k : 20 * (k + 1)]
        assert (parts[0][0], parts[-1][1]) == (high, low)
        total = torch.stack([part for *_, part in parts]).sum(0)
        torch.testing.assert_close(total, rise, rtol=0, atol=2e-3 * math.sqrt(high - low))


def test_every_draw_is_standard_normal_and_independent() -> None:
    """Kolmogorov–Smirnov over 40 steps × 2,000 numbers, and the correlations of all pairs of steps, each by a test with
    a false-alarm rate of 1e-4 (Bonferroni).
    """
    noise = path(41, count=1, shape=(2000,))
    draws = np.stack([noise(k).numpy().ravel() for k in range(40)])
    assert stats.kstest(draws.ravel(), "norm").pvalue > 1e-4
    assert min(stats.kstest(row, "norm").pvalue for row in draws) > 1e-4 / 40
    correlations = np.corrcoef(draws)[np.triu_indices(40, 1)]
    bound = stats.norm.isf(1e-4 / len(correlations) / 2) / math.sqrt(2000)
    assert np.abs(correlations).max() < bound


def test_a_sample_is_the_same_alone_and_in_any_order() -> None:
    many, one = path(10, count=3, seed=5), path(10, count=1, seed=6)
    forward = [many(k) for k in range(9)]
    assert all(torch.equal(forward[k][1:2], one(k)) for k in range(9))
    assert all(torch.equal(forward[k], many(k)) for k in reversed(range(9)))


def test_schedules_share_the_path_by_sigma() -> None:
    """The same σ on another schedule is the same place on the path."""
    sigmas = [20.0, 3.0, 0.4]
    made = [[SCHEDULES[name]().level_at_sigma(sigma) for sigma in sigmas] for name in ("edm", "vp_linear", "flow")]
    noises = [PathNoise(KeyedNoise(1, 1, (6,)), list_) for list_ in made]
    for k in (0, 1):
        assert torch.equal(noises[0](k), noises[1](k))
        assert torch.equal(noises[0](k), noises[2](k))


def test_ends_and_equal_levels_have_draws_too() -> None:
    """No signal, the clean level, and two levels in one cell: standard normal, never 0/0."""
    list_ = [Level(1.0, 0.0, 1.0), Level(0.9, 0.1, 0.9), Level(0.9, 0.1, 0.9 * (1 - 1e-7)), Level(0.0, 1.0, 0.0)]
    noise = PathNoise(KeyedNoise(1, 1, (500,)), list_)
    for k in range(3):
        assert 0.8 < float(noise(k).std()) < 1.2
    assert torch.equal(noise(1), KeyedNoise(1, 1, (500,))(1))
    assert torch.equal(noise(0, 1), KeyedNoise(1, 1, (500,))(0, 1)), "stages after the first are not on the path"


def nonlinear(x: Tensor, level: Level) -> Tensor:
    """Two points, ±1: E[x_0 | x_t] = tanh(α x / std²)."""
    return torch.tanh(level.alpha * x / level.std**2)


@pytest.mark.parametrize("sampler", ["bridge", "euler"])
def test_runs_of_any_length_converge_to_one_path(sampler: str) -> None:
    """Strong convergence at λ = 1: along the path the distance to a run of 4,096 steps falls with N; with a draw for
    each step it does not.
    """

    def final(steps: int, shared: bool) -> Tensor:
        made = [edm().level_at_sigma(float(s)) for s in np.geomspace(20.0, 0.3, steps + 1)]
        keyed = KeyedNoise(0, 1, (500,), dtype=torch.float64)
        noise = PathNoise(keyed, made) if shared else keyed
        x = made[0].std * keyed.initial()
        if sampler == "bridge":
            *_, last = bridge_sampler(nonlinear, x, made, noise, 1.0, 1)
        else:
            *_, last = euler_sampler(nonlinear, x, made, noise, edm(), 1.0)
        return last.x_next

    counts = [32, 128, 512]
    reference = final(4096, shared=True)
    errors = [float((final(n, shared=True) - reference).square().mean().sqrt()) for n in counts]
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope > 0.65
    apart = [float((final(n, shared=False) - final(4096, shared=False)).square().mean().sqrt()) for n in counts]
    assert min(apart) > 10 * errors[-1]


@pytest.mark.parametrize("lam", [0.5, 2.0])
def test_lanes_of_other_stochasticity_see_the_same_noise(lam: float) -> None:
    seen: dict[float, list[Tensor]] = {}
    made = levels(12)
    for value in (1.0, lam):
        keyed = KeyedNoise(0, 1, (50,))
        noise = PathNoise(keyed, made)
        seen[value] = []

        def recorded(step: int, stage: int = 0, value: float = value, noise: PathNoise = noise) -> Tensor:
            seen[value].append(noise(step, stage))
            return seen[value][-1]

        for _ in bridge_sampler(nonlinear, made[0].std * keyed.initial(), made, recorded, value, 1):
            pass
    assert len(seen[lam]) == 11
    assert all(torch.equal(a, b) for a, b in zip(seen[1.0], seen[lam], strict=True))
