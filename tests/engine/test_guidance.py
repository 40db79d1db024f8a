"""Classifier-free guidance: the formula, and how often the network is asked."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.guidance import classifier_free
from engine.models.denoiser import Condition
from engine.schedules import Level, Schedule, edm

WEIGHTS = [0.0, 0.3, 1.0, 2.5, 7.0]


class Recorder:
    """A denoiser, D = x · 0.5 + (1 + class)², that writes down the size of every batch it is asked for."""

    shape: tuple[int, ...] = (1, 2, 2)
    schedule: Schedule = edm()
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode(self, condition: Condition, count: int) -> Tensor:
        assert condition is None or isinstance(condition, int)
        return torch.full((count,), -1 if condition is None else condition)

    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        assert isinstance(condition, Tensor)
        assert len(condition) == len(x)
        self.batches.append(len(x))
        return 0.5 * x + (1.0 + condition[:, None, None, None]) ** 2


X = torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(3))
CONDITIONAL, UNCONDITIONAL = 0.5 * X + 9.0, 0.5 * X  # class 2, and the null class −1


def level(sigma: float) -> Level:
    return Level(0.5, 1.0, sigma)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_one_call_a_step_at_any_weight(weight: float) -> None:
    """D∅ + w (D_c − D∅), in one call: doubled where both are needed, plain where one is."""
    denoiser = Recorder()
    denoise = classifier_free(denoiser, 2, 3, weight)
    expected = UNCONDITIONAL + weight * (CONDITIONAL - UNCONDITIONAL)
    for steps, sigma in enumerate((80.0, 1.0, 0.002), start=1):
        assert_close(denoise(X, level(sigma)), expected)
        assert denoiser.batches == [3 if weight in (0.0, 1.0) else 6] * steps


def test_weights_0_and_1_are_exact() -> None:
    assert torch.equal(classifier_free(Recorder(), 2, 3, 0.0)(X, level(1.0)), UNCONDITIONAL)
    assert torch.equal(classifier_free(Recorder(), 2, 3, 1.0)(X, level(1.0)), CONDITIONAL)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_outside_the_interval_it_is_the_plain_conditional_model(weight: float) -> None:
    denoiser = Recorder()
    denoise = classifier_free(denoiser, 2, 3, weight, interval=(0.5, 2.0))
    for sigma in (0.499, 2.001, 80.0):
        assert torch.equal(denoise(X, level(sigma)), CONDITIONAL)
    assert denoiser.batches == [3, 3, 3]
    expected = UNCONDITIONAL + weight * (CONDITIONAL - UNCONDITIONAL)
    for sigma in (0.5, 1.0, 2.0):
        assert_close(denoise(X, level(sigma)), expected)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_without_a_condition_there_is_nothing_to_guide(weight: float) -> None:
    denoiser = Recorder()
    assert torch.equal(classifier_free(denoiser, None, 3, weight)(X, level(1.0)), UNCONDITIONAL)
    assert denoiser.batches == [3]
