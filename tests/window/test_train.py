"""Train: a model on a folder of pictures, stopped, gone on with, and used, by mouse and keys in the real window."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from conftest import click, finished, press, until
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop_app.state.training import Plan, TrainingProcess
from desktop_app.window import Window
from desktop_app.workspaces.train import TrainWorkspace


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of plain pictures, and data folders of this test alone."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder = tmp_path / "two colours"
    draw = np.random.default_rng(0)
    for name, colour in {"red": (220, 30, 30), "blue": (30, 30, 220)}.items():
        (folder / name).mkdir(parents=True)
        for number in range(6):
            page = np.clip(np.array(colour) + draw.normal(0, 10, (20, 20, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(page).save(folder / name / f"{number}.png")
    (folder / "red" / "broken.png").write_bytes(b"no picture")
    return folder


def test_a_folder_is_trained_on_stopped_gone_on_with_and_used(drive, pictures: Path) -> None:
    async def scenario(window: Window) -> None:
        QTest.keyClick(window, Qt.Key.Key_6, Qt.KeyboardModifier.ControlModifier)
        train = window.current
        process = train.process
        QTest.keyClicks(train.folder, str(pictures))
        train.size_box.setCurrentIndex(0)
        train.minutes.setText("100")
        click(train.button)
        assert process.running
        await until(lambda: len(process.curve) >= 2, "steps")
        assert any("broken.png" in line for line in process.said)
        assert train.button.text() == "Stop"
        toast = window.toasts.show("Something else.")
        press(window, Qt.Key.Key_Escape)
        assert process.status == "stopping"
        assert window.toasts.shown == [toast], "one key stops, and does no more"
        toast.close_me()
        await until(lambda: not process.running)
        assert process.status == "stopped"
        at = process.step
        assert train.button.text() == "Go on"
        train.minutes.setText(f"{process.minutes + 0.1:.2f}".replace(".", ","))
        click(train.button)
        await until(lambda: process.step > at)
        await until(lambda: not process.running)
        assert process.status == "done", process.said
        assert process.model == "two-colours"
        box = window.generate.inspector.fields["model"].box
        assert box.findText("two colours") >= 0, "in every list at once"
        window.generate.controls.set("steps", 2)
        window.generate.controls.set("count", 2)
        click(train.use)
        assert window.current is window.generate
        run = await finished(window.generate.timeline.lanes[0])
        assert run.request.model == "two-colours"
        assert run.status == "finished", run.error
        assert run.pictures("denoised", run.steps).shape[-1] == 3
        window.generate.grid.enlarge(1)
        strip = window.generate.training_images
        await until(lambda: strip.isVisible() and len(strip.values.get("distances", ())) == 12)
        assert strip.heading().startswith("Nearest to sample 2 among 12 training images")
        window.open("train")
        train.folder.setText("")
        QTest.keyClicks(train.folder, str(pictures))
        train.process.status = "idle"
        train.minutes.setText("100")
        click(train.button)
        await until(lambda: not process.running)
        assert process.status == "exists", "there is a checkpoint"
        assert train.again.isVisible()

    drive(scenario)


def begun(window: Window, pictures: Path) -> TrainWorkspace:
    """A training on these pictures, at the smallest size."""
    window.open("train")
    train = window.current
    assert isinstance(train, TrainWorkspace)
    train.folder.setText(str(pictures))
    train.size_box.setCurrentIndex(0)
    click(train.button)
    return train


def test_what_is_stopped_before_its_first_step_has_nothing_to_go_on_from(drive, pictures: Path) -> None:
    async def scenario(window: Window) -> None:
        train = begun(window, pictures)
        press(window, Qt.Key.Key_Escape)
        await until(lambda: not train.process.running)
        assert train.process.status == "idle"
        assert train.button.text() == "Train"

    drive(scenario)


def test_closing_while_it_trains_hides_the_window_and_keeps_the_checkpoint(drive, pictures: Path) -> None:
    seen = []

    async def scenario(window: Window) -> None:
        train = begun(window, pictures)
        await until(lambda: len(train.process.curve) >= 2, "steps")
        window.closing.connect(lambda: seen.append(window.isVisible()))

    async def again(window: Window) -> None:
        train = begun(window, pictures)
        await until(lambda: not train.process.running)
        assert train.process.status == "exists"

    drive(scenario)
    assert seen == [False]
    drive(again)


def test_what_it_says_is_followed_unless_somebody_reads(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("train")
        train, bar = window.current, window.current.said.verticalScrollBar()
        for number in range(40):
            train.process._hear(f"line {number}")
            train.process.changed.emit()
        assert bar.value() == bar.maximum() > 0
        bar.setValue(3)
        cursor = train.said.textCursor()
        cursor.movePosition(cursor.MoveOperation.Start)
        cursor.select(cursor.SelectionType.LineUnderCursor)
        train.said.setTextCursor(cursor)
        bar.setValue(3)
        train.process._hear("the last line")
        train.process.changed.emit()
        assert bar.value() == 3
        assert train.said.textCursor().selectedText() == "line 0"
        assert train.said.toPlainText().endswith("line 39\nthe last line")
        await asyncio.sleep(0)

    drive(scenario)


def test_another_folder_does_not_go_on_with_the_checkpoint_of_the_last(drive, tmp_path: Path, monkeypatch) -> None:
    async def scenario(window: Window) -> None:
        window.open("train")
        train, process = window.current, window.current.process
        asked: list[tuple[str, str]] = []
        monkeypatch.setattr(process, "start", lambda plan, existing: asked.append((plan.folder.name, existing)))
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        process.plan, process.status = Plan(tmp_path / "one"), "stopped"
        for name, says in (("one", "Go on"), ("two", "Train")):
            train.folder.setText(str(tmp_path / name))
            assert (train.button.text(), train.again.isVisible()) == (says, says == "Go on")
            click(train.button)
        assert asked == [("one", "resume"), ("two", "")]
        await asyncio.sleep(0)

    drive(scenario)


@pytest.mark.parametrize(
    ("folder", "minutes", "word"),
    [("", "1", "Folder"), ("/no/such", "1", "Folder"), ("~no-such-user/x", "1", "Folder"), ("x" * 300, "1", "Folder")],
)
def test_what_cannot_be_is_said_in_a_sentence(drive, folder: str, minutes: str, word: str) -> None:
    async def scenario(window: Window) -> None:
        window.open("train")
        train, said = window.current, []
        train.problem.connect(said.append)
        train.folder.setText(folder)
        train.minutes.setText(minutes)
        click(train.button)
        assert not train.process.running
        assert said[-1].startswith(word)

    drive(scenario)


def test_wrong_minutes_and_an_empty_folder(drive, tmp_path: Path) -> None:
    async def scenario(window: Window) -> None:
        window.open("train")
        train, said = window.current, []
        train.problem.connect(said.append)
        (tmp_path / "nothing").mkdir()
        train.folder.setText(str(tmp_path / "nothing"))
        train.minutes.setText("soon")
        click(train.button)
        assert not train.process.running
        assert said[-1].startswith("Minutes")
        train.minutes.setText("1")
        click(train.button)
        await until(lambda: not train.process.running)
        assert train.process.status == "failed"
        assert any("picture" in line for line in train.process.said)

    drive(scenario)


def test_what_a_training_says_is_understood(qapp) -> None:
    process = TrainingProcess()
    for line in (
        "Training x: 3 parameters, seed 0.",
        "step 1,234, 5.6 minutes, loss 0.1234",
        "step 9, 6.0 minutes, loss nan",
    ):
        process._hear(line)
    assert (process.step, process.minutes) == (9, 6.0)
    assert process.curve[0] == (1234, 0.1234)
    assert Plan(Path("a b"), 16, True, 2.5).arguments("resume")[-2:] == ["--captions", "--resume"]
