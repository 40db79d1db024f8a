"""Encoding and decoding are inverse as N grows; what lies between two noises is noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.inversion import encode, slerp
from engine.noise import KeyedNoise
from engine.samplers import bridge_sampler, heun_sampler
from engine.schedules import SCHEDULES, Level, grid


def mixture(x: Tensor, level: Level) -> Tensor:
    """E[x_0 | x_t] for ½ N(−1, 0.3²) + ½ N(1, 0.3²), in each coordinate."""
    variance = (0.3 * level.alpha) ** 2 + level.std**2
    weight = torch.tanh(level.alpha * x / variance)
    return weight + (level.alpha * 0.09 / variance) * (x - level.alpha * weight)


def data() -> Tensor:
    return torch.tensor([[-1.4, -0.9, -0.3, 0.2, 0.8, 1.1, 1.5]], dtype=torch.float64)


@pytest.mark.parametrize(("order", "expected"), [(1, 1), (2, 3)])
@pytest.mark.parametrize("schedule", ["edm", "vp_linear", "flow"])
def test_the_round_trip_tends_to_the_identity(schedule: str, order: int, expected: int) -> None:
    """Encode, then decode at λ = 0: the error falls as 1/N at order 1, and as 1/N³ at order 2, where the way back has
    the same h² error with the other sign.
    """
    counts, errors = [32, 64, 128, 256], []
    for steps in counts:
        sigmas = np.geomspace(40.0, 0.02, steps)
        made = SCHEDULES[schedule]()
        levels = [*(made.level_at_sigma(float(s)) for s in sigmas), made.clean]
        *_, up = encode(mixture, data(), levels, order)
        *_, down = bridge_sampler(mixture, up.x_next, levels[:-1], KeyedNoise(0, 1, (7,)), 0.0, order)
        errors.append(float((down.x_next / levels[-2].alpha - data()).abs().max()))
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(expected, abs=0.3)
    assert errors[-1] < 0.05


def test_the_code_of_gaussian_data_is_the_closed_form() -> None:
    """For x_0 ~ N(m, s²) the ODE keeps (y − m)/sqrt(s² + σ²)."""

    def gaussian(x: Tensor, level: Level) -> Tensor:
        signal = (level.alpha * 0.4) ** 2
        return 0.7 + (level.alpha * 0.16) * (x - level.alpha * 0.7) / (signal + level.std**2)

    levels = grid(SCHEDULES["edm"](), 400, "uniform_logsnr")
    *_, last = encode(gaussian, data(), levels)
    exact = 0.7 + (data() - 0.7) * math.hypot(0.4, 80.0) / math.hypot(0.4, 0.002)
    torch.testing.assert_close(last.x_next, exact, rtol=1e-3, atol=1e-3)
    assert last.next == levels[0]
    assert last.nfe == 399


def test_a_path_without_signal_at_its_end_is_encoded_to_pure_noise() -> None:
    """Rectified flow in uniform t: the code at α = 0 is ε, finite."""
    levels = grid(SCHEDULES["flow"](), 200, "uniform_t")
    assert levels[0].alpha == 0.0
    *_, up = encode(mixture, data(), levels)
    assert torch.isfinite(up.x_next).all()
    *_, down = heun_sampler(mixture, up.x_next, levels, KeyedNoise(0, 1, (7,)))
    torch.testing.assert_close(down.x_next, data(), rtol=0, atol=0.05)


def test_slerp_keeps_the_length_and_meets_its_ends() -> None:
    noise = KeyedNoise(0, 2, (10_000,), dtype=torch.float64).initial()
    first, second = noise[:1], noise[1:]
    between = slerp(first, second, [0.0, 0.25, 0.5, 1.0])
    torch.testing.assert_close(between[0:1], first, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(between[3:4], second, rtol=1e-12, atol=1e-12)
    assert between.norm(dim=1) / 100 == pytest.approx(np.ones(4), abs=0.03)
    angles = [torch.acos(torch.cosine_similarity(first[0], row, dim=0)) for row in between]
    assert float(angles[1] / angles[3]) == pytest.approx(0.25, abs=0.01)
    torch.testing.assert_close(slerp(first, first, [0.3]), first, rtol=1e-6, atol=1e-6)
