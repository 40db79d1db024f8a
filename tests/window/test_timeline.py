"""The timeline with runs of every kind: levels that repeat, that stay, that begin without signal."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest
from conftest import choose, click, finished, press
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from desktop_app.state.presets import kinds
from desktop_app.state.runs import Run
from desktop_app.state.timeline import Timeline
from desktop_app.widgets import timeline_rows
from desktop_app.widgets.timeline_track import TimelineTrack
from desktop_app.window import Window
from engine import wire
from engine.request import Request

PICTURES = np.zeros((1, 2, 2, 1), np.uint8)
SIZES = np.array([[2.0], [0.5]], np.float32)


def run_over(*sigmas: float, **request: object) -> Run:
    """A finished run that visited these noise levels; 0 is the clean one, ∞ is without signal."""
    run = Run(Request(count=1, **request))
    levels = [(0.0, 0.0, 1.0) if math.isinf(sigma) else (0.0, 1.0, sigma) for sigma in sigmas]
    run.receive(wire.Started(1, levels), [])
    for index in range(len(sigmas) - 1):
        run.receive(wire.Stepped(1, index, index + 1, 0.1 * index), [PICTURES, PICTURES, SIZES])
    run.receive(wire.Finished(1, len(sigmas), 1.0), [PICTURES, SIZES])
    return run


def test_the_number_of_steps_is_that_of_the_levels(qapp) -> None:
    """Not the request's: annealed Langevin takes several at each of its levels."""
    run = run_over(5, 5, 1, 1, 1, 0, sampler="annealed_langevin", steps=2)
    assert run.steps == 5
    timeline = Timeline()
    timeline.show([run])
    assert (timeline.length, timeline.reached, timeline.position) == (5, 5, 5)
    assert [run.nearest(sigma) for sigma in (math.inf, 9, 5, 2.3, 2.2, 1, 0.1, 0)] == [0, 1, 1, 1, 4, 4, 4, 5]


@pytest.mark.parametrize("axis", ["step", "logsigma"])
def test_one_level_is_shown_by_its_steps(qapp, axis: str) -> None:
    timeline = Timeline()
    timeline.set_mode(axis=axis)
    run = run_over(*[0.5] * 5, sampler="langevin", steps=4)
    timeline.show([run])
    track = TimelineTrack(timeline)
    track.resize(600, 64)
    assert [track.place(run, k) for k in range(5)] == [0.0, 0.25, 0.5, 0.75, 1.0]
    track.grab()


def test_a_level_that_stays_goes_along_with_one_that_falls(qapp) -> None:
    """Whichever has more steps: the falling one leads, and the other is shown by its share of the steps."""
    for staying in (run_over(*[0.5] * 9, sampler="langevin"), run_over(*[0.5] * 3, sampler="langevin")):
        falling = run_over(80, 8, 0.8, 0.08, 0)
        timeline = Timeline()
        timeline.show([staying, falling])
        assert timeline.leader is falling
        places = []
        for position in range(5):
            timeline.seek(position)
            places.append(timeline.frame_of(staying))
        assert places == [round(k / 4 * staying.steps) for k in range(5)]
        track = TimelineTrack(timeline)
        timeline.set_mode(axis="logsigma")
        track.resize(600, 64)
        at = track.place(staying, 0)
        assert {track.place(staying, k) for k in range(staying.steps + 1)} == {at}, "where its level is"
        assert track.place(falling, 2) < at < track.place(falling, 3)
        track.grab()


def test_a_run_that_has_not_begun_is_drawn(qapp) -> None:
    """On any axis, also beside one that has."""
    for lanes in ([Run(Request())], [Run(Request(steps=3)), run_over(5, 1, 0)]):
        timeline = Timeline()
        timeline.show(lanes)
        timeline.set_mode(axis="logsigma")
        track = TimelineTrack(timeline)
        track.resize(600, 64)
        assert [track.place(lanes[0], k) for k in (0, lanes[0].steps)] == [0.0, 1.0]
        track.grab()


def test_the_kinds_of_the_rows_are_told_once(qapp, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each painting, however many rows there are; and not at all where only the playhead has moved."""
    told: list[int] = []

    def counted(requests: list[Request], lab: bool) -> list[tuple[bool, int]]:
        told.append(len(requests))
        return kinds(requests, lab)

    monkeypatch.setattr(timeline_rows, "kinds", counted)
    timeline = Timeline()
    timeline.show([run_over(5, 1, 0, lam=lam) for lam in (0.0, 0.0, 1.0, 1.0)])
    track = TimelineTrack(timeline)
    track.resize(600, 140)
    track.grab()
    assert told == [4]
    timeline.seek(1)
    track.grab()
    assert told == [4]


def test_levels_without_signal_have_a_place(qapp) -> None:
    timeline = Timeline()
    run = run_over(math.inf, 100, 1, 0)
    timeline.show([run])
    timeline.set_mode(axis="logsigma")
    track = TimelineTrack(timeline)
    track.resize(600, 64)
    places = [track.place(run, k) for k in range(4)]
    assert places == sorted(set(places)), "each has one of its own"
    assert (places[0], places[-1]) == (0.0, 1.0)
    track.grab()


def test_langevin_is_scrubbed_and_ends_noisy(drive) -> None:
    async def scenario(window: Window) -> None:
        workspace = window.generate
        workspace.controls.set("count", 1)
        workspace.controls.set("steps", 8)
        choose(workspace.inspector.fields["sampler"].box, "Langevin at one level")
        click(workspace.inspector.button)
        run = await finished(workspace.timeline.lanes[0])
        click(workspace.views.button("noisy"))
        assert workspace.bar.readouts["σ"].text() == "0.5"
        assert workspace.bar.readouts["Step"].text() == "8 / 8"
        assert run.noisy[-1].astype(float).std() == pytest.approx(run.noisy[-2].astype(float).std(), rel=0.3)
        for axis in ("step", "logsigma"):
            click(workspace.bar.axis.button(axis))
            track = workspace.bar.track
            for k in (0, 3, 8):
                place = QPoint(round(track.place_px(run, k)), 20)
                QTest.mouseClick(track, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
                assert workspace.timeline.position == k
                np.testing.assert_array_equal(workspace.grid.pictures, run.noisy[k])
        press(window, Qt.Key.Key_Home)
        press(window, Qt.Key.Key_Space)
        assert workspace.timeline.playing
        await asyncio.sleep(0)

    drive(scenario)


def test_langevin_beside_the_bridge(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        compare.controls[0].set("count", 1)
        compare.controls[0].set("steps", 6)
        compare.controls[1].set("sampler", "langevin")
        compare.controls[1].set("steps", 12)
        click(compare.inspector.button)
        a, b = [await finished(run) for run in compare.timeline.lanes]
        assert (a.status, b.status) == ("finished", "finished")
        click(compare.bar.axis.button("logsigma"))
        assert compare.timeline.leader is a
        assert compare.timeline.position == 6
        for position in range(7):
            compare.timeline.seek(position)
            assert compare.timeline.frame_of(b) == 2 * position
        click(compare.modes.button("difference"))
        window.grab()

    drive(scenario)
