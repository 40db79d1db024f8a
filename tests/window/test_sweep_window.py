"""Sweep: axes are chosen, cells fill in, are mapped, charted, opened and saved; it can be stopped, and survives."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import choose, click, finished, kill, press, until
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QToolTip

from desktop_app.state.sweep import folder
from desktop_app.widgets.sweep_colours import colour
from desktop_app.widgets.sweep_tiles import samples
from desktop_app.window import Window
from desktop_app.workspaces.sweep import SweepWorkspace
from engine.request import Request
from engine.sweep import Axis, Folder, Sweep, run_sweep

CONTROL = Qt.KeyboardModifier.ControlModifier


async def opened(window: Window, **fields: object) -> SweepWorkspace:
    """Sweep by its key, with these fields in its base."""
    QTest.keyClick(window, Qt.Key.Key_4, CONTROL)
    assert window.sweep is not None
    assert window.current is window.sweep
    for name, value in {"count": 2, "condition": 3, "order": 1, **fields}.items():
        assert window.sweep.controls.set(name, value), name
    await asyncio.sleep(0.05)  # laid out
    return window.sweep


def type_in(edit: QLineEdit, text: str) -> None:
    click(edit)
    edit.selectAll()
    QTest.keyClicks(edit, text)


def middle(sweep: SweepWorkspace, index: int) -> QPoint:
    return sweep.grid.place(index).center()


async def done(sweep: SweepWorkspace) -> None:
    await until(lambda: not sweep.running)
    await asyncio.sleep(0.05)


async def ran(sweep: SweepWorkspace, rows: str, columns: str) -> None:
    """Type the values of both axes, and wait for the whole sweep."""
    type_in(sweep.plan.rows.text, rows)
    type_in(sweep.plan.columns.text, columns)
    click(sweep.inspector.button)
    assert sweep.running
    await done(sweep)
    assert sweep.run.complete


def test_values_are_typed_the_grid_fills_in_and_its_pixels_are_the_command_lines(drive) -> None:
    async def scenario(window: Window) -> None:
        sweep = await opened(window)
        assert sweep.stack.currentWidget() is sweep.empty
        type_in(sweep.plan.rows.text, "0, 1")
        type_in(sweep.plan.columns.text, "1..3 in 3")
        assert sweep.plan.count.text().startswith("6 cells")
        lived: list[tuple[int, int, int]] = []
        sweep.run.cell_changed.connect(
            lambda index: lived.append((index, sweep.run.live.step, sweep.run.live.steps)) if sweep.run.live else None
        )
        click(sweep.empty.button)
        await done(sweep)
        wanted = Sweep(
            base=Request(count=2, condition=3, order=1), axes=(Axis("lam", (0.0, 1.0)), Axis("steps", (1, 2, 3)))
        )
        assert sweep.run.sweep == wanted
        assert (5, 3, 3) in lived, "every step is shown"
        for index, result in run_sweep(wanted):
            found = sweep.run.results[index]
            np.testing.assert_array_equal(found.pictures, result.pictures)
            for figure in ("nfe", "agreement"):
                assert found.figures[figure] == result.figures[figure]
        assert sweep.progress.text() == "6 of 6"
        assert not sweep.inspector.button.isEnabled(), "every cell is done"
        image = sweep.grid.grab().toImage()
        place = sweep.grid.place(4)
        page = samples(sweep.run.results[4].pictures, place.width())
        corner = place.center() - QPoint(page.shape[1] // 2 - 1, page.shape[0] // 2 - 1)
        shown = [[image.pixelColor(corner + QPoint(x, y)).red() for x in range(0, 56)] for y in range(0, 56)]
        around = [
            np.abs(np.roll(page[..., 0], (dy, dx), (0, 1))[:56, :56].astype(int) - shown).max()
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ]
        assert min(around) == 0, "pixel for pixel"

    drive(scenario)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5, banana", "Steps must be a whole number from 1 to 1000, not 'banana'."),
        ("5, 5", "Steps must have each value once, not 5 twice."),
        ("", "Steps must have at least one value."),
        ("1..1000 in 400", "axes must make at most 400 cells, not 1,200."),
    ],
)
def test_what_cannot_be_is_said_as_it_is_typed(drive, text: str, said: str) -> None:
    async def scenario(window: Window) -> None:
        sweep = await opened(window)
        type_in(sweep.plan.columns.text, "x")
        type_in(sweep.plan.columns.text, text) if text else QTest.keyClick(
            sweep.plan.columns.text, Qt.Key.Key_Backspace
        )
        problems = [chooser.problem for chooser in (sweep.plan.rows, sweep.plan.columns) if chooser.problem.isVisible()]
        assert [problem.text() for problem in problems] == [said]
        assert not sweep.inspector.button.isEnabled()
        type_in(sweep.plan.columns.text, "3")
        assert not sweep.plan.rows.problem.isVisible()
        assert not sweep.plan.columns.problem.isVisible()
        assert sweep.inspector.button.isEnabled()
        await asyncio.sleep(0)

    drive(scenario)


def test_fields_are_chosen_and_those_that_vary_have_no_value_of_their_own(drive) -> None:
    async def scenario(window: Window) -> None:
        sweep = await opened(window)
        fields = sweep.inspector.fields
        assert not fields["lam"].isEnabled()
        assert "The rows of the sweep." in fields["lam"].toolTip()
        choose(sweep.plan.rows.field, "Sampler")
        type_in(sweep.plan.rows.text, "ddim, heun")
        choose(sweep.plan.columns.field, "Stochasticity  λ")
        assert sweep.plan.columns.text.text() == "0, 0.5, 1"
        assert fields["steps"].isEnabled()
        assert not fields["sampler"].isEnabled()
        assert sweep.plan.count.text().startswith("6 cells  ·  2 not possible")
        sweep.controls.set("steps", 2)
        click(sweep.inspector.button)
        await done(sweep)
        assert sweep.run.complete
        reason = "lam must be 0 with the sampler heun, not 0.5."
        assert sweep.run.results[4].reason == reason
        place = middle(sweep, 4)
        QApplication.sendEvent(sweep.grid, QHelpEvent(QHelpEvent.Type.ToolTip, place, sweep.grid.mapToGlobal(place)))
        assert reason in QToolTip.text()
        click(sweep.grid, place)
        assert sweep.foot.told.text() == f"Heun (EDM)   λ = 0.5   ·   {reason}"
        assert not sweep.foot.buttons["generate"].isEnabled(), "there is nothing to open"
        QToolTip.hideText()
        choose(sweep.plan.rows.field, "Nothing")
        assert not sweep.plan.rows.text.isVisible()
        assert sweep.plan.count.text().startswith("3 cells")
        assert fields["sampler"].isEnabled()

    drive(scenario)


def test_it_pauses_goes_on_stops_and_survives_a_restart(drive) -> None:
    kept: dict[int, np.ndarray] = {}

    async def scenario(window: Window) -> None:
        sweep = await opened(window, seed=5)
        type_in(sweep.plan.rows.text, "0, 1")
        type_in(sweep.plan.columns.text, "2, 3, 30, 40")
        click(sweep.inspector.button)
        await until(lambda: len(sweep.run.results) == 1)
        click(sweep.pause)
        assert sweep.run.pausing
        under_way = sweep.run.live.index
        await done(sweep)
        assert set(sweep.run.results) == set(range(under_way + 1)), "the cell under way was finished"
        assert sweep.progress.text().endswith("paused")
        assert sweep.inspector.button.text() == "Go on"
        click(sweep.inspector.button)
        await until(lambda: sweep.run.live is not None and sweep.run.live.index == 3 and sweep.run.live.step > 2)
        press(window, Qt.Key.Key_Escape)
        assert not sweep.running
        assert set(sweep.run.results) == {0, 1, 2}, "the cell under way was let go"
        kept.update({index: result.pictures for index, result in sweep.run.results.items()})

    async def again(window: Window) -> None:
        QTest.keyClick(window, Qt.Key.Key_4, CONTROL)
        sweep = window.sweep
        assert sweep is not None
        await done(sweep)
        assert set(sweep.run.results) == {0, 1, 2}
        for index, pictures in kept.items():
            np.testing.assert_array_equal(sweep.run.results[index].pictures, pictures)
        assert sweep.controls["seed"] == 5
        assert sweep.plan.columns.text.text() == "2, 3, 30, 40"
        assert sweep.inspector.button.text() == "Go on"
        assert sweep.progress.text() == "3 of 8  ·  paused"
        files = {path: path.stat().st_mtime_ns for path in (folder() / "cells").iterdir()}
        sweep.plan.columns.text.setText("2, 3")
        click(sweep.inspector.button)
        await done(sweep)
        assert sweep.run.complete, "and what is done is not done again when less is wanted"
        assert {path: path.stat().st_mtime_ns for path in files} == files

    drive(scenario)
    drive(again)


def test_cells_are_selected_by_mouse_and_keys_and_opened_elsewhere(drive) -> None:
    async def scenario(window: Window) -> None:
        sweep = await opened(window, seed=8)
        await ran(sweep, "0, 1", "1, 2, 3")
        click(sweep.grid, middle(sweep, 1))
        assert sweep.grid.selection == [1]
        said = sweep.foot.told.text()
        assert said.startswith("λ = 0   N = 2   ·   agreement ")
        assert "2 evals" in said
        press(window, Qt.Key.Key_Right)
        press(window, Qt.Key.Key_Down)
        press(window, Qt.Key.Key_Down)
        assert sweep.grid.selection == [5]
        for index in (0, 1, 2, 3):
            QTest.mouseClick(sweep.grid, Qt.MouseButton.LeftButton, CONTROL, middle(sweep, index))
        assert sweep.grid.selection == [5, 0, 1, 2], "four at most"
        QTest.mouseClick(sweep.grid, Qt.MouseButton.LeftButton, CONTROL, middle(sweep, 1))
        assert sweep.grid.selection == [5, 0, 2]
        assert not sweep.foot.buttons["generate"].isEnabled()
        wanted: list[tuple[list[Request], str]] = []
        sweep.open_wanted.connect(lambda requests, name: wanted.append((requests, name)))
        cells = [sweep.run.sweep.cells[index].request for index in (5, 0, 2)]
        click(sweep.foot.buttons["compare"])
        assert wanted == [(cells, "compare")]
        assert window.current is window.compare
        for run in window.compare.timeline.lanes:
            await finished(run)
        QTest.keyClick(window, Qt.Key.Key_4, CONTROL)
        click(sweep.grid, middle(sweep, 4))
        press(window, Qt.Key.Key_Return)
        assert wanted[-1] == ([sweep.run.sweep.cells[4].request], "generate")
        assert window.current is window.generate
        run = await finished(window.generate.timeline.lanes[0])
        assert run.request == sweep.run.sweep.cells[4].request
        click_empty = sweep.grid.rect().topLeft() + QPoint(3, 3)
        window.open("sweep")
        click(sweep.grid, click_empty)
        assert sweep.grid.selection == []
        QTest.mouseDClick(sweep.grid, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle(sweep, 0))
        assert wanted[-1] == ([cells[1]], "generate")
        await finished(window.generate.timeline.lanes[0])

    drive(scenario)


def test_the_map_has_the_figures_colours_and_the_chart_its_lines(drive) -> None:
    async def scenario(window: Window) -> None:
        sweep = await opened(window)
        await ran(sweep, "0, 1", "1, 2, 5")
        click(sweep.pages.button("map"))
        names = [sweep.figure.itemText(place) for place in range(sweep.figure.count())]
        assert names == ["Agreement", "Evaluations", "Seconds"]
        assert sweep.grid.figure == "agreement"
        choose(sweep.figure, "Evaluations")
        image = sweep.grid.grab().toImage()
        for index, share in ((0, 0.0), (1, 0.25), (5, 1.0)):
            assert image.pixelColor(sweep.grid.place(index).topLeft() + QPoint(3, 3)) == colour(share)
        click(sweep.pages.button("chart"))
        assert [sweep.figure.itemText(place) for place in range(sweep.figure.count())] == ["Agreement"]
        assert sweep.stack.currentWidget() is sweep.chart
        frame = sweep.chart.frame()
        value = sweep.run.results[0].figures["agreement"]
        across = np.log(1.25) / np.log(5 * 1.25**2)  # where one evaluation is
        at = QPoint(round(frame.left() + across * frame.width()), round(frame.bottom() - value * frame.height()))
        click(sweep.chart, at)
        assert sweep.grid.selection[0] in (0, 3), "a click on a point selects its cell"
        click(sweep.pages.button("pictures"))
        assert sweep.stack.currentWidget() is sweep.grid
        assert not sweep.figure.isVisible()

    drive(scenario)


def test_a_distribution_shows_the_orders_of_convergence(drive) -> None:
    async def scenario(window: Window) -> None:
        sweep = await opened(window, spacing="uniform_logsnr")
        choose(sweep.inspector.fields["model"].box, "One Gaussian")
        assert sweep.controls["count"] == 1
        choose(sweep.plan.rows.field, "Order  p")
        click(sweep.plan.error)
        assert sweep.controls["noise"] == "path"
        await ran(sweep, "1, 2", "20, 40, 80")
        click(sweep.pages.button("chart"))
        assert sweep.chart.figure == "error"
        from engine.sweep import chart

        orders = [line.order for line in chart.lines(sweep.run.sweep, sweep.run.results, "error")]
        assert orders == [pytest.approx(1.0, abs=0.1), pytest.approx(2.0, abs=0.2)]
        sweep.chart.grab()
        click(sweep.pages.button("pictures"))
        sweep.grid.grab()
        assert sweep.run.results[0].pictures.any()

    drive(scenario)


def test_a_killed_worker_costs_nothing_but_a_little_time(drive) -> None:
    async def scenario(window: Window) -> None:
        sweep = await opened(window)
        type_in(sweep.plan.rows.text, "0, 1")
        type_in(sweep.plan.columns.text, "2, 40")
        click(sweep.inspector.button)
        await until(lambda: sweep.run.live is not None and sweep.run.live.index == 1 and sweep.run.live.step > 2)
        kill(window.client.pid)
        await done(sweep)
        assert sweep.run.complete
        wanted = dict(run_sweep(sweep.run.sweep))
        np.testing.assert_array_equal(sweep.run.results[1].pictures, wanted[1].pictures)

    drive(scenario)


def test_files_are_read_and_written_on_a_thread(drive, monkeypatch: pytest.MonkeyPatch) -> None:
    """One alone: a sweep that takes the place of another finds the folder as that left it."""
    threads: dict[str, set[threading.Thread]] = {}

    def watched(name: str) -> Callable[..., Any]:
        act = getattr(Folder, name)

        def noted(*values: Any) -> Any:
            threads.setdefault(name, set()).add(threading.current_thread())
            return act(*values)

        return noted

    async def scenario(window: Window) -> None:
        sweep = await opened(window)
        for name in ("begin", "prune", "load", "save"):
            monkeypatch.setattr(Folder, name, watched(name))
        await ran(sweep, "0, 1", "1, 2")
        assert threads.keys() == {"begin", "prune", "load", "save"}
        (one,) = set().union(*threads.values())
        assert one is not threading.main_thread()
        for values in ("1", "2, 3", "1, 3"):  # at once
            type_in(sweep.plan.columns.text, values)
            click(sweep.inspector.button)
            sweep.stop()
        sweep.start()
        await done(sweep)
        assert sweep.run.complete
        assert Folder(folder()).plan() == sweep.run.sweep
        assert sweep.run.sweep.axes[1].values == (1, 3)
        (one,) = set().union(*threads.values())

    drive(scenario)


def test_a_folder_that_cannot_be_written_is_one_sentence(drive, own_settings: Path) -> None:
    async def scenario(window: Window) -> None:
        sweep = await opened(window)
        (own_settings / "sweep").write_text("a file")
        said: list[str] = []
        sweep.problem.connect(said.append)
        click(sweep.inspector.button)
        await done(sweep)
        assert len(said) == 1
        assert said[0].startswith("The sweep stopped, because it cannot be kept: ")
        assert not sweep.running
        (own_settings / "sweep").unlink()
        type_in(sweep.plan.columns.text, "1, 2")
        click(sweep.inspector.button)
        await done(sweep)
        assert sweep.run.complete

    own_settings.mkdir(parents=True, exist_ok=True)
    drive(scenario)


def test_it_is_saved_as_grid_chart_and_table(drive, tmp_path: Path) -> None:
    async def scenario(window: Window) -> None:
        sweep = await opened(window)
        said: list[str] = []
        sweep.problem.connect(said.append)
        QTest.keyClick(window, Qt.Key.Key_S, CONTROL)
        assert said == ["There is nothing to save yet."]
        await ran(sweep, "0, 1", "1, 2")
        for page, name in (("pictures", "grid.png"), ("chart", "chart.png"), ("map", "table.csv")):
            click(sweep.pages.button(page))
            QTest.keyClick(window, Qt.Key.Key_S, CONTROL)
            await until(lambda: sweep.findChildren(QFileDialog))
            (dialog,) = sweep.findChildren(QFileDialog)
            dialog.fileSelected.emit(str(tmp_path / name))
            dialog.close()
            await until(lambda: not sweep.findChildren(QFileDialog))
            window.activateWindow()
            await until(window.isActiveWindow)
            await until(lambda name=name: said[-1] == f"Saved as {name}.")
        for name in ("grid.png", "chart.png"):
            with Image.open(tmp_path / name) as picture:
                assert Sweep.from_json(picture.info["scorescope-sweep"]) == sweep.run.sweep
        assert (tmp_path / "table.csv").read_text().splitlines()[0] == "lam,steps,agreement,nfe,seconds,reason,file"
        sweep.export.save(tmp_path / "no such folder" / "grid.png")
        await until(lambda: said[-1].startswith("The sweep could not be saved: No such file"))
        sweep.export.save(tmp_path / "grid.jpg")
        await until(lambda: said[-1] == "grid.jpg must end in one of .png, .csv.")
        assert not (tmp_path / "grid.jpg").exists()

    drive(scenario)


@pytest.mark.parametrize("size", [(1024, 680), (1920, 1200)])
def test_a_large_sweep_has_room_and_draws_in_time(drive, size: tuple[int, int]) -> None:
    async def scenario(window: Window) -> None:
        window.resize(*size)
        sweep = await opened(window, count=1)
        type_in(sweep.plan.rows.text, "0..2 in 20")
        type_in(sweep.plan.columns.text, "1..20 in 20")
        click(sweep.inspector.button)
        await until(lambda: len(sweep.run.results) >= 22)
        click(sweep.inspector.button)
        assert (window.width(), window.height()) == size
        places = [sweep.grid.place(index) for index in range(400)]
        assert all(sweep.grid.rect().contains(place) for place in places)
        assert not any(a.intersects(b) for a, b in itertools.pairwise(places))
        for page in ("pictures", "map", "chart"):
            click(sweep.pages.button(page))
            for button in ("pictures", "map", "chart"):
                assert sweep.pages.button(button).width() >= sweep.pages.button(button).minimumSizeHint().width()
            window.grab()

    drive(scenario)
