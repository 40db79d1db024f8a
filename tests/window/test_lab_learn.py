"""Learned against exact in Lab 2D: learn, pause, go on, compare, keep; and networks in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import click, press, until
from lab_driving import answered, heard, opened, settled
from PySide6.QtCore import Qt

from desktop_app.engine_client import RefusedError
from desktop_app.window import Window
from engine.catalog import RESOURCES


def test_a_network_learns_the_score_pauses_and_goes_on(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        assert not lab.score.sources.button("learned").isEnabled()
        click(lab.score.button)
        await until(lambda: len(lab.learning.errors) >= 4)
        click(lab.score.button)
        await until(lambda: not lab.learning.running)
        steps, errors = lab.learning.steps[-1], lab.learning.errors
        assert errors[-1] < errors[0]
        assert lab.learning.name is not None
        await settled(lab)
        assert lab.lab.clouds[0].request.model == lab.learning.name, "the cloud is the network's"
        click(lab.score.sources.button("difference"))
        await settled(lab)
        assert lab.lab.field.error is not None
        assert lab.stage.planes[0].view.scale.title == "‖ŝ − s‖"
        click(lab.score.button)
        await until(lambda: lab.learning.steps[-1] > steps)
        assert lab.learning.steps[-1] > steps, "it goes on where it was"
        click(lab.panel.tiles.tiles["ring"])
        await settled(lab)
        assert lab.learning.name is None
        assert lab.lab.source == "exact"

    async def closes_while_learning(window: Window) -> None:
        lab = await opened(window)
        click(lab.score.button)
        await until(lambda: lab.learning.errors)

    drive(scenario)
    drive(closes_while_learning)


def test_the_field_improves_under_the_eye(drive) -> None:
    """What is drawn while it learns is the network's field, and it comes nearer to the exact one."""

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.timeline.seek(35)
        await settled(lab)
        exact = lab.lab.field.score[8:20, 8:20]
        apart = []
        lab.lab.field_changed.connect(
            lambda: apart.append(float(np.abs(lab.lab.field.score[8:20, 8:20] - exact).mean()))
        )
        click(lab.score.button)
        await until(lambda: apart and apart[-1] < 0.5 * max(apart) and lab.learning.errors[-1] < 0.2)
        press(window, Qt.Key.Key_Escape)
        await until(lambda: not lab.learning.running)
        await settled(lab)
        assert lab.stage.planes[0].view.arrows.colour == "learned"
        assert lab.score.error.text() == f"error {lab.learning.errors[-1]:.1%}"
        click(lab.score.sources.button("exact"))
        await settled(lab)
        np.testing.assert_array_equal(lab.lab.field.score[8:20, 8:20], exact)
        click(lab.score.again)
        assert lab.learning.name is None
        assert not lab.score.sources.button("learned").isEnabled()

    drive(scenario)


def test_a_network_is_saved_and_loaded_by_hand(drive, tmp_path: Path) -> None:
    """Its file is all that the next window needs, also where it learned from points that were painted elsewhere."""
    path = tmp_path / "mine.safetensors"
    found = {}

    async def save(window: Window) -> None:
        lab = await opened(window)
        assert not lab.score.save.isEnabled()
        lab.own.take_word("o")
        await until(lambda: lab.controls[0]["model"].startswith("points-"))
        await settled(lab)
        click(lab.score.button)
        await until(lambda: len(lab.learning.errors) >= 3)
        click(lab.score.button)
        await until(lambda: not lab.learning.running)
        click(lab.score.save)
        await answered(window, path)
        await heard(window, "Saved as mine.safetensors")
        found.update(model=lab.learning.model, name=lab.learning.name, step=lab.learning.steps[-1])
        found["error"] = lab.learning.errors[-1]

    async def load(window: Window) -> None:
        lab = await opened(window)
        click(lab.panel.tiles.tiles["ring"])
        await settled(lab)
        click(lab.score.load)
        await answered(window, path)
        await heard(window, "mine.safetensors: step")
        await settled(lab)
        assert lab.controls[0]["model"] == found["model"]
        assert (lab.learning.name, lab.learning.steps[-1]) == (found["name"], found["step"])
        assert lab.learning.errors[-1] == pytest.approx(found["error"], rel=1e-6)
        assert lab.lab.source == "learned"
        assert lab.lab.clouds[0].request.model == found["name"]
        click(lab.score.button)
        await until(lambda: lab.learning.steps[-1] > found["step"])

    drive(save)
    for file in (tmp_path / "models").rglob("*.*"):
        file.unlink()  # another machine
    drive(load)


def test_other_files_are_no_networks(drive, tmp_path: Path) -> None:
    others = {
        "pickle.pt": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix",
        "empty.safetensors": b"",
        "digits.safetensors": (RESOURCES / "models" / "digits.safetensors").read_bytes(),
    }
    for name, data in others.items():
        (tmp_path / name).write_bytes(data)
    with (tmp_path / "large.safetensors").open("wb") as file:
        file.truncate(1 << 28)

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        for name in (*others, "large.safetensors", "vanished.safetensors"):
            lab.networks.load(tmp_path / name)
            assert "could not be loaded" in await heard(window, name)
            await until(lambda: lab.networks.task.done())
        assert lab.learning.name is None
        assert lab.controls[0]["model"] == "moons"
        click(lab.score.button)
        await until(lambda: lab.learning.name)
        lab.networks.save(tmp_path / "nowhere" / "mine.safetensors")
        assert "could not be saved" in await heard(window, "mine.safetensors")

    drive(scenario)


def test_an_answer_about_an_earlier_state_is_no_fault(drive) -> None:
    """While it learns, older networks are let go; a question about one of them is asked again of the newest."""

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.score.button)
        await until(lambda: len(lab.learning.errors) >= 2)
        lab.lab.latest.refused.emit("field", RefusedError("learned-000000000000.safetensors is missing.", "learned"))
        assert lab.lab.source == "learned"
        assert not window.toasts.shown
        click(lab.score.button)
        await until(lambda: not lab.learning.running)
        await settled(lab)
        gone = lab.learning.name
        lab.lab.latest.refused.emit("field", RefusedError(f"{gone}.safetensors is missing.", "learned"))
        assert lab.lab.source == "exact", "of the newest it is one"
        assert gone in window.toasts.shown[-1].message

    drive(scenario)
