"""Branches, by clicks and keys: a tree over the timeline, its runs beside each other, and what a saved one is worth."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import click, finished, kill, move, press, until
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from desktop_app.state.runs import Run
from desktop_app.widgets.timeline_branch import ELSEWHERE
from desktop_app.window import Window
from engine.request import Branch


async def generated(window: Window, **fields: object) -> Run:
    """A run of a few samples."""
    for name, value in {"count": 2, "steps": 8, "seed": 5, **fields}.items():
        window.generate.controls.set(name, value)
    click(window.generate.inspector.button)
    return await finished(window.generate.tree.runs[0])


async def branched(window: Window, step: int, **fields: object) -> Run:
    """A branch at a step of what is selected, with these fields set in the panel."""
    workspace = window.generate
    workspace.timeline.seek(step)
    press(window, Qt.Key.Key_B)
    assert workspace.panel.isVisible()
    for name, value in fields.items():
        assert workspace.panel.controls.set(name, value)
    click(workspace.panel.button)
    assert not workspace.panel.isVisible()
    return await finished(workspace.tree.selected)


def row(window: Window, run: Run) -> QPoint:
    """The middle of a run's name on the track."""
    track = window.generate.bar.track
    return QPoint(60, round(track.row_y(window.generate.tree.runs.index(run))))


def test_b_opens_a_panel_and_enter_goes_on_from_the_step(drive) -> None:
    """What was typed counts; the stem stays beside it; before the step the branch is its stem."""

    async def scenario(window: Window) -> None:
        workspace = window.generate
        stem = await generated(window)
        press(window, Qt.Key.Key_Home)
        for _ in range(3):
            press(window, Qt.Key.Key_Right)
        press(window, Qt.Key.Key_B)
        panel = workspace.panel
        assert panel.isVisible()
        assert panel.title.text().startswith(f"Branch at step 3  ·  σ = {stem.sigma(3):.4g}")
        assert panel.said.text().startswith("Nothing is changed yet")
        assert window.focusWidget() is panel.fields["lam"].edit
        QTest.keyClicks(window.focusWidget(), "0.5")
        QTest.keyClick(window.focusWidget(), Qt.Key.Key_Return)
        assert not panel.isVisible()
        run = workspace.tree.selected
        assert run is not stem
        assert run.request == stem.request.replace(lam=0.5, start=Branch(stem.request, 3))
        await finished(run)
        assert run.status == "finished"
        assert (run.begins, run.steps, run.frames) == (3, 8, 9)
        assert workspace.timeline.lanes == [stem, run]
        assert workspace.timeline.position == 8
        np.testing.assert_array_equal(workspace.stem_grid.pictures, stem.pictures("denoised", 8))
        np.testing.assert_array_equal(workspace.grid.pictures, run.pictures("denoised", 8))
        assert (stem.pictures("denoised", 8) != run.pictures("denoised", 8)).any()
        for k in range(3):
            np.testing.assert_array_equal(run.pictures("noisy", k), stem.pictures("noisy", k))
            assert (run.nfe[k], run.seconds[k], run.measure("score", k)) == (
                stem.nfe[k],
                stem.seconds[k],
                stem.measure("score", k),
            )
        np.testing.assert_array_equal(run.pictures("noisy", 3), stem.pictures("noisy", 3), "the same x, to the bit")
        assert run.nfe == stem.nfe
        assert run.seconds == sorted(run.seconds)
        assert workspace.controls["lam"] == 0.5, "read back"
        assert workspace.caption.text() == "Branch at step 3   λ = 0.5"
        assert workspace.stem_caption.text() == "Before   λ = 0"

    drive(scenario)


