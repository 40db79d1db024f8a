"""Learning in the lab: it tends to the exact score, it can be dropped and gone on with, and tells how far it is."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.answers.asking import answer
from engine.answers.pieces import Piece
from engine.fields import RequestError
from engine.history import History
from engine.lab.learning import Lesson
from engine.lab.queries import Learn
from engine.models import mlp, plane
from engine.schedules import Level


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    return tmp_path


def learn(**values: Any) -> list[Piece]:
    """All that a training tells."""
    asked = {"model": "moons", "width": 32, **values}
    return [piece for piece in answer("learn", asked, [], History()) if piece is not None]


def field(learned: str, sigma: float, source: str = "difference") -> list[Any]:
    asked = {"model": "moons", "level": [0.5, 1.0, sigma], "source": source, "learned": learned, "density": 8}
    *_, last = answer("field", asked, [], History())
    assert last is not None
    return last.arrays


def test_the_learned_field_tends_to_the_exact_one() -> None:
    """After 400 steps nine tenths of what D = skip x is wrong by are learned; of the field, more than a half."""
    first, last = learn(steps=1)[-1].values, learn(steps=400)[-1].values
    assert last["step"] == 400
    assert last["error"] < 0.1
    assert first["error"] > 0.99
    arrows = [field(report["model"], 0.3)[1][14:26, 10:30] for report in (first, last)]
    wrong = [np.linalg.norm(of, axis=-1).mean() for of in arrows]
    assert wrong[1] < wrong[0] / 2


def test_the_error_is_what_the_loss_has_above_the_floor() -> None:
    """Of the exact D itself it is 0, and its loss is the floor: E ‖F − F*‖² + E ‖F* − F_0‖² = E ‖F − F_0‖².

    The cross term has mean 0: with 2,048 draws it is within 0.1, six of its standard deviations.
    """
    lesson = Lesson(Learn(model="moons", width=16))
    trial = lesson.trial
    clean, _ = plane.sample("moons", len(trial.x), lesson.asked.seed + 1)
    loss = lesson.loss(lesson.average, torch.from_numpy(clean), trial.x, trial.sigmas, trial.labels).mean()
    figures = trial.figures()
    assert float(loss) == pytest.approx(figures["floor"] * (1.0 + figures["excess"]), abs=0.1)
    sigma = float(trial.sigmas[0])
    exact = plane.load("moons")(trial.x[:5], Level(0.0, 1.0, sigma), trial.labels[:5])
    torch.testing.assert_close(trial.exact[:5], exact)
    assert set(trial.labels.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("model", ["moons", "gaussian", "checkerboard"])
def test_an_untrained_network_is_wrong_by_all_and_the_exact_one_by_nothing(model: str) -> None:
    """Against D = skip x and D* by their own formulas; the null network is D = skip x."""
    lesson = Lesson(Learn(model=model, width=16))
    trial = lesson.trial
    assert trial.figures()["error"] == pytest.approx(1.0, abs=1e-6)
    total = trial.sigmas.double() ** 2 + lesson.sigma_data**2
    skip, out = lesson.sigma_data**2 / total, trial.sigmas * lesson.sigma_data / total.sqrt()
    wrong = (skip[:, None] * trial.x - trial.exact).square().sum(1) / out**2
    assert trial.untrained == pytest.approx(float(wrong.mean()), rel=1e-5)
    rest = (trial.exact - skip[:, None] * trial.x) / out[:, None]  # F of the exact denoiser

    class Exact(torch.nn.Module):
        def forward(self, x: torch.Tensor, noise: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
            return rest.float()

    lesson.average = Exact()  # type: ignore[assignment]
    assert trial.figures()["error"] < 1e-9


def test_points_that_are_all_one_can_be_learned() -> None:
    """They have no deviation to scale by."""
    values = learn(model=plane.keep(np.full((7, 2), 0.5, np.float32)), steps=2)[-1].values
    assert all(np.isfinite(values[key]) for key in ("loss", "floor", "excess", "error"))


def test_the_difference_is_the_learned_less_the_exact() -> None:
    name = learn(steps=20)[-1].values["model"]
    difference, learned, exact = (field(name, 0.4, source) for source in ("difference", "learned", "exact"))
    scale = np.abs(learned[1]).max()
    np.testing.assert_allclose(difference[1], learned[1] - exact[1], atol=1e-5 * scale)
    np.testing.assert_allclose(difference[2], learned[2] - exact[2], atol=1e-5)
    assert [len(arrays) for arrays in (difference, learned, exact)] == [4, 3, 3]
    assert difference[3].shape == (96, 96)
    assert difference[3].mean() == pytest.approx(np.linalg.norm(difference[1], axis=-1).mean(), rel=0.05)


def test_a_training_that_is_gone_on_with_is_the_unbroken_one(own_models: Path) -> None:
    """To the last bit: the weights, their average, Adam's moments and the draws of every step are kept."""
    middle = learn(steps=15)[-1].values["model"]
    whole, resumed = learn(steps=40)[-1].values, learn(steps=40, learned=middle)[-1].values
    assert resumed["model"] == whole["model"]
    assert resumed["step"] == 40
    assert resumed["error"] == whole["error"]


