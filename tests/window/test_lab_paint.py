"""Points of one's own in Lab 2D: painted, typed, loaded; and what goes wrong with files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import click, press, until
from lab_driving import CONTROL, NONE, SHIFT, answered, heard, hit, move, opened, place, settled, stroke
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop_app.state.lab_painting import ERASER, Painting
from desktop_app.window import Window
from desktop_app.workspaces.lab import LabWorkspace
from engine.catalog import DISTRIBUTIONS


def test_points_are_painted_erased_undone_and_become_the_distribution(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        make = lab.own.make
        click(make.paint)
        click(make.paint)
        assert "Nothing is painted yet" in window.toasts.shown[-1].message
        assert lab.controls[0]["model"] == "moons", "painting nothing changes nothing"
        click(make.paint)
        stroke(lab, (-1.0, 1.0), (0.0, 1.0), (1.0, 1.0))
        await settled(lab)
        first = len(lab.own.painting.points)
        assert first > 20
        assert lab.controls[0]["model"].startswith("points-")
        np.testing.assert_allclose(lab.lab.clouds[0].places[-1][:, 1].mean(), 1.0, atol=0.1)
        stroke(lab, (0.0, -1.0), (0.5, -1.0))
        second = len(lab.own.painting.points)
        assert second > first
        window.activateWindow()  # offscreen a tooltip takes this away, and with it the shortcuts
        await until(window.isActiveWindow)
        press(window, Qt.Key.Key_Z, CONTROL)
        assert len(lab.own.painting.points) == first
        press(window, Qt.Key.Key_Z, CONTROL | SHIFT)
        assert len(lab.own.painting.points) == second
        click(make.tools.button("eraser"))
        stroke(lab, (0.0, -1.0), (0.25, -1.0), (0.5, -1.0))
        assert first <= len(lab.own.painting.points) < second
        await settled(lab)
        assert lab.panel.tiles.tiles[lab.controls[0]["model"]].isChecked()
        click(make.paint)
        hit(lab, 0.0, 0.5)
        assert lab.lab.probe is not None, "the hand is a probe again"

    drive(scenario)


def test_of_a_painting_the_last_state_is_kept_for_good(drive, tmp_path: Path) -> None:
    """Each stroke is the distribution at once; once it is done, what it was is kept and comes back."""
    kept: list[str] = []

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.own.make.paint)
        for y in (0.5, 0.0, -0.5):
            stroke(lab, (-0.5, y), (0.5, y))
            await settled(lab)
            assert lab.controls[0]["model"] not in kept, "every stroke is another one"
            kept.append(lab.controls[0]["model"])
        click(lab.own.make.paint)
        await settled(lab)
        assert lab.controls[0]["model"] == kept[-1], "the same points"
        press(window, Qt.Key.Key_Z, CONTROL)
        assert lab.controls[0]["model"] != kept[-1], "now it is the parameters that are undone"
        assert len(lab.own.painting.points), "and not the strokes"
        press(window, Qt.Key.Key_Z, CONTROL | SHIFT)
        assert lab.controls[0]["model"] == kept[-1]
        await settled(lab)

    async def again(window: Window) -> None:
        lab = await opened(window)
        assert lab.controls[0]["model"] == kept[-1]

    drive(scenario)
    drive(again)
    marks = {}
    for path in (tmp_path / "models" / "points").iterdir():
        with np.load(path) as file:
            marks[path.stem] = "passing" in file
    assert marks == {kept[0]: True, kept[1]: True, kept[2]: False}


def test_a_distribution_that_is_chosen_while_painting_stays(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.own.make.paint)
        stroke(lab, (-0.5, 0.0), (0.5, 0.0))
        click(lab.panel.tiles.tiles["ring"])  # before the stroke is answered
        await settled(lab)
        assert lab.controls[0]["model"] == "ring"
        click(lab.own.make.paint)
        stroke(lab, (-0.5, 0.0), (0.5, 0.0))
        await settled(lab)
        own = lab.controls[0]["model"]
        assert own.startswith("points-")
        click(lab.panel.tiles.tiles["ring"])
        await settled(lab)
        assert lab.controls[0]["model"] == "ring"
        click(lab.panel.tiles.tiles[own])
        await settled(lab)
        assert lab.controls[0]["model"] == own

    drive(scenario)


def test_the_right_button_and_the_keys_paint_too(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.own.make.paint)
        stroke(lab, (0.0, 0.0), (0.5, 0.0))
        before = len(lab.own.painting.points)
        viewport = lab.stage.planes[0].view.canvas.viewport()
        QTest.mouseClick(viewport, Qt.MouseButton.RightButton, NONE, place(lab, 0.4, 0.0))
        assert len(lab.own.painting.points) < before, "it erases"
        before = len(lab.own.painting.points)
        lab.stage.planes[0].view.setFocus()
        move(viewport, place(lab, -0.5, -0.5), Qt.MouseButton.NoButton)
        press(window, Qt.Key.Key_Return)
        assert len(lab.own.painting.points) > before
        await settled(lab)
        click(lab.own.make.clear)
        assert not len(lab.own.painting.points)
        click(lab.own.make.undo)
        assert len(lab.own.painting.points) > before
        press(window, Qt.Key.Key_Escape)
        assert not lab.own.on
        await settled(lab)

    drive(scenario)


def test_words_and_files_become_points(drive, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("x,y\n" + "".join(f"{k % 10},{k // 10}\n" for k in range(100)))
    bad.write_text("x,y\n1,2\n3,nan\n")

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        word = lab.own.make.word
        word.setFocus()
        QTest.keyClicks(word, "hi")
        QTest.keyClick(word, Qt.Key.Key_Return)
        await until(lambda: lab.controls[0]["model"].startswith("points-"))
        named = lab.controls[0]["model"]
        assert "hi" in window.toasts.shown[-1].message
        click(lab.own.make.open)
        await answered(window, bad)
        await until(lambda: lab.own._reading is not None and lab.own._reading.done())
        assert "bad.csv" in window.toasts.shown[-1].message
        assert lab.controls[0]["model"] == named, "nothing is lost"
        lab.own.take_file(tmp_path / "vanished.csv")
        await until(lambda: lab.own._reading.done())
        assert "vanished.csv" in window.toasts.shown[-1].message
        click(lab.own.make.open)
        await answered(window, good)
        await until(lambda: lab.controls[0]["model"] != named)
        await settled(lab)
        assert len(np.unique(lab.lab.points, axis=0)) == 100
        assert not [toast for toast in window.toasts.shown if "wrong" in toast.message]

    async def again(window: Window) -> None:
        lab = await opened(window)
        assert lab.controls[0]["model"].startswith("points-"), "kept, and remembered"
        assert len(lab.panel.tiles.tiles) == len(DISTRIBUTIONS) + 1

    drive(scenario)
    drive(again)


def made(folder: Path) -> dict[str, Path]:
    """Files of every kind that can be read."""
    points = np.random.default_rng(0).normal(size=(300, 2))
    files = {name: folder / f"good.{name}" for name in ("csv", "npz", "png")}
    np.savetxt(files["csv"], points, delimiter=",", header="x,y", comments="")
    np.savez(files["npz"], points=points.astype(np.float32))
    page = np.full((40, 60), 255, np.uint8)
    page[10:20, 5:50] = 0
    Image.fromarray(page).save(files["png"])
    return files


@pytest.mark.parametrize("kind", ["csv", "npz", "png"])
def test_files_are_opened_by_the_dialog(drive, tmp_path: Path, kind: str) -> None:
    path = made(tmp_path)[kind]

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.own.make.open)
        await answered(window, path)
        assert path.name in await heard(window, "points from")
        await until(lambda: lab.controls[0]["model"].startswith("points-"))
        await settled(lab)
        assert len(np.unique(lab.lab.points, axis=0)) > 100
        assert np.abs(lab.lab.points).max() == pytest.approx(1.2, abs=0.02)

    drive(scenario)


def faulty(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that cannot be read, and a word of what is said."""
    files = {name: folder / f"{name}.csv" for name in ("text", "nan", "narrow", "vanished")}
    files["text"].write_text("x,y\n1,2\n3,four\n")
    files["nan"].write_text("x,y\n1,2\n3,nan\n")
    files["narrow"].write_text("x\n1\n2\n")
    words = {"text": "four", "nan": "not finite", "narrow": "one column", "vanished": "vanished.csv"}
    files["huge"], words["huge"] = folder / "huge.png", "pixels"
    Image.new("1", (20_000, 20_000)).save(files["huge"])
    return {name: (path, words[name]) for name, path in files.items()}