def test_langevin_stays_where_it_branches(drive) -> None:
    """At every level but one that it cannot have; there the panel says so, and stays open."""

    async def scenario(window: Window) -> None:
        panel = window.generate.panel
        stem = await generated(window, schedule="flow", spacing="uniform_t")
        assert (await branched(window, 4, sampler="langevin")).status == "finished"
        run = window.generate.tree.selected
        assert [run.sigma(k) for k in range(4, run.steps + 1)] == pytest.approx([stem.sigma(4)] * 5)
        window.generate.select(stem)
        press(window, Qt.Key.Key_Home)
        press(window, Qt.Key.Key_B)
        panel.controls.set("sampler", "langevin")
        assert panel.said.text() == ELSEWHERE
        click(panel.button)
        assert panel.isVisible()
        assert window.toasts.shown[0].message == ELSEWHERE

    drive(scenario)


def test_the_tree_is_walked_by_clicks_and_keys(drive) -> None:
    async def scenario(window: Window) -> None:
        workspace, tree, track = window.generate, window.generate.tree, window.generate.bar.track
        root = await generated(window)
        first = await branched(window, 4, lam=1.0)
        second = await branched(window, 6, seed=9)
        assert second.stem is first, "a branch of a branch"
        assert second.request.start == Branch(first.request, 2)
        assert second.begins == 6
        click(track, row(window, root))
        assert tree.selected is root
        assert workspace.timeline.lanes == [root]
        assert workspace.controls["lam"] == 0.0
        third = await branched(window, 2, condition=3)
        assert third.stem is root
        assert tree.runs == [root, third, first, second]
        click(track, row(window, second))
        assert workspace.timeline.lanes == [first, second]
        fourth = await branched(window, 5, guidance=2.0, condition=1)
        assert fourth.stem is first, "step 5 of the selected run is still its stem's"
        assert fourth.request.start == Branch(first.request, 1)
        track.setFocus()
        press(window, Qt.Key.Key_Up)
        assert tree.selected is first
        press(window, Qt.Key.Key_Down)
        assert tree.selected is fourth
        click(workspace.beside)
        assert workspace.timeline.lanes == [fourth]
        assert not workspace.stem_grid.isVisible()
        click(workspace.beside)
        assert workspace.timeline.lanes == [first, fourth]
        assert workspace.stem_grid.isVisible()
        window.grab()

    drive(scenario)


def test_deleting_takes_what_grows_from_it_and_can_be_undone(drive) -> None:
    async def scenario(window: Window) -> None:
        tree, track = window.generate.tree, window.generate.bar.track
        root = await generated(window)
        first = await branched(window, 3, lam=1.0)
        second = await branched(window, 5, lam=2.0)
        assert tree.runs == [root, first, second]
        click(track, row(window, first))
        track.setFocus()
        press(window, Qt.Key.Key_Delete)
        assert tree.runs == [root]
        assert tree.selected is root
        press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert tree.runs == [root, first, second]
        move(track, row(window, second))
        click(track, track.closer(row(window, second).toPointF()).center().toPoint())
        assert tree.runs == [root, first]
        press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert tree.runs == [root, first, second]
        tree.select(second)
        window.generate.timeline.seek(4)
        np.testing.assert_array_equal(window.generate.grid.pictures, first.pictures("denoised", 4))

    drive(scenario)


def test_a_new_run_in_the_place_of_a_tree_can_be_undone(drive) -> None:
    async def scenario(window: Window) -> None:
        tree = window.generate.tree
        root = await generated(window)
        branch = await branched(window, 3, lam=1.0)
        click(window.generate.inspector.button)
        new = await finished(tree.runs[0])
        assert tree.runs == [new]
        press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: tree.runs == [root, branch])
        press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        await until(lambda: tree.runs == [new])
        click(window.generate.inspector.button)
        await finished(tree.runs[0])
        assert tree.runs != [new]

    drive(scenario)


