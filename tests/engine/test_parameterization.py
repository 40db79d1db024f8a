"""Denoised, noise, score, velocity and network output are one quantity with several faces."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from engine.fields import RequestError
from engine.models import parameterization
from engine.models.denoiser import NetworkDenoiser
from engine.models.parameterization import Parameterization
from engine.samplers import Step
from engine.schedules import SCHEDULES, Level, ddpm_linear, vp_cosine

LEVELS = [0.02, 0.3, 1.0, 7.0, 75.0]  # σ
TARGETS: dict[str, Callable[[Tensor, Tensor, Level], Tensor]] = {  # F from D and ε
    "epsilon": lambda denoised, eps, level: eps,
    "sample": lambda denoised, eps, level: denoised,
    "velocity": lambda denoised, eps, level: level.alpha * eps - level.std * denoised,
    "flow": lambda denoised, eps, level: eps - denoised,
}


def draw() -> tuple[Tensor, Tensor]:
    """A denoised sample and noise, [2, 1, 4, 4] in float64."""
    denoised, eps = torch.randn(2, 2, 1, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return denoised, eps


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sigma", LEVELS)
def test_the_four_faces_agree(schedule: str, sigma: float) -> None:
    """ε = (x − α D)/std, score = −ε/std, v = α ε − std D, and back: x = α D + std ε."""
    level = SCHEDULES[schedule]().level_at_sigma(sigma)
    denoised, eps = draw()
    x = level.alpha * denoised + level.std * eps
    step = Step(0, level, level, x, denoised, x, nfe=1)
    assert_close(step.eps, eps, rtol=1e-9, atol=1e-9)
    assert_close(step.score, -eps / level.std, rtol=1e-9, atol=1e-9)
    assert_close(step.v, level.alpha * eps - level.std * denoised, rtol=1e-9, atol=1e-9)
    power = level.alpha**2 + level.std**2
    assert_close((level.alpha * x - level.std * step.v) / power, denoised, rtol=1e-9, atol=1e-9)
    assert_close((level.std * x + level.alpha * step.v) / power, eps, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sigma", LEVELS)
@pytest.mark.parametrize("name", TARGETS)
def test_the_exact_target_gives_the_denoised_sample(name: str, sigma: float, schedule: str) -> None:
    """D = skip · x + out · F where F is what the network is meant to predict."""
    made = SCHEDULES[schedule]()
    level = made.level_at_sigma(sigma)
    skip, out, into, label = getattr(parameterization, name)(made).coefficients(level)
    denoised, eps = draw()
    x = level.alpha * denoised + level.std * eps
    assert_close(skip * x + out * TARGETS[name](denoised, eps, level), denoised, rtol=1e-9, atol=1e-9)
    assert into == 1.0
    assert label == pytest.approx(level.t if name == "flow" else 1000 * level.t - 1)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sigma", LEVELS)
@pytest.mark.parametrize("deviation", [0.5, 1.3])
def test_edm_coefficients(deviation: float, sigma: float, schedule: str) -> None:
    """Karras et al. 2022, table 1, on y = x/α; label log σ / 4; input and target of unit variance for such data."""
    level = SCHEDULES[schedule]().level_at_sigma(sigma)
    skip, out, into, label = parameterization.edm(deviation, SCHEDULES[schedule]()).coefficients(level)
    assert skip * level.alpha == pytest.approx(deviation**2 / (sigma**2 + deviation**2), rel=1e-9)
    assert out == pytest.approx(sigma * deviation / math.sqrt(sigma**2 + deviation**2), rel=1e-9)
    assert label == pytest.approx(math.log(sigma) / 4, abs=1e-9)
    variance_in = into**2 * ((level.alpha * deviation) ** 2 + level.std**2)
    assert variance_in == pytest.approx(1, rel=1e-9)
    # F's target is (x_0 − skip · (α x_0 + std ε)) / out
    variance_out = ((1 - skip * level.alpha) ** 2 * deviation**2 + (skip * level.std) ** 2) / out**2
    assert variance_out == pytest.approx(1, rel=1e-9)


class GaussianNetwork(nn.Module):
    """The ideal F for images whose pixels are N(mean, deviation²): what a perfectly trained network would answer."""

    def __init__(self, made: Parameterization, level: Level, mean: float, deviation: float) -> None:
        super().__init__()
        self.made, self.level, self.mean, self.deviation = made, level, mean, deviation
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, scaled: Tensor, label: Tensor, condition: Tensor) -> Tensor:
        self.asked.append((label, condition))
        skip, out, into, _ = self.made.coefficients(self.level)
        x = scaled / into
        return (gaussian(x, self.level, self.mean, self.deviation) - skip * x) / out


def gaussian(x: Tensor, level: Level, mean: float, deviation: float) -> Tensor:
    """E[x_0 | x_t] for x_0 ~ N(mean, deviation²)."""
    gain = level.alpha * deviation**2 / ((level.alpha * deviation) ** 2 + level.std**2)
    return mean + gain * (x - level.alpha * mean)


@pytest.mark.parametrize("sigma", LEVELS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ["edm", *TARGETS])
def test_a_network_runs_on_any_schedule(name: str, schedule: str, sigma: float) -> None:
    """Schedule transfer: asked on another schedule, the denoiser is exact there, by the same σ and a rescaled x."""
    made = parameterization.edm(0.5) if name == "edm" else getattr(parameterization, name)(ddpm_linear())
    own, level = made.schedule.level_at_sigma(sigma), SCHEDULES[schedule]().level_at_sigma(sigma)
    network = GaussianNetwork(made, own, mean=0.3, deviation=0.6)
    denoiser = NetworkDenoiser(network, made, (1, 4, 4), classes=10)
    x = level.alpha * draw()[0] + level.std * draw()[1]
    assert_close(denoiser(x, level, 7), gaussian(x, level, 0.3, 0.6), rtol=1e-6, atol=1e-5, check_dtype=False)
    ((label, condition),) = network.asked
    assert_close(label, torch.full((2,), made.coefficients(own).label, dtype=torch.float32))
    assert condition.tolist() == [7, 7]


def test_above_its_range_a_network_is_asked_at_the_end_of_it() -> None:
    """Cosine's σ(1) is beyond EDM's 80: the network sees the same noise, at 80."""
    made = parameterization.edm(0.5)
    network = GaussianNetwork(made, Level(1.0, 1.0, 80.0), mean=0.0, deviation=0.5)
    denoiser = NetworkDenoiser(network, made, (1, 4, 4))
    for level in (vp_cosine().level(1.0), Level(1.0, 0.0, 1.0)):
        eps = draw()[1].float()
        expected = gaussian(80.0 * eps, Level(1.0, 1.0, 80.0), 0.0, 0.5)
        assert_close(denoiser(level.std * eps, level), expected, rtol=1e-4, atol=1e-6)


def test_a_clean_sample_is_its_own_denoised() -> None:
    made = parameterization.edm(0.5)
    denoiser = NetworkDenoiser(nn.Identity(), made, (1, 4, 4))
    x = draw()[0]
    assert torch.equal(denoiser(x, Level(0.0, 1.0, 0.0)), x)
    assert torch.equal(denoiser(x, Level(0.0, 0.5, 0.0)), 2 * x)


@pytest.mark.parametrize("condition", [-1, 10, "seven", 2**40])
def test_a_class_that_is_not_there_is_refused(condition: int | str) -> None:
    denoiser = NetworkDenoiser(nn.Identity(), parameterization.edm(), (1, 4, 4), classes=10)
    with pytest.raises(RequestError, match=r"^condition must be a class from 0 to 9, or none, not .*\.$"):
        denoiser.encode(condition, 2)
    assert denoiser.encode(None, 2).tolist() == [10, 10]
    assert denoiser.encode(9, 2).tolist() == [9, 9]