def test_a_training_that_is_done_is_not_gone_on_with() -> None:
    """Nothing is left to do: it is told again, with the loss of the trial for that of steps."""
    done = learn(steps=15)[-1].values
    (again,) = (piece.values for piece in learn(steps=15, learned=done["model"]))
    assert (again["model"], again["step"], again["seconds"]) == (done["model"], 15, done["seconds"])
    assert again["loss"] == pytest.approx(again["floor"] * (1.0 + again["excess"]))
    assert again["error"] == done["error"]


def test_it_tells_how_it_goes_and_can_be_dropped(own_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every report names a network that is there; of one training only the last eight are kept."""
    monkeypatch.setattr("engine.lab.learning.EVERY", 0.0)
    pieces = answer("learn", {"model": "moons", "width": 16, "steps": 10**6}, [], History())
    reports = [piece.values for piece in itertools.islice(pieces, 12) if piece is not None]
    pieces.close()
    assert [report["step"] for report in reports] == list(range(1, 13))
    assert all(a["seconds"] < b["seconds"] for a, b in itertools.pairwise(reports))
    assert mlp.load(reports[-1]["model"]).of == "moons"
    kept = {path.stem for path in (own_models / "learned").iterdir()}
    assert kept == {report["model"] for report in reports[-8:]}


def test_what_many_trainings_have_left_is_let_go(own_models: Path) -> None:
    """The newest 32 stay, and what is gone on with; nothing of other names goes."""
    folder = own_models / "learned"
    first = learn(steps=3)[-1].values["model"]
    os.utime(folder / f"{first}.safetensors", (1, 1))
    for number in range(40):
        other = folder / f"learned-{number:012x}.safetensors"
        other.write_bytes(b"")
        os.utime(other, (100 + number, 100 + number))
    (folder / "notes.txt").write_text("mine")
    os.utime(folder / "notes.txt", (1, 1))
    last = learn(steps=5, learned=first)[-1].values["model"]
    kept = {path.stem for path in folder.iterdir()}
    assert kept == {first, last, "notes", *(f"learned-{number:012x}" for number in range(8, 40))}


def test_a_distribution_with_classes_is_learned_under_each() -> None:
    """The score of a class is nearer to that class's exact score than to the other's."""
    name = learn(steps=300)[-1].values["model"]
    learned, exact, level = mlp.load(name), plane.load("moons"), Level(0.5, 1.0, 0.5)
    points, _ = plane.sample("moons", 500, 1)
    x = torch.from_numpy(points)[None] + 0.5 * torch.randn(1, 500, 2, generator=torch.Generator().manual_seed(0))
    for own, other in ((0, 1), (1, 0)):
        denoised = learned(x, level, own)
        near, far = (float((denoised - exact(x, level, label)).square().mean()) for label in (own, other))
        assert near < 0.2 * far


@pytest.mark.parametrize("change", [{"model": "ring"}, {"width": 16}, {"seed": 1}])
def test_another_training_is_not_gone_on_with(change: dict[str, Any]) -> None:
    name = learn(steps=1)[-1].values["model"]
    with pytest.raises(RequestError, match=r"^learned must be a network of .*\.$"):
        learn(**{"steps": 2, "learned": name, **change})


def test_what_was_learned_is_no_teacher() -> None:
    name = learn(steps=1)[-1].values["model"]
    with pytest.raises(RequestError, match=r"^model must be exact to be learned from, not learned-.*\.$"):
        learn(model=name)


def test_a_network_of_another_distribution_is_not_compared() -> None:
    name = learn(steps=1)[-1].values["model"]
    with pytest.raises(RequestError, match=r"^learned must be a network that learned from ring, not from moons\.$"):
        list(
            answer(
                "field",
                {"model": "ring", "level": [0.5, 1.0, 0.5], "source": "learned", "learned": name},
                [],
                History(),
            )
        )


def test_points_are_learned_too() -> None:
    points = np.random.Generator(np.random.Philox(1)).normal(0.0, 0.5, (100, 2)).astype(np.float32)
    (report,) = learn(model=plane.keep(points), steps=2)
    request = {"model": report.values["model"], "particles": 10, "steps": 3}
    *_, cloud = answer("cloud", {"request": request}, [], History())
    assert cloud is not None
    assert cloud.arrays[0].shape == (4, 10, 2)
