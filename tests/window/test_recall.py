"""What the window does not hold is fetched from the engine's history; what that has lost is made again, or said."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise

import numpy as np
from conftest import click, finished, kill, move, press, until
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt

from desktop_app.state.runs import Run
from desktop_app.state.shelf import Shelf
from desktop_app.window import Window
from engine.request import Request

Seen = dict[tuple[str, int], NDArray[np.uint8]]


async def generated(window: Window, **fields: object) -> Run:
    """A run of a few samples."""
    for name, value in {"count": 3, "steps": 8, "seed": 5, **fields}.items():
        window.generate.controls.set(name, value)
    click(window.generate.inspector.button)
    return await finished(window.generate.tree.runs[0])


def everything(run: Run) -> Seen:
    """All pictures that came with the run."""
    return {(view, k): run.pictures(view, k) for view in ("noisy", "denoised") for k in range(run.frames)}


async def shown(window: Window, view: str, place: int) -> NDArray[np.uint8]:
    """What the grid shows when the pictures of a place have come."""
    workspace = window.generate
    workspace.set_view(view)
    workspace.timeline.seek(place)
    run = workspace.tree.selected
    await until(lambda: run.shelf.get(run, view, place) is not None or run.note(view, place))
    await asyncio.sleep(0.02)
    return workspace.grid.pictures


def test_a_shelf_holds_what_was_seen_last() -> None:
    """Never more than its bound, but for one picture that is larger; the least lately seen goes first."""
    shelf, picture = Shelf(1000), np.zeros((1, 20, 20, 1), np.uint8)
    for place in range(4):
        shelf.put("run", "noisy", place, picture)
        assert shelf.used <= 1000
    assert [place for place in range(4) if shelf.get("run", "noisy", place) is not None] == [2, 3]
    shelf.get("run", "noisy", 2)
    shelf.put("other", "noisy", 9, picture)
    assert shelf.get("run", "noisy", 3) is None
    assert shelf.nearest("run", "noisy", 0) is shelf.get("run", "noisy", 2)
    shelf.put("run", "noisy", 2, picture)
    assert shelf.used == 800
    shelf.put("run", "noisy", 7, np.zeros((1, 40, 40, 1), np.uint8))
    assert shelf.get("run", "noisy", 7) is not None
    shelf.drop("run")
    assert (shelf.used, shelf.any("run")) == (0, None)


def test_what_is_not_held_is_fetched_with_the_same_pixels(drive) -> None:
    async def scenario(window: Window) -> None:
        run = await generated(window)
        seen = everything(run)
        window.runs.shelf.drop(run)
        window.runs.shelf.bound = 3 * 784 * 4  # four pictures
        for (view, place), pictures in seen.items():
            np.testing.assert_array_equal(await shown(window, view, place), pictures)
            assert window.runs.shelf.used <= window.runs.shelf.bound
        assert window.generate.mark.text() == ""

    drive(scenario)


def test_a_long_run_is_held_under_the_bound_while_it_comes(drive) -> None:
    async def scenario(window: Window) -> None:
        window.runs.shelf.bound = 100_000
        run = await generated(window, count=8, steps=60)
        assert window.runs.shelf.used <= 100_000
        press(window, Qt.Key.Key_Home)
        await until(lambda: run.shelf.get(run, "denoised", 0) is not None)
        await asyncio.sleep(0.02)
        np.testing.assert_array_equal(window.generate.grid.pictures, run.pictures("denoised", 0))

    drive(scenario)


def test_after_a_restart_the_run_is_walked_again_with_the_same_pixels(drive) -> None:
    async def scenario(window: Window) -> None:
        run = await generated(window)
        seen = everything(run)
        scores = [(await shown(window, "score", k)).copy() for k in (2, 6)]
        pid = window.client.pid
        kill(pid)
        await until(lambda: window.client.is_ready and window.client.pid not in (0, pid))
        window.runs.shelf.drop(run)
        np.testing.assert_array_equal(await shown(window, "denoised", 5), seen["denoised", 5])
        np.testing.assert_array_equal(await shown(window, "noisy", 8), seen["noisy", 8])
        for place, before in zip((2, 6), scores, strict=True):
            np.testing.assert_array_equal(await shown(window, "score", place), before)
        assert run.status == "finished"
        assert run.frames == 9

    drive(scenario)


def test_what_is_wanted_while_the_engine_starts_again_comes(drive) -> None:
    async def scenario(window: Window) -> None:
        run = await generated(window)
        seen = everything(run)
        window.runs.shelf.drop(run)
        kill(window.client.pid)
        np.testing.assert_array_equal(await shown(window, "denoised", 5), seen["denoised", 5])

    drive(scenario)


def test_a_run_that_cannot_be_walked_again_says_so(drive) -> None:
    async def scenario(window: Window) -> None:
        run = await generated(window)
        kill(window.client.pid)
        run.request = Request(model="nobody")
        window.runs.shelf.drop(run)
        window.generate.timeline.seek(4)
        await until(lambda: run.lost)
        assert "nobody" in run.lost
        await until(lambda: window.generate.mark.text() == "not kept")
        window.grab()

    drive(scenario)


def test_every_view_of_every_step(drive) -> None:
    """Signed ones in colour, with the value of the strongest; the score of the result is the last step’s.

    Nothing comes before the first D, and the last step of the bridge returns D: there is no change.
    """

    async def scenario(window: Window) -> None:
        workspace = window.generate
        await generated(window)
        for view in ("score", "eps", "change"):
            click(workspace.views.button(view))
            for place in (0, 4, 8):
                pictures = await shown(window, view, place)
                assert pictures.shape == (3, 28, 28, 3)
                assert workspace.mark.text().startswith("±") or (view == "change" and place != 4)
        np.testing.assert_array_equal(await shown(window, "score", 8), await shown(window, "score", 7))
        assert (await shown(window, "change", 0)).std(axis=(0, 1, 2)).max() == 0, "nothing came before"
        window.grab()

    drive(scenario)


def test_a_small_history_keeps_thumbnails_and_says_what_they_lack(drive) -> None:
    async def scenario(window: Window) -> None:
        window.client.keep(100_000)  # of 3 samples: two or three steps in full, the others as thumbnails
        run = await generated(window)
        window.runs.shelf.drop(run)
        assert (await shown(window, "denoised", 2)).std() > 10
        assert window.generate.mark.text() == ""
        await shown(window, "change", 2)
        await until(lambda: window.generate.mark.text() == "8-bit")
        await shown(window, "score", 2)
        await until(lambda: window.generate.mark.text() == "not kept")
        await shown(window, "score", 7)
        await until(lambda: window.generate.mark.text().startswith("±"))

    drive(scenario)


def test_the_filmstrip_shows_a_sample_on_its_way(drive) -> None:
    """At the places of the steps, without one over another; a click goes there, and the enlarged sample is shown."""

    async def scenario(window: Window) -> None:
        workspace, bar = window.generate, window.generate.bar
        run = await generated(window, steps=40)
        film = bar.film
        assert film.isVisible()
        plan = film.plan()
        assert (min(plan), max(plan)) == (0, 40)
        xs = list(plan.values())
        assert min(b - a for a, b in pairwise(xs)) >= 56
        assert all(abs(x - bar.track.place_px(run, k)) < 28 for k, x in plan.items()), "each lies over its tick"
        gaps = [b - a for a, b in pairwise(xs)][:-1]
        assert max(gaps) - min(gaps) < 1, "evenly, as the steps are; the last is always there"
        index = list(plan)[3]
        click(film, QPoint(round(plan[index]), 20))
        assert workspace.timeline.position == index
        workspace.grid.enlarge(2)
        assert film.sample == 2
        window.runs.shelf.drop(run)
        film.repaint()
        stills = {}

        def all_here() -> bool:
            stills.update(run.stills("denoised", 2, list(plan)))
            return len(stills) == len(plan)

        await until(all_here)
        for k in (0, index, 40):
            await shown(window, "denoised", k)
            np.testing.assert_array_equal(stills[k], run.pictures("denoised", k)[2])
        click(bar.strip)
        assert not film.isVisible()

    async def again(window: Window) -> None:
        assert not window.generate.timeline.film, "remembered"
        await asyncio.sleep(0)

    drive(scenario)
    drive(again)


def test_exact_values_under_the_mouse(drive) -> None:
    """In a bubble that has one size and stays inside the window."""

    async def scenario(window: Window) -> None:
        bar = window.generate.bar
        run = await generated(window, sampler="heun")
        sizes = set()
        for index in (0, 4, 8):
            move(bar.track, QPoint(round(bar.track.place_px(run, index)), 30))
            values = {name: value.text() for name, value in bar.bubble.values.items()}
            assert bar.bubble.isVisible()
            assert values["Step"] == f"{index} / 8"
            assert values["Evaluations"] == str(run.nfe[index])
            if index < 8:
                assert float(values["‖score‖"]) == float(f"{run.measure('score', index):.5g}")
            assert values["σ"] == ("clean" if index == 8 else f"{run.sigma(index):.6g}")
            sizes.add((bar.bubble.width(), bar.bubble.height()))
            assert window.rect().contains(bar.bubble.geometry())
        assert values["‖score‖"] == "–", "of the result"
        assert len(sizes) == 1
        move(window.generate.grid, QPoint(50, 50))
        bar.track.leaveEvent(None)
        assert not bar.bubble.isVisible()

    drive(scenario)


def test_the_readouts_are_those_of_the_enlarged_sample(drive) -> None:
    async def scenario(window: Window) -> None:
        workspace = window.generate
        run = await generated(window)
        workspace.timeline.seek(3)
        mean = run.measure("score", 3)
        assert workspace.bar.readouts["‖score‖"].text() == f"{mean:.3g}"
        workspace.grid.enlarge(1)
        own = run.measure("score", 3, 1)
        assert own != mean
        assert workspace.bar.readouts["‖score‖"].text() == f"{own:.3g}"
        assert math.isnan(run.measure("change", 0))
        curve = workspace.bar.track.spark()
        assert len(curve) == 8, "of every step but the first, and the result"
        for axis in ("t", "logsnr", "logsigma", "step"):
            click(workspace.bar.axis.button(axis))
            track = workspace.bar.track
            places = [track.place(run, k) for k in range(9)]
            assert places == sorted(places)
            assert len(set(places)) == 9
            window.grab()

    drive(scenario)
