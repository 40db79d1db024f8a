"""The models that are formulas over the digits: found by name as any other, and what each of them is known to do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.data import digits
from engine.models import load
from engine.request import Request, RequestError
from engine.runs import run


def generate(**fields: object) -> torch.Tensor:
    *_, last = run(Request(**{"count": 2, "steps": 12, **fields}))  # type: ignore[arg-type]
    return last.x_next


def nearest(sample: torch.Tensor) -> tuple[float, int]:
    """The distance of the nearest training digit, in grey values from −1 to 1 a pixel, and its label."""
    images, labels = digits.load("train")
    grey = ((sample[0].numpy() + 1.0) * 127.5).clip(0, 255)
    apart = np.zeros(len(images))
    for start in range(0, len(images), 10_000):
        apart[start : start + 10_000] = np.square(images[start : start + 10_000] - grey).mean((1, 2))
    return float(np.sqrt(apart.min()) / 127.5), int(labels[apart.argmin()])


def test_the_ideal_denoiser_repeats_what_it_knows() -> None:
    """Its samples are training digits, of the class that was asked for."""
    for sample in generate(model="digits-ideal", condition=7, steps=15):
        distance, label = nearest(sample)
        assert distance < 1e-3
        assert label == 7


def test_the_local_denoiser_does_not() -> None:
    sample = generate(model="digits-local", condition=0, count=1)[0]
    distance, _ = nearest(sample)
    assert distance > 0.02
    assert sample.abs().max() <= 1.0 + 1e-4


def test_the_gaussian_takes_much_noise_for_the_mean_digit() -> None:
    """Of the 20,000 digits that it was made from."""
    model = load("digits-gaussian")
    level = model.schedule.level_at_sigma(80.0)
    mean = torch.from_numpy(digits.load("train")[0][:20_000].mean(0) / 127.5 - 1.0).float()
    torch.testing.assert_close(model(torch.zeros(1, *digits.SHAPE), level)[0, 0], mean, rtol=0, atol=0.01)


def test_a_model_without_classes_has_no_condition() -> None:
    with pytest.raises(RequestError) as caught:
        run(Request(model="digits-gaussian", condition=1))
    assert caught.value.field == "condition"
