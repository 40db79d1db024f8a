"""In the smallest window everything is still there: no picture is cut, no words are cut without a sign."""

from __future__ import annotations

import pytest
from conftest import click, finished, until
from PySide6.QtCore import QMargins, QPoint
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QScrollArea, QWidget

from desktop_app.application import show_whole
from desktop_app.state.presets import kinds
from desktop_app.widgets.image_grid import arrangement
from desktop_app.widgets.lane_panel import lane_pen
from desktop_app.window import Window
from engine.request import Request


@pytest.mark.parametrize(
    ("across", "down", "count", "expected"),
    [
        (312, 80, 16, (8, 1)),  # a square of four rows would not fit
        (600, 600, 16, (4, 5)),
        (312, 20, 16, (4, 0)),  # nothing fits
    ],
)
def test_pictures_are_arranged_as_they_fit(across: int, down: int, count: int, expected: tuple[int, int]) -> None:
    assert arrangement(across, down, count, 28, 28, 4) == expected


def test_four_lanes_are_whole_and_drawn_alike_in_the_smallest_window(drive) -> None:
    async def scenario(window: Window) -> None:
        window.resize(1024, 680)
        window.open("compare")
        compare = window.compare
        request = Request(count=16, steps=2, condition=3)
        compare.receive([request.replace(guidance=weight) for weight in (1.0, 2.0, 3.0, 4.0)])
        compare.start()
        for run in compare.timeline.lanes:
            await finished(run)
        for panel in compare.panels:
            grid = panel.grid
            await until(lambda grid=grid: grid.isVisible() and grid.pictures is not None)
            for tile in grid.tiles():
                assert grid.visibleRegion().contains(tile), "a sample cannot be seen"
        track = compare.bar.track
        track.setFocus()
        drawn = track.grab().toImage()
        runs = compare.timeline.lanes
        colours = [lane_pen(kind, 2).color().rgb() for kind in kinds([run.request for run in runs])]
        assert len(set(colours)) == 4
        for number, (run, colour) in enumerate(zip(runs, colours, strict=True)):
            at = QColor(drawn.pixel(round(track.place_px(run, 1)), round(track.row_y(number))))
            assert at.rgb() == colour, "the timeline draws a lane as its heading and the chart do"

    drive(scenario)


def test_long_words_end_with_a_sign_and_bars_are_seen_where_they_scroll(drive) -> None:
    async def scenario(window: Window) -> None:
        window.resize(1024, 680)
        generate = window.generate
        generate.summary.setText("Emoji · " + " · ".join(["“grinning cat”"] * 9))
        await until(lambda: generate.summary.width() < generate.summary.sizeHint().width())
        assert generate.summary.geometry().right() < generate.views.geometry().left()
        assert generate.summary.toolTip() == generate.summary.text()
        generate.summary.setText("Digits · 3")
        await until(lambda: generate.summary.width() == generate.summary.sizeHint().width())
        bars = [area.verticalScrollBar() for area in generate.inspector.findChildren(QScrollArea)]
        assert all(bar.isEnabled() for bar in bars)
        window.resize(1024, 1600)
        await until(lambda: not any(bar.isEnabled() for bar in bars))
        window.resize(1024, 680)
        window.open("lab")
        assert window.lab is not None
        heights = [workspace.header.geometry().height() for workspace in (generate, window.lab)]
        window.open("train")
        assert [*heights, window.current.header.geometry().height()] == [48] * 3, "the heading stays at its place"

    drive(scenario)


def test_an_unknown_word_is_named_while_a_known_one_is_typed_after_it(drive) -> None:
    async def scenario(window: Window) -> None:
        generate = window.generate
        generate.controls.set("model", "emoji")
        words = generate.inspector.fields["condition"].face
        words.edit.setFocus()
        words.edit.clear()  # of what the model suggests
        QTest.keyClicks(words.edit, "blorf hear")
        assert words.hint.text() == "The model does not know “blorf”.", "hear may become heart"
        QTest.keyClicks(words.edit, "t")
        assert words.hint.text() == "The model does not know “blorf”.", "heart may become hearts"
        words.edit.clear()
        QTest.keyClicks(words.edit, "hear")
        assert words.hint.isHidden()

    drive(scenario)


def test_a_toast_is_as_high_as_its_words(drive) -> None:
    async def scenario(window: Window) -> None:
        short = window.toasts.show("Stopped.")
        long = window.toasts.show(" ".join(["This sentence needs more than a line."] * 5))
        await until(lambda: short.isVisible() and long.isVisible())
        assert short.height() == 28 + 24 + 2, "a line, the margins, the border"
        assert long.height() > short.height() + 30

    drive(scenario)


def test_a_toast_is_above_the_timeline_in_every_workspace(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("gallery")
        toast = window.toasts.show("Deleted.", action=("Undo", lambda: None))
        low = toast.geometry().bottom()
        for name in ("generate", "compare", "lab"):
            window.open(name)
            bar = window.current.bar
            await until(lambda toast=toast, bar=bar: toast.geometry().bottom() < bar.mapTo(window, QPoint(0, 0)).y())
        window.open("generate")
        bar, high = window.generate.bar, toast.geometry().bottom()
        click(bar.strip)  # a filmstrip is there or goes
        await until(lambda: toast.geometry().bottom() != high)
        assert toast.geometry().bottom() < bar.mapTo(window, QPoint(0, 0)).y()
        window.open("gallery")
        assert toast.geometry().bottom() == low

    drive(scenario)


def test_a_window_that_is_larger_than_the_screen_is_maximized(qtbot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    room = widget.screen().availableSize()
    for size, maximized in ((room, False), (room.grownBy(QMargins(0, 0, 0, 1)), True)):
        widget.resize(size)
        show_whole(widget)
        assert widget.isVisible()
        assert widget.isMaximized() == maximized
    widget.showNormal()
    assert widget.height() < 0.95 * room.height(), "and smaller than the screen once it is not"
