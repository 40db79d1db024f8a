"""Undo and redo of parameters, by keys, in the real window."""

from __future__ import annotations

from conftest import click, press, until
from PySide6.QtCore import Qt

from desktop_app.window import Window
from engine.request import Request

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


def test_what_is_undone_elsewhere_is_told(drive) -> None:  # type: ignore[no-untyped-def]
    async def scenario(window: Window) -> None:
        controls = window.generate.controls
        before = controls["steps"]
        controls.set("steps", 9)
        await until(lambda: window.undo.stack.count() == 1)
        click(window.rail.buttons["compare"])
        window.compare.controls[1].set("lam", 0.5)
        press(window, Qt.Key.Key_Z, CONTROL)
        assert window.compare.controls[1]["lam"] == 1.0
        assert not window.toasts.shown, "it is seen"
        press(window, Qt.Key.Key_Z, CONTROL)
        assert controls["steps"] == before
        assert window.toasts.shown[-1].message == "Undone: parameters, in Generate."
        press(window, Qt.Key.Key_Z, REDO)
        assert window.toasts.shown[-1].message == "Redone: parameters, in Generate."
        press(window, Qt.Key.Key_Z, REDO)
        assert len(window.toasts.shown) == 2
        click(window.rail.buttons["generate"])
        press(window, Qt.Key.Key_Z, CONTROL)
        assert window.toasts.shown[-1].message == "Undone: parameters, in Compare."

    drive(scenario)


def test_the_number_of_lanes_comes_back_with_what_they_are(drive) -> None:  # type: ignore[no-untyped-def]
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare, weights = window.compare, [0.0, 1.0, 2.0, 4.0]

        def guided() -> list[float]:
            return [lane["guidance"] for lane in compare.controls]

        compare.controls[0].take(Request(condition=3, count=1, steps=2, seed=5))
        compare.use_preset("guidance")
        await until(lambda: all(run.over for run in compare.timeline.lanes))
        assert guided() == weights
        await until(lambda: window.undo.stack.count() == 1, "settled")
        compare.use_preset("ode-sde")
        assert compare.set.count == 2
        press(window, Qt.Key.Key_Z, CONTROL)
        assert guided() == weights
        click(compare.lane_choice.button("1"))
        click(compare.less)
        assert guided() == [0.0, 2.0, 4.0]
        press(window, Qt.Key.Key_Z, CONTROL)
        assert guided() == weights
        press(window, Qt.Key.Key_Z, REDO)
        assert guided() == [0.0, 2.0, 4.0]
        await until(lambda: all(run.over for run in compare.timeline.lanes))
        click(compare.inspector.button)
        await until(lambda: all(run.over for run in compare.timeline.lanes))
        click(compare.more)
        click(compare.inspector.button)
        await until(lambda: all(run.over for run in compare.timeline.lanes))
        assert len(compare.timeline.lanes) == 4
        press(window, Qt.Key.Key_Z, CONTROL)
        assert (len(compare.timeline.lanes), compare.chosen) == (3, 2), "nothing is left of the fourth"
        press(window, Qt.Key.Key_C)
        assert guided() == [0.0, 2.0, 4.0], "what is compared here is not sent here"

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
