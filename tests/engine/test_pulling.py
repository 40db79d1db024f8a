"""Training images beside a sample: against the posterior written out and D itself, and against all distances."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine import runs
from engine.answers.pulling import Beside, nearest, pull
from engine.data import digits
from engine.fields import RequestError
from engine.history import History
from engine.request import Request


@pytest.fixture(scope="module")
def history() -> History:
    """Runs of two or three steps: of the ideal denoiser, of the Gaussian, and of a distribution in the plane."""
    history = History()
    for number, request in enumerate(
        (
            Request(model="digits-ideal", count=2, steps=3, seed=4, condition=7),
            Request(model="digits-gaussian", count=1, steps=2),
            Request(model="moons", count=1, steps=2),
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
        (piece,) = pull(Beside(run=0, sample=1, place=place), history)
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
    (last,) = pull(Beside(run=0, sample=0, place=3), history)
    (before,) = pull(Beside(run=0, sample=0, place=2), history)
    assert last.values["weights"] == before.values["weights"]
    assert last.values["place"] == 3


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Beside(run=9, sample=0, place=0), "run"),
        (Beside(run=0, sample=2, place=0), "sample"),
        (Beside(run=0, sample=0, place=4), "place"),
        (Beside(run=1, sample=0, place=0), "model"),
    ],
)
def test_what_cannot_be_told_is_refused(history: History, asked: Beside, field: str) -> None:
    with pytest.raises(RequestError) as refused:
        next(pull(asked, history))
    assert refused.value.field == field


def test_the_nearest_are_nearest_to_the_denoised_sample(history: History) -> None:
    """Of all 60,000, in float64; the Gaussian's result is of no training image, the ideal denoiser's is one."""
    images, _ = digits.load("train")
    (piece,) = nearest(Beside(run=1, sample=0, place=1), history)
    denoised = history.records[1].moments[1].denoised.numpy()[0].astype(float).clip(-1.0, 1.0)
    distances = np.sqrt(((images[:, None] / 127.5 - 1.0 - denoised) ** 2).mean((1, 2, 3)))
    np.testing.assert_allclose(piece.values["distances"], np.sort(distances)[:12], rtol=1e-4)
    np.testing.assert_array_equal(piece.arrays[0][..., 0], images[piece.values["numbers"]])
    assert (piece.values["images"], piece.values["place"]) == (60_000, 1)
    (copied,) = nearest(Beside(run=0, sample=0, place=3), history)
    assert copied.values["distances"][0] < 0.01 < copied.values["distances"][1]


def test_the_nearest_are_refused_where_no_images_ship(history: History) -> None:
    with pytest.raises(RequestError, match=r"training images are here, not moons\.$"):
        next(nearest(Beside(run=2, sample=0, place=0), history))
