"""The lab's fields, data and images over time hold what the exact model says; and what cannot be asked is named."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from request_strategies import ANYTHING
from torch import Tensor

from engine.answers.asking import QUESTIONS, answer
from engine.answers.pieces import Piece
from engine.answers.query import read
from engine.fields import RequestError
from engine.history import History
from engine.lab import subject
from engine.models import plane
from engine.models.dataset import Dataset
from engine.noise import KeyedNoise
from engine.request import Request
from engine.schedules import SCHEDULES, Level, vp_linear

LEVELS = [
    pytest.param(SCHEDULES[name]().level(t), id=f"{name}-{t}")
    for name, t in [("edm", 1.0), ("edm", 0.002), ("vp_linear", 0.3), ("vp_linear", 0.0), ("flow", 1.0), ("flow", 0.5)]
]
PAINTED = np.random.Generator(np.random.Philox(5)).normal((0.2, -0.4), (0.6, 0.2), (300, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    return tmp_path


def ask(what: str, values: dict[str, Any], *arrays: NDArray[Any]) -> Piece:
    """The last piece of an answer."""
    *_, last = answer(what, values, list(arrays), History())
    assert last is not None
    assert last.last
    return last


def values(level: Level) -> list[float]:
    return [level.t, level.alpha, level.std]


def places(count: int, half: float = 3.0) -> Tensor:
    """x̄ [count, count, 2], the first axis y upwards: written out, as an independent statement of the convention."""
    cell = 2.0 * half / count
    rows = [[(-half + (i + 0.5) * cell, -half + (j + 0.5) * cell) for i in range(count)] for j in range(count)]
    return torch.tensor(rows, dtype=torch.float64)


def autograd(exact: Any, level: Level, condition: Any = None, count: int = 12) -> Tensor:
    """∇ log p̄ at the places, by differentiating the log-density."""
    s = math.hypot(level.alpha, level.std)
    x = places(count).requires_grad_()
    total = exact.log_density(s * x.reshape(1, -1, 2), level, exact.encode(condition, 1)).sum()
    (score,) = torch.autograd.grad(total, x)
    return score


@pytest.mark.parametrize("model", ["moons", "tree", "painted"])
@pytest.mark.parametrize("level", LEVELS)
def test_arrows_are_the_gradient_of_the_log_density(level: Level, model: str) -> None:
    """And D is what Tweedie's formula takes from it, at the clean level of a trace of noise."""
    if model == "painted":
        model = ask("points", {}, PAINTED).values["model"]
    _, score, denoised = ask("field", {"model": model, "level": values(level), "arrows": 12, "density": 4}).arrays
    seen = subject.noisy(level)
    assert seen.sigma == level.sigma or (level.std == 0.0 and seen.sigma == pytest.approx(1e-3))
    expected = autograd(plane.load(model), seen).numpy()
    np.testing.assert_allclose(score, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    if level.alpha:
        s = math.hypot(seen.alpha, seen.std)
        tweedie = (s * places(12).numpy() + seen.std**2 / s * expected) / seen.alpha
        np.testing.assert_allclose(denoised, tweedie, atol=1e-5 * np.abs(tweedie).max())


def test_arrows_follow_condition_and_guidance() -> None:
    """s = s∅ + w (s_c − s∅)."""
    level, exact = vp_linear().level(0.4), plane.load("moons")
    asked = {"model": "moons", "level": values(level), "arrows": 12, "density": 4, "condition": 1}
    none, wanted = autograd(exact, level).numpy(), autograd(exact, level, 1).numpy()
    for w in (0.0, 1.0, 2.5):
        score = ask("field", {**asked, "guidance": w}).arrays[1]
        np.testing.assert_allclose(score, none + w * (wanted - none), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", ["two-gaussians", "spirals", "painted"])
@pytest.mark.parametrize("level", LEVELS)
def test_the_density_integrates_to_one(level: Level, model: str) -> None:
    """Within 1 %, over a view that holds all of it, at every level; also where points are finer than its cells."""
    if model == "painted":
        model = ask("points", {}, PAINTED).values["model"]
    density = ask("field", {"model": model, "level": values(level), "arrows": 2, "half": 5.0}).arrays[0]
    assert density.shape == (256, 256)
    assert float(density.sum()) * (10.0 / 256) ** 2 == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("model", ["tree", "painted"])
def test_the_density_is_that_of_the_model_with_y_upwards(model: str) -> None:
    level = vp_linear().level(0.3)
    condition = None
    if model == "painted":
        model = ask("points", {}, PAINTED).values["model"]
    else:
        condition = 1
    exact = plane.load(model)
    density = ask("field", {"model": model, "level": values(level), "condition": condition, "density": 40}).arrays[0]
    x = places(40).reshape(1, -1, 2)  # s is 1
    expected = torch.exp(exact.log_density(x, level, exact.encode(condition, 1))).reshape(40, 40)
    np.testing.assert_allclose(density, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(density, density.T, atol=0.01)


def test_data_and_noise_are_the_ends_of_a_run() -> None:
    """The noise of `data` is what a run with the same seed and as many particles starts from."""
    points, labels, noise = ask("data", {"model": "moons", "count": 50, "seed": 3}).arrays
    assert (points.dtype, labels.dtype, noise.dtype) == (np.float32, np.uint8, np.float32)
    assert set(labels) == {0, 1}
    request = Request(model="moons", particles=50, seed=3, steps=4, schedule="vp_linear")
    answer = ask("cloud", {"request": request.to_dict()})
    std = answer.values["levels"][0][2]
    np.testing.assert_allclose(answer.arrays[0][0], std * noise, rtol=1e-6)


def test_points_are_kept_under_a_name_that_can_be_run() -> None:
    kept = ask("points", {}, PAINTED).values
    assert kept == {"model": plane.keep(PAINTED), "message": ""}
    request = Request(model=kept["model"], particles=20, steps=30, lam=1.0).to_dict()
    positions = ask("cloud", {"request": request}).arrays[0]
    nearest = np.linalg.norm(positions[-1][:, None] - PAINTED, axis=-1).min(1)
    assert nearest.max() < 1e-3, "the exact denoiser of points ends on them"
    many = np.resize(PAINTED, (200_001, 2))
    assert ask("points", {}, many).values["message"] == "200,001 points were thinned to 200,000."


def test_points_that_cannot_be_written_are_one_sentence(own_models: Path) -> None:
    (own_models / "points").write_text("a file is in the way")
    with pytest.raises(RequestError, match=r"^[^\n]*cannot be written: [^\n]*\.$") as caught:
        ask("points", {}, PAINTED)
    assert caught.value.field == "points"


def test_strokes_are_let_go_but_for_those_that_are_needed(own_models: Path) -> None:
    """After 64 newer ones."""

    def left() -> set[str]:
        return {path.stem for path in (own_models / "points").iterdir()}

    names = [ask("points", {"passing": True}, PAINTED[: k + 1]).values["model"] for k in range(70)]
    assert left() == set(names[-64:])
    names += [ask("points", {"passing": True, "needed": [names[6]]}, PAINTED[:-1]).values["model"]]
    assert left() == set(names[-65:])
    names += [ask("points", {"passing": True}, PAINTED[:-2]).values["model"]]
    assert left() == set(names[-64:])


def test_quick_particles_walk_where_exact_ones_would() -> None:
    """In float32 D is that of the Dataset, to 1e-3 from σ = 0.02 on; it is exact in float64."""
    points = torch.from_numpy(PAINTED)
    quick, exact = subject.Quick(points), Dataset(points)
    for sigma in (0.02, 0.3, 5.0, 80.0):
        level = Level(0.5, 0.7, 0.7 * sigma)
        x = level.alpha * points[None, :50] + level.std * KeyedNoise(1, 1, (50, 2)).initial()
        torch.testing.assert_close(quick(x, level), exact(x, level), rtol=0, atol=1e-3)
        assert torch.equal(quick(x.double(), level), exact(x.double(), level))


def test_the_line_is_the_marginal() -> None:
    """p̄(x̄, t) is the plane's density summed over y; every row integrates to 1."""
    request = Request(model="tree", steps=12, schedule="vp_linear", condition=1).to_dict()
    answer = ask("density1d", {"request": request, "bins": 512, "half": 5.0, "paths": 30})
    image, ode, sde = answer.arrays
    assert (image.shape, ode.shape, sde.shape) == ((13, 512), (30, 13), (30, 13))
    np.testing.assert_allclose(image.sum(1) * (10.0 / 512), 1.0, atol=0.01)
    for index in (0, 6):
        field = {"model": "tree", "condition": 1, "level": answer.values["levels"][index], "half": 5.0}
        both = ask("field", {**field, "density": 512, "arrows": 2}).arrays[0]
        np.testing.assert_allclose(image[index], both.sum(0) * (10.0 / 512), atol=1e-3)


def test_paths_of_the_ode_on_a_line_never_cross() -> None:
    """Its paths keep their order, those of the SDE do not; both begin with the same noise."""
    request = Request(model="moons", steps=60, schedule="vp_linear", lam=1.0).to_dict()
    _, ode, sde = ask("density1d", {"request": request, "paths": 40}).arrays
    order = np.argsort(ode[:, 0])
    np.testing.assert_array_equal(ode[:, 0], sde[:, 0])
    assert (np.diff(ode[order], axis=0) > 0.0).all()
    assert not (np.diff(sde[order], axis=0) > 0.0).all()


REQUEST = Request(model="moons", steps=4, particles=10).to_dict()
REFUSED = [
    ("fortune", {}, "what"),
    ("cloud", {}, "request"),
    ("cloud", {"request": []}, "request"),
    ("cloud", {"request": {**REQUEST, "lam": -1}}, "lam"),
    ("cloud", {"request": {**REQUEST, "particles": 50_001}}, "particles"),
    ("cloud", {"request": {**REQUEST, "particles": 50_000, "steps": 1000}}, "particles"),
    ("cloud", {"request": {**REQUEST, "condition": 2}}, "condition"),
    ("cloud", {"request": {**REQUEST, "model": "points-000000000000"}}, "model"),
    ("cloud", {"request": {**REQUEST, "model": "digits-classifier"}}, "model"),
    ("cloud", {"request": {**REQUEST, "model": "digits"}}, "model"),
    ("cloud", {"request": REQUEST, "coarse": 1}, "coarse"),
    ("data", {"model": "../moons"}, "model"),
    ("data", {"model": "moons", "count": 2.5}, "count"),
    ("data", {"model": "moons", "count": True}, "count"),
    ("field", {"model": "moons"}, "level"),
    ("field", {"model": "moons", "level": [0.1, 1.0]}, "level"),
    ("field", {"model": "moons", "level": [0.1, 1.0, math.nan]}, "level"),
    ("field", {"model": "moons", "level": [0.1, 0.0, 0.0]}, "level"),
    ("field", {"model": "moons", "level": [0.1, 0.0, 1e-300]}, "level"),
    ("field", {"model": "moons", "level": [0.1, 1.0, 0.1], "half": math.inf}, "half"),
    ("field", {"model": "moons", "level": [0.1, 1.0, 0.1], "density": 10**9}, "density"),
    ("field", {"model": "moons", "level": [0.1, 1.0, 0.1], "condition": "north"}, "condition"),
    ("field", {"model": "swiss-roll", "level": [0.1, 1.0, 0.1], "guidance": 2.0}, "guidance"),
    ("field", {"model": "moons", "level": [0.1, 1.0, 0.1], "source": "guessed"}, "source"),
    ("field", {"model": "moons", "level": [0.1, 1.0, 0.1], "source": "learned"}, "learned"),
    ("field", {"model": "moons", "level": [0.1, 1.0, 0.1], "source": "learned", "learned": "moons"}, "learned"),
    ("probe", {"request": REQUEST, "index": 5, "point": [0.0, 0.0]}, "index"),
    ("probe", {"request": REQUEST, "index": -1, "point": [0.0, 0.0]}, "index"),
    ("probe", {"request": REQUEST, "index": 0, "point": [0.0, "y"]}, "point"),
    ("learn", {"model": "moons", "width": 10**6}, "width"),
    ("learn", {"model": "moons", "learned": "learned-000000000000"}, "learned"),
    ("density1d", {"request": {"model": "moons", "steps": 1000, "spacing": "trailing"}, "bins": 4096}, "bins"),
    ("density1d", {"request": REQUEST}, "particles"),
    ("density1d", {"request": REQUEST, "alien": 1}, "alien"),
    ("density1d", {"request": {**REQUEST, "guide": "moons"}}, "guide"),
    ("points", {}, "arrays"),
]


def test_a_line_has_paths_and_no_particles() -> None:
    with pytest.raises(RequestError, match="not 10: paths says how many"):
        ask("density1d", {"request": REQUEST})


@pytest.mark.parametrize(("what", "given", "field"), REFUSED)
def test_what_cannot_be_is_refused_by_field(what: str, given: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        ask(what, given)
    assert caught.value.field == field
    message = str(caught.value)
    assert message.startswith(field) or message.endswith("is missing.")
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((0, 2), np.float32),
        np.zeros((3, 3), np.float32),
        np.zeros(4, np.float32),
        np.full((2, 2), np.inf, np.float32),
        np.zeros((3, 2), np.uint8),
    ],
)
def test_points_that_are_none_are_refused(points: NDArray[Any]) -> None:
    with pytest.raises(RequestError, match=r"^points must be .*\.$|^points must have .*\.$") as caught:
        ask("points", {}, points)
    assert caught.value.field == "points"


@given(st.data())
def test_hostile_values_raise_nothing_else(data: st.DataObject) -> None:
    """Anything at all in any field: a question within its limits, or a sentence with the name of a field."""
    kind = QUESTIONS[data.draw(st.sampled_from(sorted(QUESTIONS)))][0]
    names = st.sampled_from([*kind.__struct_fields__, "alien"])
    given_values = data.draw(st.dictionaries(names, ANYTHING, max_size=6))
    query, refusal = reading(kind, given_values)
    if refusal is None:
        assert msgspec.convert(msgspec.to_builtins(query), kind) == query
    else:
        assert refusal.field
        assert str(refusal).startswith(refusal.field)


def reading(kind: Any, given_values: Any) -> tuple[Any, RequestError | None]:
    try:
        return read(kind, given_values), None
    except RequestError as error:
        return None, error
