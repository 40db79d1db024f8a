"""Saving what Lab 2D shows: pictures, drawings, animations and numbers, and stopping it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import click, press, until
from lab_driving import CONTROL, answered, heard, opened, settled, typed
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtSvg import QSvgRenderer

from desktop_app.state import lab_files
from desktop_app.theme import theme, tokens
from desktop_app.window import Window
from engine.request import Request


def test_what_is_shown_can_be_saved(drive, tmp_path: Path) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.controls[0].set("particles", 500)
        lab.controls[0].set("steps", 5)
        lab.controls[0].set("schedule", "flow")
        await settled(lab)
        for kind in ("png", "svg", "gif", "npz", "csv", "xyz"):
            window.activateWindow()  # offscreen a tooltip takes this away, and with it the shortcuts
            await until(window.isActiveWindow)
            press(window, Qt.Key.Key_S, CONTROL)
            await answered(window, tmp_path / f"lab.{kind}")
            await until(lambda: not lab.export.running)
        assert "must end in" in window.toasts.shown[-1].message
        cloud = lab.lab.clouds[0]
        with Image.open(tmp_path / "lab.png") as picture:
            assert Request.from_json(picture.info["scorescope"]) == cloud.request
            assert picture.size == (2 * lab.stage.shown.width(), 2 * lab.stage.shown.height())
        assert QSvgRenderer(str(tmp_path / "lab.svg")).isValid()
        with Image.open(tmp_path / "lab.gif") as animation:
            assert animation.n_frames == 6
        with np.load(tmp_path / "lab.npz", allow_pickle=False) as file:
            found = dict(file)
        sizes = np.hypot(*found["levels"][:, 1:].T)[:, None, None]
        np.testing.assert_allclose(found["x"] / sizes, cloud.places, atol=1e-6)
        assert json.loads(str(found["request"]))["model"] == "moons"
        table = np.loadtxt(tmp_path / "lab.csv", delimiter=",", skiprows=1)
        assert table.shape == (6 * 500, 7)
        np.testing.assert_allclose(table[-500:, 5:], found["x"][-1], rtol=1e-5, atol=1e-6)
        lab.export.save(tmp_path / "nowhere" / "lab.npz")
        await until(lambda: not lab.export.running)
        assert "could not be saved" in window.toasts.shown[-1].message

    drive(scenario)


@pytest.mark.parametrize("kind", ["mp4", "gif", "apng"])
def test_an_animation_is_saved_by_the_keys(drive, tmp_path: Path, kind: str) -> None:
    """A frame of every level, in the order in which it plays; where one was before, one is again."""
    path = tmp_path / f"lab.{kind}"

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        typed(lab, "steps", "6")
        typed(lab, "particles", "300")
        await settled(lab)
        lab.timeline.seek(2)
        told = []
        lab.export.progressed.connect(told.append)
        window.activateWindow()  # offscreen a tooltip takes this away, and with it the shortcuts
        await until(window.isActiveWindow)
        press(window, Qt.Key.Key_S, CONTROL)
        await answered(window, path)
        await heard(window, f"Saved as lab.{kind}")
        assert [text for text in told if "of 7" in text] == [f"frame {k} of 7" for k in range(1, 8)]
        assert lab.timeline.position == 2
        assert not lab.stop_saving.isVisible()
        size = lab.stage.shown.width(), lab.stage.shown.height()
        if kind == "mp4":
            with av.open(str(path)) as file:
                frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
            assert len(frames) == 6 + 30
            assert frames[0].shape[1::-1] == (size[0] + size[0] % 2, size[1] + size[1] % 2)
            first, last = frames[0], frames[-1]
        else:
            with Image.open(path) as file:
                assert (file.n_frames, file.size) == (7, size)
                first = np.asarray(file.convert("RGB"))
                file.seek(6)
                last = np.asarray(file.convert("RGB"))
        assert np.abs(first.astype(int) - last).mean() > 1.0, "noise is not the data"
        assert np.abs(last.astype(int)).mean() > 5.0

    drive(scenario)


@pytest.mark.parametrize("how", ["button", "key"])
def test_saving_can_be_stopped(drive, tmp_path: Path, how: str) -> None:
    """Nothing is left of it, and what was there before stays."""
    path = tmp_path / "lab.mp4"
    path.write_bytes(b"before")

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        told: list[str] = []
        lab.export.progressed.connect(told.append)
        lab.export.save(path)
        await until(lambda: len(told) >= 3)
        assert lab.progress.text() == told[-1]
        assert lab.stop_saving.isVisible()
        if how == "button":
            click(lab.stop_saving)
        else:
            lab.bar.track.setFocus()
            press(window, Qt.Key.Key_Escape)
        await heard(window, "it was stopped")
        assert not lab.stop_saving.isVisible()
        assert lab.progress.text() == ""
        assert lab.timeline.position == lab.timeline.length

    drive(scenario)
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.glob("*lab*")] == ["lab.mp4"]


def test_closing_while_an_animation_is_saved_leaves_nothing(drive, tmp_path: Path) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        told: list[str] = []
        lab.export.progressed.connect(told.append)
        lab.export.save(tmp_path / "lab.mp4")
        await until(lambda: len(told) >= 3)

    drive(scenario)
    assert not list(tmp_path.glob("*lab*"))


def test_numbers_are_those_of_the_moment(drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloud that becomes another while it is written is written as it was."""
    held = threading.Event()

    @contextmanager
    def slow(path: Path) -> Iterator[Path]:
        assert held.wait(60)
        yield path

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.controls[0].set("steps", 5)
        lab.controls[0].set("particles", 100)
        await settled(lab)
        before = np.array(lab.lab.clouds[0].places)
        monkeypatch.setattr(lab_files, "replacing", slow)
        lab.export.save(tmp_path / "lab.npz")
        await asyncio.sleep(0.05)
        lab.controls[0].set("steps", 7)
        await settled(lab)
        assert len(lab.lab.clouds[0].places) == 8
        held.set()
        await until(lambda: not lab.export.running)
        with np.load(tmp_path / "lab.npz", allow_pickle=False) as file:
            assert json.loads(str(file["request"]))["steps"] == 5
            assert len(file["levels"]) == 6
            sizes = np.hypot(*file["levels"][:, 1:].T)[:, None, None]
            np.testing.assert_allclose(file["x"] / sizes, before, atol=1e-6)

    drive(scenario)


@pytest.mark.parametrize(
    "change",
    [
        lambda window: window.resize(window.width() + 60, window.height() + 40),
        lambda window: theme().choose("light" if theme().palette == tokens.DARK else "dark"),
        lambda window: click(window.lab.pages.button("line")),
        lambda window: window.lab.controls[0].set("lam", 0.7),
        lambda window: click(window.lab.direction.button("forward")),
    ],
    ids=["size", "theme", "page", "request", "direction"],
)
def test_a_window_that_is_changed_meanwhile_is_one_sentence(drive, tmp_path: Path, change) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        told: list[str] = []
        lab.export.progressed.connect(told.append)
        lab.export.save(tmp_path / "lab.gif")
        await until(lambda: len(told) >= 3)
        change(window)
        await heard(window, "the window was changed meanwhile")

    drive(scenario)
    assert not list(tmp_path.glob("*lab*"))
