"""Order of convergence and the marginals of the λ family, with no Monte Carlo.

For Gaussian data the exact denoiser is affine, so a whole run is an affine map of the starting point and of every
draw of noise. Driving the real sampler with unit inputs gives that map, and with it the exact mean and variance of
what the sampler makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.models.mixture import Mixture
from engine.noise import Noise
from engine.samplers import (
    Denoise,
    Step,
    bridge_sampler,
    ddim_sampler,
    ddpm_large_sampler,
    euler_sampler,
    heun_sampler,
    predictor_corrector_sampler,
    unipc_sampler,
)
from engine.schedules import SCHEDULES, Level, grid

MEAN, DEVIATION = 0.7, 0.4  # of the data
LAMBDAS = [0.0, 0.5, 1.0, 2.0]
COUNTS = [64, 128, 256]
Sampler = Callable[[Denoise, Tensor, Sequence[Level], Noise], Iterator[Step]]


def exact(x: Tensor, level: Level) -> Tensor:
    """E[x_0 | x_t] for x_0 ~ N(MEAN, DEVIATION²)."""
    signal = (level.alpha * DEVIATION) ** 2
    return MEAN + (level.alpha * DEVIATION**2) * (x - level.alpha * MEAN) / (signal + level.std**2)


def marginal(level: Level) -> tuple[float, float]:
    """Mean and standard deviation of x_t."""
    return level.alpha * MEAN, math.hypot(level.alpha * DEVIATION, level.std)


def result(sampler: Sampler, levels: Sequence[Level], stages: int = 1) -> tuple[float, float]:
    """Exact mean and standard deviation of the sampler's result, started on the exact marginal of the first level."""
    steps = stages * (len(levels) - 1)
    x = torch.zeros(steps + 2, dtype=torch.float64)  # row 0: nothing; 1: unit start; 2 + n: unit noise in draw n
    x[1] = 1.0

    def noise(step: int, stage: int = 0) -> Tensor:
        unit = torch.zeros_like(x)
        unit[stages * step + stage + 2] = 1.0
        return unit

    *_, last = sampler(exact, x, levels, noise)
    offset = last.x_next[0]
    weights = last.x_next[1:] - offset  # of the start and of every draw
    mean, deviation = marginal(levels[0])
    weights[0] *= deviation
    return float(offset + weights[0] / deviation * mean), float(weights.norm())


def slope(sampler: Sampler, schedule: str, counts: Sequence[int] = COUNTS) -> float:
    """−d log(error) / d log N: error is the Wasserstein distance of the result to the exact marginal.

    On uniform steps of log σ between two fixed noise levels.
    """
    made = SCHEDULES[schedule]()
    errors = []
    for steps in counts:
        levels = [made.level_at_sigma(float(sigma)) for sigma in np.geomspace(20.0, 0.05, steps + 1)]
        mean, deviation = result(sampler, levels)
        wanted_mean, wanted_deviation = marginal(levels[-1])
        errors.append(math.hypot(mean - wanted_mean, deviation - wanted_deviation))
    return float(-np.polyfit(np.log(counts), np.log(errors), 1)[0])


def bridge(lam: float, order: int) -> Sampler:
    return lambda denoise, x, levels, noise: bridge_sampler(denoise, x, levels, noise, lam, order)


