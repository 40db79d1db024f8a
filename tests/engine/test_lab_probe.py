"""The probe: its weights are a posterior, its path is the one solution of the ODE, its fan the SDE from there."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from engine import runs
from engine.answers.asking import answer
from engine.answers.pieces import Piece
from engine.history import History
from engine.models import plane
from engine.models.mixture import Mixture
from engine.request import Request
from engine.schedules import SCHEDULES, Level

PAINTED = np.random.Generator(np.random.Philox(6)).normal(0.0, 0.7, (1500, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))


def probe(request: Request, index: int, point: Any, **values: Any) -> Piece:
    asked = {"request": request.to_dict(), "index": index, "point": [float(p) for p in point], **values}
    *_, last = answer("probe", asked, [], History())
    assert last is not None
    return last


@pytest.mark.parametrize(
    ("name", "condition"), [("moons", None), ("moons", 1), ("tree", None), ("tree", 1), ("painted", None)]
)
@pytest.mark.parametrize("index", [0, 6, 12])
def test_weights_sum_to_one_and_pull_to_d(name: str, condition: int | None, index: int) -> None:
    """Σ w = 1 and Σ w · target = D; of 1,500 points the thousand that weigh most are sent, the heaviest first."""
    if name == "painted":
        name = plane.keep(PAINTED)
    request = Request(model=name, condition=condition, steps=12, schedule="vp_linear")
    answer = probe(request, index, (0.3, -0.2))
    weights, targets = answer.arrays[:2]
    assert answer.values["weights_sum"] == pytest.approx(1.0, abs=1e-6)
    assert len(weights) == len(targets) <= 1000
    assert (np.diff(weights) <= 0.0).all()
    assert weights.min() >= 0.0
    if len(weights) < 1000:
        np.testing.assert_allclose(weights @ targets, answer.values["denoised"], atol=1e-4)


@pytest.mark.parametrize("index", [0, 5, 9])
def test_what_a_probe_says_is_the_gradient_and_the_density_of_x_bar(index: int) -> None:
    request = Request(model="moons", condition=1, steps=10, schedule="flow", spacing="uniform_t")
    level = runs.levels(request)[index]
    s = math.hypot(level.alpha, level.std)
    answer = probe(request, index, (0.4, 0.1))
    exact = plane.load("moons")
    x_bar = torch.tensor([[[0.4, 0.1]]], dtype=torch.float64, requires_grad=True)
    logp = exact.log_density(s * x_bar, level, 1) + 2.0 * math.log(s)
    (score,) = torch.autograd.grad(logp.sum(), x_bar)
    assert answer.values["logp"] == pytest.approx(float(logp.detach()), abs=1e-9)
    np.testing.assert_allclose(answer.values["score"], score[0, 0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("schedule", ["edm", "vp_linear", "flow"])
@pytest.mark.parametrize("steps", [3, 50])
def test_the_path_of_a_gaussian_is_the_closed_form(schedule: str, steps: int) -> None:
    """Along each axis of the covariance x − α μ grows as sqrt(α² v + std²), at every level, however few they are."""
    request = Request(model="gaussian", steps=steps, schedule=schedule, spacing="uniform_t")
    levels = runs.levels(request)
    exact = plane.load("gaussian")
    assert isinstance(exact, Mixture)
    mean = exact.means[0].numpy()
    variances, vectors = np.linalg.eigh(exact.covariances[0].numpy())
    for index in (0, 1, steps - 1):
        path = probe(request, index, (0.8, -0.5), fan=0).arrays[2]
        axes = np.array([math.hypot(level.alpha, level.std) for level in levels])[:, None] * path
        axes = (axes - np.array([[level.alpha] for level in levels]) * mean) @ vectors
        growth = np.sqrt([[level.alpha**2 * v + level.std**2 for v in variances] for level in levels])
        np.testing.assert_allclose(axes / growth, np.broadcast_to(axes[index] / growth[index], axes.shape), atol=5e-3)


@pytest.mark.parametrize("schedule", ["edm", "vp_linear", "flow"])
def test_the_path_is_the_same_whichever_way_it_is_reached(schedule: str) -> None:
    """A probe put anywhere on the path of another finds the same path: from the noise end, from the data, between."""
    request = Request(model="moons", steps=20, schedule=schedule)
    path = probe(request, 10, (0.3, 0.4), fan=0).arrays[2]
    for index in (0, 3, 15, 19):
        again = probe(request, index, path[index], fan=0).arrays[2]
        np.testing.assert_allclose(again, path, atol=2e-3)


def test_more_levels_show_the_same_path() -> None:
    """The path belongs to the point and the noise level, not to the steps of the sampler."""
    coarse = Request(model="spirals", sigmas=(20.0, 1.0, 0.1))
    fine = coarse.replace(sigmas=(20.0, 9.0, 3.0, 1.0, 0.7, 0.3, 0.1))
    few = probe(coarse, 1, (0.5, 0.5), fan=0).arrays[2]
    many = probe(fine, 3, (0.5, 0.5), fan=0).arrays[2]
    np.testing.assert_allclose(few, many[[0, 3, 6, 7]], atol=2e-3)


@pytest.mark.parametrize("name", ["pinwheel", "painted"])
def test_the_path_is_the_one_that_scipy_finds(name: str) -> None:
    """dy/du = y − D(y), by an eighth-order method to 1e-9, from the same point to both ends."""
    if name == "painted":
        name = plane.keep(PAINTED[:200])
    request = Request(model=name, steps=30)
    levels = runs.levels(request)
    index = 12
    exact, here = plane.load(name), levels[index]
    start = np.array([0.5, 0.2]) * math.hypot(here.alpha, here.std)
    path = probe(request, index, (0.5, 0.2), fan=0).arrays[2]

    def slope(u: float, y: Any) -> Any:
        return y - exact(torch.tensor(y).reshape(1, 1, 2), Level(0.0, 1.0, math.exp(u))).numpy().ravel()

    for end in (0, 25):
        span = (math.log(here.sigma), math.log(levels[end].sigma))
        y = solve_ivp(slope, span, start, method="DOP853", rtol=1e-9, atol=1e-9).y[:, -1]
        np.testing.assert_allclose(path[end], y / math.hypot(1.0, levels[end].sigma), atol=2e-3)


def test_the_fan_ends_as_the_posterior() -> None:
    """Where p(x_0 | x_t) of one Gaussian is known: its mean and spread, within 6 of their standard errors (1e-8)."""
    request = Request(model="gaussian", steps=100, lam=1.0, schedule="vp_linear")
    count, index = 256, 55
    answer = probe(request, index, (0.4, 0.3), fan=count)
    fan = answer.arrays[3]
    assert fan.shape == (count, 101 - index, 2)
    np.testing.assert_allclose(fan[:, 0], np.tile([0.4, 0.3], (count, 1)), rtol=1e-6)
    level = runs.levels(request)[index]
    exact = plane.load("gaussian")
    assert isinstance(exact, Mixture)
    v, vectors = np.linalg.eigh(exact.covariances[0].numpy())
    ends, mean = fan[:, -1] @ vectors, np.array(answer.values["denoised"]) @ vectors
    spread = np.sqrt(v * level.std**2 / (level.alpha**2 * v + level.std**2))
    assert (np.abs(ends.mean(0) - mean) < 6 * spread / math.sqrt(count)).all()
    assert (np.abs(ends.std(0) / spread - 1.0) < 6 / math.sqrt(2 * count)).all()


def test_the_fan_bends_with_the_point() -> None:
    """The same noise for every point, so that it does not flicker under a hand; without λ it is that of λ = 1."""
    request = Request(model="ring", steps=30, seed=5)
    one, near = (probe(request, 5, (0.1 + shift, 0.2)).arrays[3] for shift in (0.0, 1e-4))
    assert one.shape == (32, 26, 2)
    assert np.abs(one - near).max() < 0.05
    np.testing.assert_array_equal(one, probe(request.replace(lam=1.0), 5, (0.1, 0.2)).arrays[3])
    assert np.abs(one - probe(request.replace(lam=0.3), 5, (0.1, 0.2)).arrays[3]).max() > 0.05


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", ["bridge", "langevin", "annealed_langevin"])
def test_a_probe_can_be_anywhere(schedule: str, sampler: str) -> None:
    """At the noise end, where there may be no signal, and at the clean end; where a level is visited twice."""
    request = Request(model="three-points", steps=3, schedule=schedule, sampler=sampler, spacing="uniform_t")
    last = len(runs.levels(request)) - 1
    for index in (0, last):
        answer = probe(request, index, (0.2, -1.0), fan=4)
        path, fan = answer.arrays[2:]
        assert path.shape == (last + 1, 2)
        assert fan.shape == (4, last + 1 - index, 2)
        assert all(np.isfinite(array).all() for array in answer.arrays)
        np.testing.assert_allclose(path[index], [0.2, -1.0], rtol=1e-6)
