"""What a picture says of the precision that it was made in, from the window to the file and back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import click, finished, kill, press, until
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from desktop_app.window import Window
from engine import metadata
from engine.request import Request

CONTROL = Qt.KeyboardModifier.ControlModifier


async def saved(window: Window, folder: Path, request: Request) -> Path:
    """A run of a few samples, and its picture in the gallery."""
    window.generate.controls.take(request)
    press(window, Qt.Key.Key_Return, CONTROL)
    await finished(window.generate.timeline.lanes[0])
    press(window, Qt.Key.Key_S, CONTROL)
    await until(lambda: any(folder.glob("*.png")))
    await until(lambda: next(folder.glob("*.png")).stat().st_size)
    (path,) = folder.glob("*.png")
    return path


def test_a_picture_of_bfloat16_is_exact_where_float32_is_the_choice(
    drive, own_settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gallery says what it was made in, and the worker that verifies it calculates in that."""
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
    folder = own_settings / "gallery"
    asked = Request(condition=3, seed=42, steps=4, count=2, guidance=2.0, guide="digits-weak")

    async def make(window: Window) -> None:
        made = metadata.read(await saved(window, folder, asked)).made
        assert made.precision == {"digits": "bf16", "digits-weak": "bf16"}
        assert made.device == window.client.about.device == "cpu"

    async def verify(window: Window) -> None:
        click(window.rail.buttons["gallery"])
        workspace = window.gallery
        await until(lambda: workspace.grid.pictures.rows)
        (picture,) = workspace.grid.pictures.rows
        workspace.grid.select([picture.name])
        await until(lambda: workspace.detail.buttons["verify"].isEnabled())
        assert any("cpu · bf16" in label.text() for label in workspace.detail.findChildren(QLabel))
        click(workspace.detail.buttons["verify"])
        await until(lambda: "xact" in workspace.detail.verdict.text() or "iffer" in workspace.detail.verdict.text())
        assert workspace.detail.verdict.text() == "Exact: rendered again, every pixel is the same."

    drive(make)
    monkeypatch.setenv("SCORESCOPE_PRECISION", "fp32")
    drive(verify)


def test_the_command_line_has_the_windows_choice(
    drive, own_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the worker has measured is kept: another process on this machine makes the same picture."""
    monkeypatch.delenv("SCORESCOPE_PRECISION")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = []

    async def scenario(window: Window) -> None:
        found.append(await saved(window, own_settings / "gallery", Request(seed=7, steps=3, count=2)))

    drive(scenario)
    (path,) = found
    out = tmp_path / "made.png"
    command = [sys.executable, "-m", "engine", "generate", "--request", str(path), "--out", str(out)]
    subprocess.run(command, check=True, timeout=120, env=dict(os.environ))
    np.testing.assert_array_equal(np.asarray(Image.open(out)), np.asarray(Image.open(path)))
    assert metadata.read(out).made.precision == metadata.read(path).made.precision
    assert metadata.read(out).made.precision["digits"] in ("fp32", "bf16")


def test_an_engine_that_calculates_otherwise_does_not_mix_with_what_is_shown(
    drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart in another precision: what is not held of the old run is lost, and said to be."""
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")

    async def scenario(window: Window) -> None:
        window.generate.controls.take(Request(seed=7, steps=3, count=2))
        press(window, Qt.Key.Key_Return, CONTROL)
        run = await finished(window.generate.timeline.lanes[0])
        monkeypatch.setenv("SCORESCOPE_PRECISION", "fp32")
        pid = window.client.pid
        kill(pid)
        await until(lambda: window.client.is_ready and window.client.pid not in (0, pid))
        click(window.generate.views.button("score"))
        await until(lambda: run.lost)
        assert run.precision == {"digits": "bf16"}
        assert "another precision" in run.lost
        press(window, Qt.Key.Key_Home)
        await asyncio.sleep(0.5)
        assert all(run.shelf.get(run, "score", place) is None for place in range(4)), "nothing of the other precision"

    drive(scenario)
