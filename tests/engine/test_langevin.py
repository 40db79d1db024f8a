"""Langevin dynamics: its stationary law in closed form, NCSN's algorithm written out, the corrector step by step."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.noise import KeyedNoise
from engine.request import Request
from engine.runs import run
from engine.samplers import bridge, langevin_sampler, predictor_corrector_sampler
from engine.schedules import SCHEDULES, Level, grid

MEAN, DEVIATION = 0.7, 0.4


def gaussian(x: Tensor, level: Level) -> Tensor:
    """E[x_0 | x_t] for x_0 ~ N(MEAN, DEVIATION²)."""
    signal = (level.alpha * DEVIATION) ** 2
    return MEAN + (level.alpha * DEVIATION**2) * (x - level.alpha * MEAN) / (signal + level.std**2)


def score(x: Tensor, level: Level) -> Tensor:
    return (level.alpha * gaussian(x, level) - x) / level.std**2


def draws(seed: int) -> tuple[Tensor, KeyedNoise]:
    noise = KeyedNoise(seed, 3, (5,), dtype=torch.float64)
    return noise.initial(), noise


@pytest.mark.parametrize("step_size", [0.02, 0.2, 0.9])
@pytest.mark.parametrize("schedule", ["edm", "vp_linear"])
def test_langevin_at_one_level_has_its_stationary_law(schedule: str, step_size: float) -> None:
    """x ← c x + … with c = 1 − ½ δ (1 − a) settles at N(α m, δ std² / (1 − c²)), which is p_t as δ → 0. No sampling:
    one row for each draw, so that the rows are the weights of an affine map.
    """
    level = SCHEDULES[schedule]().level_at_sigma(0.5)
    contraction = 1.0 - 0.5 * step_size * level.std**2 / ((level.alpha * DEVIATION) ** 2 + level.std**2)
    steps = math.ceil(math.log(1e-6) / math.log(contraction))
    x = torch.zeros(steps + 2, dtype=torch.float64)  # row 0: nothing; 1: unit start; 2 + n: unit noise in step n
    x[1] = 1.0

    def noise(step: int, stage: int = 0) -> Tensor:
        return torch.eye(1, len(x), step + 2, dtype=torch.float64)[0]

    def eye(step: int, stage: int = 0) -> Tensor:
        unit = torch.zeros_like(x)
        unit[step + 2] = 1.0
        return unit

    *_, last = langevin_sampler(gaussian, x, [level] * (steps + 1), eye, step_size)
    weights = last.x_next[1:] - last.x_next[0]
    assert float(last.x_next[0]) == pytest.approx(level.alpha * MEAN, abs=1e-5)
    assert float(weights[0]) == pytest.approx(0.0, abs=1e-5)
    stationary = step_size * level.std**2 / (1.0 - contraction**2)
    assert float(weights[1:].square().sum()) == pytest.approx(stationary, rel=1e-6)
    exact = (level.alpha * DEVIATION) ** 2 + level.std**2
    assert stationary == pytest.approx(exact, rel=step_size / 3)
    assert last.nfe == steps


def test_annealed_langevin_is_algorithm_1_of_ncsn() -> None:
    """Song & Ermon 2019, algorithm 1, with α_i = ε σ_i²/σ_L², then denoised."""
    sigmas, each, epsilon = [10.0, 3.0, 1.0, 0.3], 4, 0.02
    x, noise = draws(1)
    levels = [Level(0.0, 1.0, sigma) for sigma in sigmas for _ in range(each)] + [
        Level(0.0, 1.0, sigmas[-1]),
        Level(0.0, 1.0, 0.0),
    ]
    *_, last = langevin_sampler(gaussian, x, levels, noise, epsilon / sigmas[-1] ** 2)
    draw = 0
    for sigma in sigmas:
        size = epsilon * sigma**2 / sigmas[-1] ** 2
        for _ in range(each):
            x = x + size / 2 * score(x, Level(0.0, 1.0, sigma)) + math.sqrt(size) * noise(draw)
            draw += 1
    assert_close(last.x, x, rtol=1e-12, atol=1e-12)
    assert_close(last.x_next, gaussian(x, Level(0.0, 1.0, sigmas[-1])), rtol=1e-12, atol=1e-12)
    assert last.nfe == len(sigmas) * each + 1


@pytest.mark.parametrize("each", [1, 3])
def test_a_run_takes_as_many_steps_at_every_level(each: int) -> None:
    """The last level with noise has its M steps too, and one more, which denoises."""
    request = Request(model="moons", sampler="annealed_langevin", langevin_steps=each, steps=4, particles=10)
    steps = list(run(request))
    noisy = [level.sigma for level in grid(SCHEDULES["edm"](), 4, request.spacing)[:-1]]
    assert [step.level.sigma for step in steps] == [*(sigma for sigma in noisy for _ in range(each)), noisy[-1]]
    assert steps[-1].nfe == 4 * each + 1
    assert not torch.equal(steps[-2].x_next, steps[-2].denoised)
    assert_close(steps[-1].x_next, steps[-1].denoised)


def test_a_step_of_langevin_follows_the_signal_to_the_next_level() -> None:
    """On a variance-preserving list x/α is handed on."""
    levels = [SCHEDULES["vp_linear"]().level_at_sigma(sigma) for sigma in (2.0, 1.0)]
    x, noise = draws(2)
    (step,) = langevin_sampler(gaussian, x, levels, noise, 0.1)
    moved = x + 0.05 * levels[0].std ** 2 * score(x, levels[0]) + math.sqrt(0.1) * levels[0].std * noise(0)
    assert_close(step.x_next / levels[1].alpha, moved / levels[0].alpha, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_the_corrector_is_langevin_at_the_new_level(lam: float) -> None:
    levels = grid(SCHEDULES["vp_linear"](), 4, "uniform_t")
    x, noise = draws(3)
    x = levels[0].std * x
    for step in predictor_corrector_sampler(gaussian, x, levels, noise, lam, 2, 0.1):
        x = bridge(x, gaussian(x, step.level), step.level, step.next, lam, noise(step.index))
        for stage in (1, 2) if step.next.std else ():
            pull = 0.05 * step.next.std**2 * score(x, step.next)
            x = x + pull + math.sqrt(0.1) * step.next.std * noise(step.index, stage)
        assert_close(step.x_next, x, rtol=1e-12, atol=1e-12)
    assert step.nfe == 3 * 3 + 1
