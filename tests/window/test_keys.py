"""Every key in every workspace: what has nothing to act on does nothing, and nothing raises."""

from __future__ import annotations

import asyncio

import pytest
import shiboken6
from conftest import click, finished, press, until
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QWidget

from desktop_app.commands import entries
from desktop_app.keys import key_map
from desktop_app.widgets.cheat_sheet import KEYS
from desktop_app.widgets.layout import IconButton
from desktop_app.widgets.rail import WORKSPACES
from desktop_app.widgets.toast import Toasts
from desktop_app.window import Window
from engine.request import Request

NONE = Qt.KeyboardModifier.NoModifier


def test_no_key_raises_anywhere(drive) -> None:
    """An exception in a key's handler reaches the caller here, and the loop's handler in `drive`."""

    async def scenario(window: Window) -> None:
        for name in WORKSPACES:
            window.open(name)
            await asyncio.sleep(0.05)
            for keys, act in key_map(window).items():
                act()
                window.cheat_sheet.hide()
                window.model_card.leave()
                window.open(name)
                assert window.current_name == name, keys
            press(window, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
            window.setFocus()
            QTest.keyClicks(window, "rl[]")
            assert window.current_name == name

    drive(scenario)


def test_an_overlay_has_the_keyboard_until_it_is_left(drive) -> None:
    async def scenario(window: Window) -> None:
        track, palette, card = window.generate.bar.track, window.command_palette, window.drops.card
        overlays = {
            palette: palette.open,
            window.cheat_sheet: window.cheat_sheet.open,
            window.model_card: window.model_card.open,
            card: lambda: card.offer("a picture", Request(), Request(seed=4, steps=7, clip=1.0), "Generate"),
        }
        for overlay, show in overlays.items():
            for key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
                track.setFocus()
                show()
                for _ in range(7 if overlay.stops() else 1):
                    press(window, key)
                    assert overlay.isAncestorOf(window.focusWidget()) or not overlay.stops()
                press(window, Qt.Key.Key_Escape)
                assert not overlay.isVisible(), overlay.accessibleName()
                assert window.focusWidget() is track
            show()
            press(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
            assert not overlay.isVisible(), "a workspace is opened: it is that one that is looked at"
            assert window.focusWidget() is window.compare.bar.track
            window.open("generate")

    drive(scenario)


def test_a_toast_does_not_cover_an_overlay(drive) -> None:
    async def scenario(window: Window) -> None:
        palette = window.command_palette
        palette.open()
        toast = window.toasts.show("Something.")

        def seen() -> bool:
            there = window.childAt(toast.geometry().center())
            return there is toast or toast.isAncestorOf(there)

        assert not seen()
        palette.leave()
        assert seen()
        await asyncio.sleep(0)

    drive(scenario)


def test_a_window_goes_while_toasts_are_shown(qapp) -> None:
    """It hides what is in it, its toasts too, when it is a window no more: to arrange them then ends the program."""
    window = QWidget()
    toasts = Toasts(window, window.height)
    window.show()
    for words in ("One.", "Two."):
        toasts.show(words)
    shiboken6.delete(window)
    assert not shiboken6.isValid(toasts)


def test_what_runs_is_not_behind_an_overlay(drive) -> None:
    async def scenario(window: Window) -> None:
        controls = window.generate.controls
        for name, value in {"count": 1, "steps": 2}.items():
            controls.set(name, value)
        window.model_card.open()
        window.command_palette.open()
        press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        assert not window.command_palette.isVisible()
        assert not window.model_card.isVisible()
        await finished(window.generate.timeline.lanes[0])
        assert window.focusWidget() is window.generate.bar.track, "which had the focus, and keeps it"
        toast = window.toasts.show("Something.", action=("Do it", lambda: None))
        click(next(button for button in toast.findChildren(QPushButton) if button.text() == "Do it"))
        assert window.focusWidget() is window.generate.bar.track
        gone = QLineEdit(window)
        gone.show()
        for overlay in (window.cheat_sheet, window.command_palette, window.model_card):
            gone.setFocus()
            overlay.open()
            shiboken6.delete(gone)
            overlay.leave()
            assert window.focusWidget() is window, "what had the focus is not there any more"
            gone = QLineEdit(window)
            gone.show()

    drive(scenario)


def test_the_sheet_has_every_key(drive) -> None:
    async def scenario(window: Window) -> None:
        names = {"Left": "←", "Right": "→", "Return": "Enter", "Up": "↑", "Down": "↓"}
        told = {key for keys in KEYS.values() for group in keys for key in group.replace(",", " ").split()}
        shortcuts = [shortcut.key().toString() for shortcut in window.findChildren(QShortcut)]
        for keys in {*key_map(window), *shortcuts} - {"Shift+?", "Ctrl+Y"}:  # other ways to ? and to Ctrl+Shift+Z
            *modifiers, key = keys.split("+")
            spelt = "+".join([*modifiers, names.get(key, key)])
            assert spelt in told or spelt in ("Ctrl+3", "Ctrl+4", "Ctrl+5", "Ctrl+6"), keys
        window.resize(1024, 680)
        window.cheat_sheet.open()
        assert window.rect().contains(window.cheat_sheet.sheet.geometry())
        await asyncio.sleep(0)

    drive(scenario)


def test_a_held_key_acts_once_unless_it_moves_something(drive) -> None:
    async def scenario(window: Window) -> None:
        generate = window.generate
        for name, value in {"count": 1, "steps": 8}.items():
            generate.controls.set(name, value)
        press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        await finished(generate.tree.runs[0])
        press(window, Qt.Key.Key_Home)
        hold(window, Qt.Key.Key_Right)
        assert generate.timeline.position == 4
        hold(window, Qt.Key.Key_BracketRight)
        assert generate.controls["lam"] == pytest.approx(0.2)
        sizes = []
        generate.grid.selected.connect(sizes.append)
        for key, shown in ((Qt.Key.Key_E, [0]), (Qt.Key.Key_Escape, [0, -1])):
            hold(window, key)
            assert sizes == shown
        for playing in (True, False):
            hold(window, Qt.Key.Key_Space)
            assert generate.timeline.playing == playing
        shortcuts = window.findChildren(QShortcut, options=Qt.FindChildOption.FindDirectChildrenOnly)
        assert len(shortcuts) > 6
        assert not any(shortcut.autoRepeat() for shortcut in shortcuts), "Ctrl+Enter would begin a run with each"

    drive(scenario)


def test_the_keyboard_is_somewhere_to_be_seen(drive) -> None:
    """What is opened has it, and so has what is started from a field that is typed in."""

    async def scenario(window: Window) -> None:
        for name in WORKSPACES:
            window.open(name)
            await asyncio.sleep(0.05)
            assert QApplication.focusWidget() is not None, name
            assert QApplication.focusWidget().isVisible(), name
        window.open("generate")
        steps = window.generate.inspector.fields["steps"].edit
        click(steps)
        steps.selectAll()
        QTest.keyClicks(steps, "2")
        press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        run = window.generate.tree.runs[0]
        assert run.request.steps == 2
        assert QApplication.focusWidget() is window.generate.bar.track
        await finished(run)
        window.open("train")
        train = window.workspaces["train"]
        click(train.folder)
        press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        assert QApplication.focusWidget() is train.button
        close = window.toasts.show("Something.").findChild(IconButton)
        close.setFocus(Qt.FocusReason.TabFocusReason)
        QTest.keyClick(close, Qt.Key.Key_Space)
        assert not close.isVisible()
        assert QApplication.focusWidget() is not None
        assert QApplication.focusWidget().isVisible()

    drive(scenario)


def test_the_same_is_not_said_twice_at_once(drive) -> None:
    async def scenario(window: Window) -> None:
        for message in ("One.", "Other.", "One.", "One."):
            window.toasts.show(message)
        assert [toast.message for toast in window.toasts.shown] == ["Other.", "One."]
        await asyncio.sleep(0)

    drive(scenario)


def test_tab_comes_to_the_segment_that_is_chosen(drive) -> None:
    """Also where the one that had the focus is hidden by now."""

    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        for _ in range(2):
            click(compare.more)
        lanes = [compare.lane_choice.button(str(lane)) for lane in range(4)]
        lanes[3].setFocus(Qt.FocusReason.TabFocusReason)
        click(compare.less)
        assert not lanes[3].isVisible()
        assert [lane.focusPolicy() for lane in lanes] == [
            Qt.FocusPolicy.TabFocus if lane == compare.chosen else Qt.FocusPolicy.NoFocus for lane in range(4)
        ]
        compare.more.setFocus()
        press(window, Qt.Key.Key_Backtab)
        assert QApplication.focusWidget() is lanes[compare.chosen]
        await asyncio.sleep(0)

    drive(scenario)


def test_the_palette_plays_where_there_is_a_timeline(drive) -> None:
    async def scenario(window: Window) -> None:
        for name in WORKSPACES:
            window.open(name)
            await asyncio.sleep(0.02)
            texts = {entry.text for entry in entries(window)}
            for text in ("Play or pause", "First step", "Last step"):
                assert (text in texts) == window.current.bar.isVisible() == (name in ("generate", "compare", "lab"))

    drive(scenario)


def test_tab_comes_to_what_varies_before_what_is_the_same(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("sweep")
        assert window.sweep is not None
        window.sweep.plan.rows.field.setFocus()
        names = []
        for _ in range(6):
            names.append(window.focusWidget().accessibleName())
            press(window, Qt.Key.Key_Tab)
        assert names == [
            *("Rows: field", "Rows: values", "Columns: field", "Columns: values"),
            *("Measure the error", "Model"),
        ]
        await asyncio.sleep(0)

    drive(scenario)


def hold(window: Window, key: Qt.Key) -> None:
    """A key that is held: of four presses three say that they are repeats."""
    for repeat in (False, True, True, True):
        QApplication.sendEvent(window, QKeyEvent(QEvent.Type.KeyPress, key, NONE, "", repeat))
    QApplication.sendEvent(window, QKeyEvent(QEvent.Type.KeyRelease, key, NONE))


def test_tab_comes_to_the_condition_where_it_is_seen(drive) -> None:
    """Also the one of another model, whose control is new; and to the class that is chosen."""

    async def scenario(window: Window) -> None:
        fields, controls = window.generate.inspector.fields, window.generate.controls

        def turn() -> tuple[str, str]:
            fields["count"].edit.setFocus()
            names = []
            for _ in range(2):
                QTest.keyClick(window.focusWidget(), Qt.Key.Key_Backtab)
                names.append(window.focusWidget().accessibleName())
            return tuple(names)

        assert turn() == ("Condition: any", "About this model")
        controls.set("condition", 3)
        assert turn() == ("Condition: 3", "About this model")
        controls.set("model", "emoji")
        await until(fields["condition"].face.isVisible)
        assert turn() == ("Condition", "About this model")

    drive(scenario)
