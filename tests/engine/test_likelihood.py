"""The log-density along the probability-flow ODE is the exact one, where that is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.likelihood import PROBES, log_density
from engine.models import plane
from engine.models.gaussian import Gaussian
from engine.models.mixture import Mixture
from engine.noise import KeyedNoise, generator
from engine.schedules import SCHEDULES, Level

SMALLEST = 0.01  # σ of the levels at which the density is asked for
CONDITIONS = torch.tensor([0, 1, 2] * 4)


def mixture() -> Mixture:
    """Four leaning components in the plane, in two classes."""
    means = torch.tensor([[-1.5, 0.5], [1.0, 1.0], [0.3, -1.5], [1.8, -0.2]], dtype=torch.float64)
    roots = torch.randn(4, 2, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    covariances = 0.1 * roots @ roots.mT + 0.02 * torch.eye(2, dtype=torch.float64)
    weights = torch.tensor([0.2, 0.3, 0.4, 0.1], dtype=torch.float64)
    return Mixture(means, covariances, weights, torch.tensor([0, 0, 1, 1]), 2)


def points(level: Level) -> Tensor:
    """Where the mixture is, between its components, and a little outside."""
    return level.alpha * 1.2 * torch.randn(12, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


@pytest.mark.parametrize("name", ["edm", "vp_linear", "sub_vp", "flow"])
def test_it_is_the_exact_log_density_of_the_smoothed_mixture(name: str) -> None:
    """To 1e-3 nats, in every class, also far out (at −72 nats), at the level of least noise of any schedule."""
    level, model = SCHEDULES[name]().level_at_sigma(SMALLEST), mixture()
    found = log_density(lambda x, level: model(x, level, CONDITIONS), points(level), level, steps=300)
    assert_close(found, model.log_density(points(level), level, CONDITIONS), rtol=0, atol=1e-3)


def test_at_more_noise_it_is_the_density_there() -> None:
    """In 100 steps to 1e-5 nats in the middle of a schedule; in float32 to its digits."""
    level, model = SCHEDULES["vp_linear"]().level(0.5), mixture()
    x = points(level) + 2.0
    assert_close(log_density(model, x, level), model.log_density(x, level), rtol=0, atol=1e-5)
    assert_close(log_density(model, x.float(), level).double(), model.log_density(x, level), rtol=0, atol=1e-4)


def test_the_steps_are_of_fourth_order() -> None:
    """The error against the finest path falls as N⁻⁴: the slope within 0.25, since few steps are near the limit."""
    level, model = SCHEDULES["edm"]().level_at_sigma(0.1), mixture()
    finest = log_density(model, points(level), level, steps=480)
    counts = [30, 60, 120]
    errors = [float((log_density(model, points(level), level, steps=n) - finest).abs().mean()) for n in counts]
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(4.0, abs=0.25)


def test_the_noisy_end_is_a_gaussian_to_fourth_order() -> None:
    """What is left out is of order (s²/σ²)² for N(m, s²), wherever m is: four times the σ, a 256th of the error."""
    level = SCHEDULES["edm"]().level_at_sigma(0.5)
    model = Gaussian(torch.tensor([30.0]).double(), torch.tensor([[4.0]]).double(), (1,))
    x = torch.tensor([[28.0], [30.0], [33.0]], dtype=torch.float64)
    exact = model.log_density(x, level)
    errors = [float((log_density(model, x, level, sigma_max=end, steps=400) - exact).abs().max()) for end in (20, 80)]
    assert errors[0] / errors[1] == pytest.approx(256.0, rel=0.1)
    assert errors[1] < 1e-5


@pytest.mark.parametrize(
    "variances", [torch.full((12,), 0.3), torch.linspace(0.05, 1.0, 12)], ids=["equal", "diagonal"]
)
def test_one_probe_is_exact_where_pixels_are_independent(variances: Tensor) -> None:
    """Signs have v_i² = 1: vᵀ J v is the trace of a diagonal J. In float32, as for images."""
    model = Gaussian(torch.zeros(1, 3, 4), variances.diag(), (1, 3, 4))
    noise = KeyedNoise(0, 5, (1, 3, 4))
    level = SCHEDULES["vp_linear"]().level_at_sigma(0.1)
    x = level.alpha * 0.5 * noise(0)
    found = log_density(model, x, level, noise=noise)
    assert found.dtype == torch.float32
    assert_close(found, model.log_density(x, level), rtol=0, atol=1e-2)


def correlated() -> tuple[Gaussian, Tensor, Level]:
    root = torch.randn(6, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    model = Gaussian(torch.zeros(6).double(), root @ root.mT / 6.0, (6,))
    return model, torch.linspace(-1.0, 1.0, 6, dtype=torch.float64)[None], SCHEDULES["edm"]().level_at_sigma(0.1)


def test_the_estimate_of_the_trace_has_no_bias() -> None:
    """The mean over 4,000 probes lies within 4.9 standard errors of the exact one: a false alarm in a million."""
    model, x, level = correlated()
    many = x.expand(4000, 6)
    estimates = log_density(model, many, level, steps=30, noise=KeyedNoise(7, 4000, (6,)))
    exact = log_density(model, x, level, steps=30)
    error = estimates.std() / math.sqrt(4000)
    assert error > 1e-3  # there is something to estimate
    assert abs(estimates.mean() - exact[0]) < 4.9 * error


@pytest.mark.parametrize("stage", [0, 1])
def test_probes_know_nothing_of_the_noise_that_made_the_data(stage: int) -> None:
    """Half of 200 signs agree, within four standard deviations: 6e-5 false alarms. One stream would have 197 agree."""
    made = [generator(seed, plane.DATA, stage).standard_normal() for seed in range(200)]
    probes = [float(KeyedNoise(seed, 1, (1,))(PROBES, stage)) for seed in range(200)]
    agree = sum(one * other > 0.0 for one, other in zip(made, probes, strict=True))
    assert abs(agree - 100) < 4 * 50**0.5


def test_more_probes_are_their_mean() -> None:
    """Of 16 probes the error has a quarter of the spread; within a tenth, over 2,000 estimates."""
    model, x, level = correlated()
    many, noise = x.expand(2000, 6), KeyedNoise(7, 2000, (6,))
    one, sixteen = (log_density(model, many, level, steps=10, noise=noise, probes=count).std() for count in (1, 16))
    assert float(one / sixteen) == pytest.approx(4.0, rel=0.1)


def test_a_sample_alone_is_the_sample_in_a_batch() -> None:
    model, x, level = correlated()
    batch = x * torch.tensor([[1.0], [2.0], [3.0]])
    together = log_density(model, batch, level, steps=10, noise=KeyedNoise(3, 3, (6,)))
    for row in range(3):
        alone = log_density(model, batch[row : row + 1], level, steps=10, noise=KeyedNoise(3 + row, 1, (6,)))
        assert_close(alone, together[row : row + 1], rtol=0, atol=1e-10)


def test_it_serves_where_no_gradients_are_kept() -> None:
    """Under no_grad, and in inference mode on what was made there; the result carries no graph."""
    model, x, level = correlated()
    wanted = log_density(model, x, level, steps=10)
    assert not wanted.requires_grad
    with torch.no_grad():
        assert_close(log_density(model, x, level, steps=10), wanted)
    with torch.inference_mode():
        assert_close(log_density(model, x.clone(), level, steps=10), wanted)


def test_what_cannot_be_done_is_said() -> None:
    model, x, level = correlated()
    with pytest.raises(ValueError, match="denoise must be differentiable"):
        log_density(torch.no_grad()(model.__call__), x, level)
    for unfit in (SCHEDULES["edm"]().clean, Level(1.0, 0.0, 1.0), Level(1.0, 1.0, 80.0)):
        with pytest.raises(ValueError, match="level must have a σ between 0 and 80"):
            log_density(model, x, unfit)
