"""Which training images pull at a sample: against the posterior written out, and against D itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine import runs
from engine.data import digits
from engine.fields import RequestError
from engine.history import History
from engine.pulling import Pull, pull
from engine.request import Request


@pytest.fixture(scope="module")
def history() -> History:
    """Two runs of three steps, one of the ideal denoiser and one of the Gaussian."""
    history = History()
    for number, request in enumerate(
        (
            Request(model="digits-ideal", count=2, steps=3, seed=4, condition=7),
            Request(model="digits-gaussian", count=1, steps=2),
        )
    ):
        history.open(number, request)
        for step in runs.run(request):
            history.keep(number, step)
        history.close(number, step)
    return history


def test_the_weights_are_the_posterior(history: History) -> None:
    """softmax(−‖x − α x_i‖² / 2 std²) over the sevens, written out in float64."""
    images, labels = digits.load("train")
    points = torch.from_numpy(images.copy()).double().flatten(1) / 127.5 - 1.0
    for place in range(3):
        (piece,) = pull(Pull(run=0, sample=1, place=place), history)
        moment = history.records[0].moments[place]
        x = moment.x[1].double().flatten()
        distances = (x - moment.level.alpha * points).square().sum(1)
        joint = torch.where(torch.from_numpy(labels.copy()) == 7, -distances / (2 * moment.level.std**2), -torch.inf)
        weights = torch.softmax(joint, 0)
        most = torch.topk(weights, 12)
        np.testing.assert_allclose(piece.values["weights"], most.values, rtol=1e-4, atol=1e-9)
        found = np.array(piece.values["numbers"])
        assert set(labels[found[np.array(piece.values["weights"]) > 0]]) == {7}
        entropy = -torch.special.xlogy(weights, weights).sum()
        assert piece.values["effective"] == pytest.approx(float(entropy.exp()), rel=1e-3)
        np.testing.assert_array_equal(piece.arrays[0][..., 0], images[found])
        mean = (torch.softmax(joint, 0) @ points).reshape(1, 28, 28)
        torch.testing.assert_close(moment.denoised[1].double(), mean, atol=1e-4, rtol=0.0)


def test_the_result_is_told_of_the_step_before(history: History) -> None:
    (last,) = pull(Pull(run=0, sample=0, place=3), history)
    (before,) = pull(Pull(run=0, sample=0, place=2), history)
    assert last.values["weights"] == before.values["weights"]
    assert last.values["place"] == 3


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Pull(run=9, sample=0, place=0), "run"),
        (Pull(run=0, sample=2, place=0), "run"),
        (Pull(run=0, sample=0, place=4), "place"),
        (Pull(run=1, sample=0, place=0), "model"),
    ],
)
def test_what_cannot_be_told_is_refused(history: History, asked: Pull, field: str) -> None:
    with pytest.raises(RequestError) as refused:
        next(pull(asked, history))
    assert refused.value.field == field
