"""Generate, by clicks and keys: from the first start to a scrubbed pixel."""

from __future__ import annotations

import asyncio

import numpy as np
from conftest import click, finished, move, press, until
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QSlider, QWidget

from desktop_app.widgets.rail import WORKSPACES
from desktop_app.window import Window


async def generate(window: Window):
    """Click the button and wait for the images."""
    click(window.generate.inspector.button)
    return await finished(window.generate.timeline.lanes[0])


def test_a_click_generates_and_every_step_can_be_scrubbed(drive) -> None:
    async def scenario(window: Window) -> None:
        workspace = window.generate
        click(workspace.inspector.fields["condition"].chip(7))
        run = await generate(window)
        assert run.status == "finished"
        assert run.request.condition == 7
        assert run.frames == run.request.steps + 1
        assert workspace.timeline.position == run.request.steps, "the window follows to the end"
        np.testing.assert_array_equal(workspace.grid.pictures, run.denoised[-1])
        assert run.denoised[-1].shape == (16, 28, 28, 1)
        assert run.denoised[-1].std() > 50, "there is something to see"
        press(window, Qt.Key.Key_Home)
        np.testing.assert_array_equal(workspace.grid.pictures, run.denoised[0])
        for _ in range(3):
            press(window, Qt.Key.Key_Right)
        assert workspace.timeline.position == 3
        click(workspace.views.button("noisy"))
        np.testing.assert_array_equal(workspace.grid.pictures, run.noisy[3])
        press(window, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
        assert workspace.timeline.position == 13
        press(window, Qt.Key.Key_Left)
        assert workspace.timeline.position == 12
        press(window, Qt.Key.Key_End)
        assert workspace.timeline.position == 20
        track = workspace.bar.track
        QTest.mousePress(track, Qt.MouseButton.LeftButton, pos=QPoint(round(track.place_px(run, 5)), 20))
        assert workspace.timeline.position == 5
        move(track, QPoint(round(track.place_px(run, 9)), 20), Qt.MouseButton.LeftButton)
        QTest.mouseRelease(track, Qt.MouseButton.LeftButton, pos=QPoint(round(track.place_px(run, 9)), 20))
        assert workspace.bar.readouts["Step"].text() == f"{workspace.timeline.position} / 20"

    drive(scenario)


def test_it_can_be_scrubbed_while_it_runs_and_follows_again_at_the_end(drive) -> None:
    async def scenario(window: Window) -> None:
        window.generate.controls.set("steps", 200)
        window.generate.controls.set("count", 1)
        click(window.generate.inspector.button)
        run, timeline = window.generate.timeline.lanes[0], window.generate.timeline
        await until(lambda: run.frames > 20)
        await until(lambda: timeline.position > 10)
        press(window, Qt.Key.Key_Left)
        held = timeline.position
        assert not timeline.following
        frames = run.frames
        await until(lambda: run.frames > frames + 5 or run.over)
        assert timeline.position == held
        press(window, Qt.Key.Key_End)
        assert timeline.following
        await finished(run)
        assert timeline.position == 200

    drive(scenario)


def test_escape_stops_within_a_step_and_what_came_stays(drive) -> None:
    async def scenario(window: Window) -> None:
        window.generate.controls.set("steps", 1000)
        QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        run = window.generate.timeline.lanes[0]
        await until(lambda: run.frames > 3)
        press(window, Qt.Key.Key_Escape)
        assert run.status == "stopped"
        frames = run.frames
        window.generate.controls.set("steps", 2)
        second = await generate(window)
        assert second.status == "finished"
        assert run.frames == frames, "frames of a stopped run are dropped"

    drive(scenario)


def test_space_plays_from_the_start_to_the_end(drive) -> None:
    async def scenario(window: Window) -> None:
        window.generate.controls.set("count", 1)
        await generate(window)
        timeline, seen = window.generate.timeline, []
        timeline.moved.connect(lambda: seen.append(timeline.position))
        timeline.set_mode(speed=4.0)
        press(window, Qt.Key.Key_Space)
        await until(lambda: not timeline.playing)
        assert seen[0] == 0
        assert seen[-1] == 20
        assert seen == sorted(seen)

    drive(scenario)


def test_the_same_seed_gives_the_same_pixels_and_a_free_seed_is_new(drive) -> None:
    async def scenario(window: Window) -> None:
        workspace = window.generate
        workspace.controls.set("count", 2)
        workspace.controls.set("steps", 3)
        press(window, Qt.Key.Key_L)
        first, final = await generate(window), workspace.timeline.lanes[0].denoised[-1]
        second = await generate(window)
        assert first.request == second.request
        np.testing.assert_array_equal(final, second.denoised[-1])
        press(window, Qt.Key.Key_L)
        third = await generate(window)
        assert third.request.seed != second.request.seed
        press(window, Qt.Key.Key_R)
        chosen = workspace.controls["seed"]
        fourth = await generate(window)
        assert fourth.request.seed == chosen != third.request.seed

    drive(scenario)


def test_typed_values_out_of_range_are_refused_in_words(drive) -> None:
    async def scenario(window: Window) -> None:
        control = window.generate.inspector.fields["steps"]
        for text in ("0", "12.5", "many", "-3"):
            control.edit.selectAll()
            QTest.keyClicks(control.edit, text)
            QTest.keyClick(control.edit, Qt.Key.Key_Return)
            assert window.generate.controls["steps"] == 20
            assert control.edit.text() == "20"
        assert "a whole number from 1 to 1000" in window.toasts.shown[-1].message
        control.edit.selectAll()
        QTest.keyClicks(control.edit, "500")
        QTest.keyClick(control.edit, Qt.Key.Key_Return)
        assert window.generate.controls["steps"] == 500, "the range is wider than the slider"

    drive(scenario)


def test_letters_are_keys_only_outside_text_fields(drive) -> None:
    async def scenario(window: Window) -> None:
        controls = window.generate.controls
        edit = window.generate.inspector.fields["seed"].edit
        before = controls["seed"]
        edit.setFocus()
        QTest.keyClicks(edit, "rlc?")
        assert controls["seed"] == before
        assert not controls.seed_locked
        assert window.current_name == "generate"
        window.generate.bar.track.setFocus()
        press(window, Qt.Key.Key_BracketRight)
        assert controls["lam"] == 0.05
        press(window, Qt.Key.Key_BracketLeft)
        press(window, Qt.Key.Key_BracketLeft)
        assert controls["lam"] == 0.0
        press(window, Qt.Key.Key_Question)
        assert window.cheat_sheet.isVisible()
        press(window, Qt.Key.Key_Escape)
        assert not window.cheat_sheet.isVisible()

    drive(scenario)


def test_a_click_enlarges_a_sample(drive) -> None:
    async def scenario(window: Window) -> None:
        await generate(window)
        grid = window.generate.grid
        tile = grid.tiles()[5]
        click(grid, tile.center())
        assert grid.enlarged == 5
        shown = grid.tiles()[5]
        assert shown.width() > tile.width()
        assert shown.width() % 28 == 0, "whole-number scale"
        click(grid)
        assert grid.enlarged == -1

    drive(scenario)


def test_an_enlarged_sample_goes_where_the_next_run_has_fewer(drive) -> None:
    async def scenario(window: Window) -> None:
        await generate(window)
        workspace = window.generate
        click(workspace.grid, workspace.grid.tiles()[5].center())
        workspace.controls.set("count", 2)
        workspace.start()
        assert (workspace.grid.enlarged, workspace.timeline.sample) == (-1, -1)
        run = await finished(workspace.timeline.lanes[0])
        assert workspace.grid.pictures is not None
        np.testing.assert_array_equal(workspace.grid.pictures, run.pictures("denoised", run.steps))

    drive(scenario)


class Shown(QObject):
    """Notes what is shown as a window of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.kinds.append(type(watched).__name__)
        return False


def test_no_part_of_the_window_is_shown_before_it_is_in_it(qapp: QApplication, drive) -> None:
    """As a window of its own it would flash up, and take the keyboard away."""
    shown = Shown()

    async def scenario(window: Window) -> None:
        for name in WORKSPACES:
            window.open(name)
        window.open("compare")
        for _ in range(2):
            click(window.compare.more)
        assert window.isActiveWindow()
        await asyncio.sleep(0)

    qapp.installEventFilter(shown)
    drive(scenario)
    qapp.removeEventFilter(shown)
    assert shown.kinds == ["Window"]


def test_everything_that_can_be_operated_has_a_name(drive) -> None:
    async def scenario(window: Window) -> None:
        for name in WORKSPACES:
            window.open(name)
        kinds = (QAbstractButton, QSlider, QComboBox, QLineEdit)
        widgets = [widget for kind in kinds for widget in window.findChildren(kind)]
        assert len(widgets) > 80
        popups = [box.view() for box in window.findChildren(QComboBox)]
        tab = Qt.FocusPolicy.TabFocus
        widgets += [w for w in window.findChildren(QWidget) if w.focusPolicy() & tab and w not in popups]
        nameless = [w for w in widgets if not w.accessibleName() and not (isinstance(w, QAbstractButton) and w.text())]
        assert not nameless
        await asyncio.sleep(0)

    drive(scenario)