@pytest.mark.parametrize("schedule", ["edm", "vp_linear"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("lam", LAMBDAS)
def test_order_of_the_bridge(lam: float, order: int, schedule: str, record_property: Callable[..., None]) -> None:
    """Every λ has the same marginal as N → ∞: with error O(1/N) at order 1, and O(1/N²) at order 2 (2M, 2M SDE)."""
    measured = slope(bridge(lam, order), schedule)
    record_property("slope", measured)
    assert measured == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("schedule", ["edm", "vp_linear"])
def test_order_of_heun(schedule: str, record_property: Callable[..., None]) -> None:
    measured = slope(heun_sampler, schedule)
    record_property("slope", measured)
    assert measured == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("schedule", ["edm", "vp_linear"])
def test_order_of_unipc(schedule: str, record_property: Callable[..., None]) -> None:
    """UniPC-2 gains an order by its corrector."""
    measured = slope(unipc_sampler, schedule)
    record_property("slope", measured)
    assert measured == pytest.approx(3, abs=0.15)


@pytest.mark.parametrize(("sampler", "order"), [(bridge(0.0, 2), 2), (heun_sampler, 2), (unipc_sampler, 3)])
def test_orders_where_the_denoiser_is_not_linear(sampler: Sampler, order: int) -> None:
    """Two modes of unlike weight: the error of the ODE's solution, against UniPC with 4,096 steps."""
    means, weights = torch.tensor([[-1.0], [0.6]]).double(), torch.tensor([0.3, 0.7]).double()
    modes = Mixture(means, torch.full((2, 1, 1), 0.09).double(), weights)
    start = 20.0 * torch.randn(500, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def solution(by: Sampler, steps: int) -> Tensor:
        levels = [Level(0.0, 1.0, float(sigma)) for sigma in np.geomspace(20.0, 0.05, steps + 1)]
        *_, last = by(modes, start, levels, lambda step, stage=0: torch.zeros_like(start))
        return last.x_next

    exact, counts = solution(unipc_sampler, 4096), [32, 64, 128, 256]
    errors = [float((solution(sampler, steps) - exact).square().mean().sqrt()) for steps in counts]
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("schedule", ["edm", "vp_linear", "sub_vp", "ve", "flow"])
@pytest.mark.parametrize("lam", LAMBDAS)
def test_order_of_euler_in_t(lam: float, schedule: str, record_property: Callable[..., None]) -> None:
    """Euler and Euler–Maruyama have weak order 1 on f and g², and the marginals of every λ."""
    made = SCHEDULES[schedule]()
    counts = COUNTS if lam < 1 else [8 * count for count in COUNTS]  # more noise takes more to be asymptotic
    measured = slope(
        lambda denoise, x, levels, noise: euler_sampler(denoise, x, levels, noise, made, lam), schedule, counts
    )
    record_property("slope", measured)
    assert measured == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_order_of_ddim_eta(eta: float) -> None:
    assert slope(lambda d, x, levels, noise: ddim_sampler(d, x, levels, noise, eta), "vp_linear") == pytest.approx(
        1, abs=0.15
    )


def test_large_variance_converges_too() -> None:
    """DDPM's β and β̃ agree as N → ∞, at order 1 (Ho et al. 2020, section 3.2)."""
    assert slope(ddpm_large_sampler, "vp_linear") == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("churn", [5.0, 40.0])
def test_churn_keeps_the_marginals(churn: float) -> None:
    """What EDM's algorithm 2 adds it removes: the same marginal in the limit, churn per step falling as 1/N."""
    measured = slope(lambda d, x, levels, noise: heun_sampler(d, x, levels, noise, churn), "edm")
    assert measured > 0.85


def test_a_noise_interval_keeps_the_marginals() -> None:
    """λ as a function of σ: any window of noise has the same marginals, at the order of the rule."""
    window = lambda sigma: 1.5 if 0.3 <= sigma <= 5.0 else 0.0  # noqa: E731
    measured = slope(lambda d, x, levels, noise: bridge_sampler(d, x, levels, noise, window, 1), "edm")
    assert measured == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_a_corrector_is_nearer_than_its_predictor(lam: float) -> None:
    """Langevin pulls towards p_t: the predictor's error is smaller by a fifth, at least."""

    def distance(step_size: float) -> float:
        levels = [SCHEDULES["edm"]().level_at_sigma(float(sigma)) for sigma in np.geomspace(20.0, 0.05, 65)]
        mean, deviation = result(
            lambda d, x, levels, noise: predictor_corrector_sampler(d, x, levels, noise, lam, 1, step_size),
            levels,
            stages=2,
        )
        wanted_mean, wanted_deviation = marginal(levels[-1])
        return math.hypot(mean - wanted_mean, deviation - wanted_deviation)

    assert distance(0.1) < 0.8 * distance(1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("lam", LAMBDAS)
def test_every_lambda_ends_in_the_data(lam: float, schedule: str) -> None:
    """On a whole grid, down to the clean level: the data's mean and deviation, whatever λ."""
    levels = grid(SCHEDULES[schedule](), 200, "karras")
    mean, deviation = result(bridge(lam, 2), levels)
    assert mean == pytest.approx(MEAN, abs=8e-3)
    assert deviation == pytest.approx(DEVIATION, abs=8e-3)


def test_lambdas_differ_in_their_paths() -> None:
    """The same marginal, not the same sampler: λ = 0 keeps the start, λ = 2 forgets it."""
    levels = [SCHEDULES["edm"]().level_at_sigma(float(sigma)) for sigma in np.geomspace(20.0, 0.05, 65)]
    kept = []
    for lam in (0.0, 2.0):
        x = torch.tensor([0.0, 20.0], dtype=torch.float64)
        *_, last = bridge_sampler(exact, x, levels, lambda step, stage=0: torch.zeros(2, dtype=torch.float64), lam, 1)
        kept.append(float(last.x_next[1] - last.x_next[0]))
    assert kept[0] == pytest.approx(marginal(levels[-1])[1], rel=0.1)
    assert kept[1] < 1e-3