def test_what_is_no_points_is_one_sentence_and_nothing_is_lost(drive, tmp_path: Path) -> None:
    files = faulty(tmp_path)

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        places = lab.lab.clouds[0].places
        for path, word in files.values():
            if path.exists():
                click(lab.own.make.open)
                await answered(window, path)
            else:  # it vanished after it was chosen
                lab.own.take_file(path)
            assert path.name in await heard(window, word)
            await until(lambda: lab.own._reading.done())
        await type_word(lab, "\U0001f600")
        await heard(window, "can be drawn")
        assert lab.controls[0]["model"] == "moons"
        np.testing.assert_array_equal(lab.lab.clouds[0].places, places)

    drive(scenario)


async def type_word(lab: LabWorkspace, text: str) -> None:
    word = lab.own.make.word
    click(word)
    word.setText(text)
    QTest.keyClick(word, Qt.Key.Key_Return)


def test_a_million_rows_are_thinned_with_a_word(drive, tmp_path: Path) -> None:
    path = tmp_path / "million.npy"
    np.save(path, np.random.default_rng(0).normal(size=(1_000_000, 2)).astype(np.float32))

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.own.make.open)
        await answered(window, path)
        assert "1,000,000 points" in await heard(window, "thinned to 200,000")
        await until(lambda: lab.controls[0]["model"].startswith("points-"))
        await until(lambda: lab.lab.clouds[0].request.model.startswith("points-"))
        assert lab.lab.latest.is_busy("cloud-0") or lab.lab._settling.isActive(), "coarse first, and then in full"

    drive(scenario)


def test_points_that_cannot_be_kept_are_one_sentence(drive, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "points").write_text("a file is in the way")

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.own.make.paint)
        stroke(lab, (0.0, 0.0), (0.5, 0.5))
        await heard(window, "cannot be written")
        assert lab.controls[0]["model"] == "moons"
        assert len(lab.own.painting.points), "the painting is not lost"

    drive(scenario)


def test_a_stroke_is_one_step_of_undoing(qapp) -> None:
    painting = Painting()
    painting.touch([(0.0, 0.0)], erase=False)
    painting.touch([(0.1, 0.0)], erase=False)
    painting.end()
    once = painting.points
    painting.touch([(1.0, 1.0)], erase=False)
    painting.end()
    assert len(painting.points) > len(once)
    painting.undo()
    np.testing.assert_array_equal(painting.points, once)
    painting.undo()
    assert not len(painting.points)
    assert not painting.can_undo
    painting.redo()
    painting.touch([(0.0, 0.0), (0.1, 0.0)], erase=True)
    assert (np.hypot(*painting.points.T) > ERASER).all()
    assert not painting.can_redo
