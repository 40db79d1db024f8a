"""Undo and redo of parameters, by keys, in the real window."""

from __future__ import annotations

from conftest import click, press, until
from PySide6.QtCore import Qt

from desktop_app.window import Window

CONTROL = Qt.KeyboardModifier.ControlModifier
REDO = CONTROL | Qt.KeyboardModifier.ShiftModifier


def test_parameters_are_undone_and_redone_by_keys(drive) -> None:  # type: ignore[no-untyped-def]
    async def scenario(window: Window) -> None:
        controls = window.generate.controls
        window.current.bar.track.setFocus()
        press(window, Qt.Key.Key_BracketRight)
        press(window, Qt.Key.Key_BracketRight)
        moved = controls["lam"]
        assert moved > 0.0
        await until(lambda: window.undo.stack.count() == 1, "two keys in a moment are one step")
        press(window, Qt.Key.Key_R)
        drawn = controls["seed"]
        press(window, Qt.Key.Key_Z, CONTROL)  # at once: what has not settled yet counts, too
        assert controls["seed"] != drawn
        assert controls["lam"] == moved
        press(window, Qt.Key.Key_Z, CONTROL)
        assert controls["lam"] == 0.0
        press(window, Qt.Key.Key_Z, CONTROL)  # nothing left
        press(window, Qt.Key.Key_Z, REDO)
        assert controls["lam"] == moved
        press(window, Qt.Key.Key_Y, CONTROL)
        assert controls["seed"] == drawn

    drive(scenario)


def test_what_lanes_share_comes_back_in_all_of_them(drive) -> None:  # type: ignore[no-untyped-def]
    async def scenario(window: Window) -> None:
        click(window.rail.buttons["compare"])
        a, b = window.compare.controls[:2]
        before = a["seed"], b["lam"]
        press(window, Qt.Key.Key_R)
        assert a["seed"] == b["seed"] != before[0]
        press(window, Qt.Key.Key_Z, CONTROL)
        assert (a["seed"], b["seed"], b["lam"]) == (before[0], before[0], before[1])

    drive(scenario)