def test_where_a_branch_cannot_be_it_is_said(drive) -> None:
    """At the result, with eight runs, with nothing there; a value that cannot be is refused, and nothing is started."""

    async def scenario(window: Window) -> None:
        workspace = window.generate
        press(window, Qt.Key.Key_B)
        assert "no run to branch from" in window.toasts.shown[-1].message
        click(workspace.inspector.button)
        press(window, Qt.Key.Key_B)  # before the first frame
        assert window.toasts.shown[-1].message == "Nothing has been computed yet."
        await finished(workspace.tree.runs[0])
        await generated(window, steps=3)
        press(window, Qt.Key.Key_End)
        assert not workspace.bar.branch.isEnabled()
        press(window, Qt.Key.Key_B)
        assert "nothing after it" in window.toasts.shown[-1].message
        press(window, Qt.Key.Key_Home)
        click(workspace.bar.branch)
        edit = workspace.panel.fields["steps"].edit
        edit.setFocus()
        edit.selectAll()
        QTest.keyClicks(edit, "zero")
        QTest.keyClick(edit, Qt.Key.Key_Return)
        assert workspace.panel.isVisible()
        assert len(workspace.tree.runs) == 1
        press(window, Qt.Key.Key_Right)  # in the text field
        assert workspace.timeline.position == 0
        workspace.timeline.seek(1)
        assert workspace.panel.title.text().startswith("Branch at step 1"), "it follows"
        press(window, Qt.Key.Key_Escape)
        assert not workspace.panel.isVisible()
        for k in range(7):
            workspace.timeline.seek(0)
            await branched(window, 0, seed=k)
        assert len(workspace.tree.runs) == 8
        workspace.timeline.seek(0)
        press(window, Qt.Key.Key_B)
        assert "At most 8 runs" in window.toasts.shown[-1].message
        window.grab()

    drive(scenario)


def test_a_branch_of_a_run_that_a_new_engine_does_not_know(drive) -> None:
    """The engine walks its parent again: the same pixels."""

    async def scenario(window: Window) -> None:
        await generated(window)
        before = await branched(window, 4, lam=1.0)
        pid = window.client.pid
        kill(pid)
        await until(lambda: window.client.is_ready and window.client.pid not in (0, pid))
        click(window.generate.bar.track, row(window, window.generate.tree.runs[0]))
        again = await branched(window, 4, lam=1.0)
        assert again.request == before.request
        for view in ("noisy", "denoised"):
            for k in range(9):
                np.testing.assert_array_equal(again.pictures(view, k), before.pictures(view, k))

    drive(scenario)


@pytest.mark.parametrize("changes", [{"lam": 1.0}, {"sampler": "heun", "steps": 12}], ids=str)
def test_a_saved_branch_of_a_branch_is_made_again_from_its_own_metadata(
    drive, changes: dict[str, object], tmp_path: Path, own_settings: Path
) -> None:
    """In a new process, that has nothing but the picture: every pixel."""
    made = tmp_path / "made.png"

    async def scenario(window: Window) -> None:
        await generated(window)
        await branched(window, 3, seed=77, lam=0.7)
        run = await branched(window, 5, **changes)
        assert window.generate.saved == [run]
        press(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: list(own_settings.glob("gallery/*.png")))

    drive(scenario)
    (saved,) = own_settings.glob("gallery/*.png")
    command = [sys.executable, "-m", "engine", "generate", "--request", str(saved), "--out", str(made)]
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "SCORESCOPE_MODELS": str(tmp_path)})
    np.testing.assert_array_equal(np.asarray(Image.open(made)), np.asarray(Image.open(saved)))


def test_a_tree_is_open_again_at_the_next_start(drive) -> None:
    async def make(window: Window) -> None:
        await generated(window)
        await branched(window, 3, lam=1.0)
        await branched(window, 5, lam=2.0)

    async def find(window: Window) -> None:
        window.open("compare")
        focus = window.focusWidget()
        window.restore()
        assert window.focusWidget() is focus, "behind what is looked at"
        tree = window.generate.tree
        for run in list(tree.runs):
            await finished(run)
        assert [run.begins for run in tree.runs] == [0, 3, 5]
        assert [run.stem for run in tree.runs] == [None, *tree.runs[:2]]

    drive(make)
    drive(find)
