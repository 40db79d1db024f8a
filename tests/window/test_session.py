"""What comes back at the next start, also after a crash; the command palette."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import numpy as np
import pytest
from conftest import click, finished, press, until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop_app.state.lab import FIRST
from desktop_app.state.session import Session
from desktop_app.widgets.layout import ElidedLabel
from desktop_app.widgets.rail import WORKSPACES
from desktop_app.window import Window
from engine.request import Request

CONTROL = Qt.KeyboardModifier.ControlModifier


def test_open_runs_come_back_after_a_crash(drive, own_settings: Path) -> None:
    seen = {}

    async def scenario(window: Window) -> None:
        window.restore()
        first = await finished(window.generate.timeline.lanes[0])
        assert first.status == "finished", "a first start shows what the program does"
        for name, value in {"count": 2, "steps": 4, "condition": 7, "seed": 5}.items():
            window.generate.controls.set(name, value)
        press(window, Qt.Key.Key_Return, CONTROL)
        seen["run"] = await finished(window.generate.timeline.lanes[0])
        seen["pictures"] = np.array(seen["run"].pictures("denoised", 4))
        await until(lambda: (own_settings / "session.json").is_file())
        await asyncio.sleep(0.6)
        seen["file"] = (own_settings / "session.json").read_bytes()
        window.generate.controls.set("seed", 6)  # not run: the crash comes first

    async def again(window: Window) -> None:
        window.restore()
        run = await finished(window.generate.timeline.lanes[0])
        assert run.request == seen["run"].request
        np.testing.assert_array_equal(run.pictures("denoised", 4), seen["pictures"])

    drive(scenario)
    (own_settings / "session.json").write_bytes(seen["file"])  # what a crash would have left
    drive(again)


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"open": 3}', b'{"history": [{"steps": -1}, 7]}', b"\xff" * 100])
def test_a_damaged_session_is_an_empty_one(qapp, tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "session.json"
    path.write_bytes(junk)
    session = Session(path)
    assert (session.open, session.history) == ({}, [])


def test_a_file_of_other_hands_opens_every_workspace(drive, own_settings: Path) -> None:
    """More lanes than Compare draws, and images for the lab of points: both are requests, and neither fits."""
    own_settings.mkdir()
    lane = Request(count=1, steps=1).to_dict()
    (own_settings / "session.json").write_bytes(msgspec.json.encode({"open": {"compare": [lane] * 9}}))
    requests = {"lab": lane, "lab-b": {"model": "moons"}}
    settings = {"workspace": "compare", "requests": requests}
    (own_settings / "settings.json").write_bytes(msgspec.json.encode(settings))

    async def scenario(window: Window) -> None:
        window.restore()
        assert len(window.compare.timeline.lanes) == 2
        await finished(window.compare.timeline.lanes[1])
        window.make("lab")
        assert [controls["model"] for controls in window.lab.controls] == [FIRST.model] * 2

    drive(scenario)


@pytest.mark.parametrize("name", WORKSPACES)
def test_a_workspace_in_which_nothing_was_run_opens_again(drive, own_settings: Path, name: str) -> None:
    own_settings.mkdir()
    (own_settings / "settings.json").write_bytes(msgspec.json.encode({"workspace": name}))

    async def scenario(window: Window) -> None:
        window.restore()
        assert window.current_name == name
        first = await finished(window.generate.timeline.lanes[0])
        assert first.status == "finished"
        if name != "generate":
            assert not window.current.timeline.lanes or name == "lab"
            assert window.current.inspector.button.text() == window.current.verb, "nothing runs that could be stopped"

    drive(scenario)


def test_the_history_has_each_request_once_the_newest_first(qapp, tmp_path: Path) -> None:
    session = Session(tmp_path / "session.json")
    a, b = Request(seed=1), Request(seed=2, sigmas=(3.0, 1.0))
    for requests in ([a], [b], [a], [a]):
        session.note("generate", requests)
    session.save()
    back = Session(tmp_path / "session.json")
    assert back.history == [a, b]
    assert back.open == {"generate": [a]}


def test_a_locked_seed_is_seen_to_be_locked_at_the_next_start(drive) -> None:
    async def lock(window: Window) -> None:
        click(window.generate.inspector.fields["seed"].lock)
        await asyncio.sleep(0)

    async def find(window: Window) -> None:
        for workspace in (window.generate, window.compare):
            assert workspace.bound.seed_locked
            assert workspace.inspector.fields["seed"].lock.isChecked()
        await asyncio.sleep(0)

    drive(lock)
    drive(find)


def test_a_session_that_cannot_be_written_says_so(qapp, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    session, said = Session(tmp_path / "taken" / "session.json"), []
    session.failed.connect(said.append)
    session.note("generate", [Request()])
    session.save()
    assert len(said) == 1
    assert said[0].startswith("The session could not be saved: ")


def test_the_palette_finds_and_does(drive) -> None:
    async def scenario(window: Window) -> None:
        for name, value in {"count": 1, "steps": 2, "seed": 77, "condition": 3}.items():
            window.generate.controls.set(name, value)
        press(window, Qt.Key.Key_Return, CONTROL)
        await finished(window.generate.timeline.lanes[0])
        palette, asked = window.command_palette, []
        entries = palette._entries
        palette._entries = lambda: asked.append(1) or entries()
        press(window, Qt.Key.Key_K, CONTROL)
        assert palette.isVisible()
        QTest.keyClicks(palette.edit, "go to comp")
        assert palette.list.count() == 1
        assert len(asked) == 1, "not at every letter"
        QTest.keyClick(palette.edit, Qt.Key.Key_Return)
        assert window.current is window.compare
        assert not palette.isVisible()
        press(window, Qt.Key.Key_K, CONTROL)
        QTest.keyClicks(palette.edit, "again seed 77")
        window.generate.controls.set("seed", 1)
        QTest.keyClick(palette.edit, Qt.Key.Key_Return)
        assert window.current is window.generate
        run = await finished(window.generate.timeline.lanes[0])
        assert (run.request.seed, run.request.condition) == (77, 3)
        window.generate.timeline.seek(1)
        press(window, Qt.Key.Key_K, CONTROL)
        QTest.keyClicks(palette.edit, "branch here")
        QTest.keyClick(palette.edit, Qt.Key.Key_Return)
        assert window.generate.panel.isAncestorOf(window.focusWidget())
        press(window, Qt.Key.Key_Escape)
        press(window, Qt.Key.Key_K, CONTROL)
        QTest.keyClicks(palette.edit, "compare: what did")
        await asyncio.sleep(0.05)
        entry = palette.list.item(0)
        words = palette.list.itemWidget(entry).findChildren(ElidedLabel)
        assert [label.text() for label in words] == entry.toolTip().split("\n")
        assert sum(label.width() for label in words) < palette.list.width(), "… where it does not fit"
        palette.edit.setText("no such thing at all")
        assert palette.list.count() == 0
        QTest.keyClick(palette.edit, Qt.Key.Key_Return)
        assert palette.isVisible(), "there is nothing to be done"
        QTest.keyClick(palette.edit, Qt.Key.Key_Escape)
        assert not palette.isVisible()

    drive(scenario)
