"""Clouds: particles have the distribution p_t at every level, for every λ; and the distance says so."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

import engine
from engine import models
from engine.answers.asking import answer
from engine.answers.pieces import Piece
from engine.fields import RequestError
from engine.history import History
from engine.lab.cloud import Truth
from engine.models import plane
from engine.models.mixture import Mixture
from engine.noise import KeyedNoise
from engine.request import Branch, Request

PARTICLES = 10_000


def cloud(request: Request, **values: Any) -> Piece:
    *_, last = answer("cloud", {"request": request.to_dict(), **values}, [], History())
    assert last is not None
    return last


def marginal_cdf(
    model: Mixture, x: NDArray[Any], axis: int, level: list[float], condition: int | None
) -> NDArray[np.float64]:
    """P(x_t[axis] ≤ x) of a mixture, in closed form."""
    _, alpha, std = level
    weights, means = (of.numpy() for of in (model.weights[-1 if condition is None else condition], model.means))
    spread = np.sqrt(alpha**2 * model.covariances[:, axis, axis].numpy() + std**2)
    return norm.cdf((x[:, None] - alpha * means[:, axis]) / spread) @ weights


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    ("model", "condition"), [("two-gaussians", None), ("three-points", 2)], ids=["two-gaussians", "three-points-2"]
)
def test_the_cloud_has_the_marginals_of_p_t(model: str, condition: int | None, lam: float) -> None:
    """Kolmogorov–Smirnov in x and in y, at every one of 101 levels, against the closed form.

    √n D > 2.69 has a probability of 1e-6 for a true sample (Kolmogorov's limit), and there are 202 tests in each of
    eight cases: false alarms are below 2e-3 for all, and the seed is fixed. What is tested has an error of its own in
    the steps; with 100 it stays below the statistical one.
    """
    request = Request(
        model=model, condition=condition, particles=PARTICLES, steps=100, lam=lam, schedule="vp_linear", seed=1
    )
    answer = cloud(request)
    exact = plane.load(model)
    assert isinstance(exact, Mixture)
    ranks = np.arange(PARTICLES + 1) / PARTICLES
    for level, x in zip(answer.values["levels"], answer.arrays[0], strict=True):
        for axis in (0, 1):
            cdf = marginal_cdf(exact, np.sort(x[:, axis].astype(float)), axis, level, condition)
            d = max((ranks[1:] - cdf).max(), (cdf - ranks[:-1]).max())
            assert math.sqrt(PARTICLES) * d < 2.69, (level, axis)


def test_a_cloud_is_the_run_that_was_asked_for() -> None:
    """Position k is x at level k, the last is the result, and the evaluations are counted up to there."""
    request = Request(model="ring", particles=30, count=1, steps=7, sampler="heun", seed=2)
    answer = cloud(request.replace(count=16))  # a cloud is the first sample of its run
    steps = list(engine.run(request))
    for step, x in zip(steps, answer.arrays[0], strict=False):
        np.testing.assert_array_equal(step.x[0], x)
    np.testing.assert_array_equal(steps[-1].x_next[0], answer.arrays[0][-1])
    assert answer.values["nfe"] == [0, 2, 4, 6, 8, 10, 12, 13]
    levels = [step.level for step in steps] + [steps[-1].next]
    assert answer.values["levels"] == [(level.t, level.alpha, level.std) for level in levels]


@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_more_particles_leave_the_first_where_they_are(lam: float) -> None:
    request = Request(model="moons", particles=20, steps=12, lam=lam)
    few, many = cloud(request).arrays[0], cloud(request.replace(particles=50)).arrays[0]
    np.testing.assert_allclose(few, many[:, :20], atol=1e-4)


@pytest.mark.parametrize("sampler", engine.request.catalog.SAMPLERS)
def test_every_sampler_moves_a_cloud(sampler: str) -> None:
    answer = cloud(Request(model="moons", particles=50, steps=3, sampler=sampler))
    positions, distance = answer.arrays[0], answer.values["distance"]
    assert np.isfinite(positions).all()
    assert len(positions) == len(distance) == len(answer.values["levels"]) == len(answer.values["nfe"])


def test_a_branch_of_a_cloud_goes_on_from_it() -> None:
    parent = Request(model="moons", particles=40, count=1, steps=10, seed=4)
    branch = parent.replace(start=Branch(parent, 4))
    np.testing.assert_allclose(cloud(branch).arrays[0], cloud(parent).arrays[0][4:], atol=1e-4)


def test_without_a_number_there_are_two_thousand() -> None:
    assert cloud(Request(model="gaussian", steps=1)).arrays[0].shape == (2, 2000, 2)
    (step,) = engine.run(Request(model="gaussian", count=2, steps=1))
    assert step.x.shape == (2, 2000, 2)


def test_images_have_no_particles(tiny: str) -> None:
    with pytest.raises(RequestError, match="particles must be none for a model of images, not 5") as caught:
        next(engine.run(Request(model=tiny, particles=5)))
    assert caught.value.field == "particles"


def test_a_model_keeps_its_own_shape() -> None:
    """A cloud is made of a copy: what others have of the model is still a point."""
    *_, _ = engine.run(Request(model="moons", particles=7, steps=1))
    assert models.load("moons").shape == (2,)


def test_the_distance_is_that_of_a_shift() -> None:
    """Of exact samples it is the floor; moved by v it is E |v · u| over directions, 2 |v| / π; in x̄ at any level."""
    request = Request(model="moons", particles=2000)
    truth = Truth(request, 2000)
    points, _ = plane.sample("moons", 2000, seed=9)
    noise = KeyedNoise(9, 1, (2000, 2)).initial()[0].numpy()
    for alpha, std in ((1.0, 0.0), (1.0, 0.5), (0.6, 0.8), (0.0, 1.0), (1.0, 80.0)):
        x, s = alpha * points + std * noise, math.hypot(alpha, std)
        assert truth.distance(x, alpha, std) < 0.06
        shift = s * np.array([3.0, 4.0], np.float32)
        assert truth.distance(x + shift, alpha, std) == pytest.approx(10.0 / math.pi, abs=0.06)


def test_the_distance_tells_a_right_sampler_from_a_wrong_one() -> None:
    """At the end of 40 steps near the floor; with two steps of Euler, or under the wrong guidance, far from it."""
    right = Request(model="moons", condition=0, steps=40, schedule="vp_linear")
    ends = [
        cloud(request).values["distance"][-1]
        for request in (right, right.replace(sampler="euler", steps=2), right.replace(guidance=3.0))
    ]
    assert ends[0] < 0.05
    assert min(ends[1:]) > 2 * ends[0]


def test_a_cloud_can_be_dropped_between_any_two_steps() -> None:
    pieces = answer("cloud", {"request": Request(model="moons", particles=10, steps=1000).to_dict()}, [], History())
    assert list(itertools.islice(pieces, 5)) == [None] * 5
    pieces.close()
