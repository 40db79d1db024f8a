"""Dropping and pasting: a card says what would change, and all, a part or nothing of it is applied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import click, press, until
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop_app.window import Window
from engine.pictures import save_png
from engine.request import Branch, Request

OFFERED = Request(condition=3, seed=42, sampler="heun", churn=20.0, steps=30, count=4)


def files(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drop(window: Window, mime: QMimeData) -> bool:
    """Drag onto the window and let go; whether it was taken."""
    actions, buttons, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(300, 300), actions, mime, buttons, none)
    QApplication.sendEvent(window, enter)
    if enter.isAccepted():
        QApplication.sendEvent(window, QDropEvent(QPointF(300, 300), actions, mime, buttons, none))
    return enter.isAccepted()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    save_png(tmp_path / "heun.png", np.zeros((9, 9, 1), np.uint8), OFFERED)
    return tmp_path / "heun.png"


def toast(window: Window) -> str:
    return window.toasts.shown[-1].message if window.toasts.shown else ""


def test_a_dropped_picture_is_applied_as_a_whole(drive, picture: Path) -> None:
    async def scenario(window: Window) -> None:
        before, card = window.generate.controls.request(), window.drops.card
        assert drop(window, files(picture))
        await until(card.isVisible)
        assert list(card.boxes) == ["condition", "count", "seed", "sampler", "steps", "churn"]
        assert card.boxes["sampler"].accessibleName() == "Sampler: Bridge (λ family) becomes Heun (EDM)"
        assert "heun.png" in card.title.text()
        assert card.apply.text() == "Apply all"
        press(window, Qt.Key.Key_Return)
        assert not card.isVisible()
        assert window.generate.controls.request() == OFFERED
        press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert window.generate.controls.request() == before, "and can be undone"

    drive(scenario)


def test_a_part_of_it_is_applied(drive, picture: Path) -> None:
    async def scenario(window: Window) -> None:
        card = window.drops.card
        before = window.generate.controls.request()
        drop(window, files(picture))
        await until(card.isVisible)
        click(card.none)
        assert not card.apply.isEnabled()
        for name in ("seed", "churn"):
            QTest.mouseClick(card.boxes[name], Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
        assert card.problem.text().startswith("These do not go together: churn must be none with the sampler bridge")
        assert not card.apply.isEnabled()
        QTest.mouseClick(card.boxes["churn"], Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
        assert card.apply.text() == "Apply 1"
        click(card.apply)
        assert window.generate.controls.request() == before.replace(seed=42)
        drop(window, files(picture))
        await until(card.isVisible)
        assert list(card.boxes) == ["condition", "count", "sampler", "steps", "churn"]
        press(window, Qt.Key.Key_R)  # nothing behind the card is reached
        press(window, Qt.Key.Key_Escape)
        assert not card.isVisible()
        assert window.generate.controls.request() == before.replace(seed=42), "Esc changes nothing"
        drop(window, files(picture))
        await until(card.isVisible)
        click(card, QPoint(5, 5))
        assert not card.isVisible(), "nor does a click beside it"

    drive(scenario)


def test_what_cannot_be_used_is_one_sentence(drive, tmp_path: Path, picture: Path) -> None:
    async def scenario(window: Window) -> None:
        Image.new("L", (9, 9)).save(tmp_path / "plain.png")
        (tmp_path / "hostile.json").write_text('{"start":' * 50_000)
        (tmp_path / "new.json").write_text('{"version": 99}')
        with (tmp_path / "large.png").open("wb") as file:
            file.truncate(100_000_000)
        for name, said in (
            ("plain.png", "plain.png is a picture without a request: Scorescope did not save it."),
            ("hostile.json", "hostile.json holds a request that cannot be used: it is nested too deeply."),
            ("new.json", "new.json holds a request that cannot be used: version must be a whole number from 1 to 2"),
            ("large.png", "large.png has more than 64 MB, the most that is read."),
            ("gone.png", "gone.png is not there."),
            ("", f"{tmp_path.name} is a folder."),
        ):
            assert drop(window, files(tmp_path / name))
            await until(lambda said=said: toast(window).startswith(said), said)
            assert not window.drops.card.isVisible()
        words = QMimeData()
        words.setText("some words")
        assert not drop(window, words)

    drive(scenario)


def test_of_several_files_the_first_counts(drive, tmp_path: Path, picture: Path) -> None:
    async def scenario(window: Window) -> None:
        other = tmp_path / "other.json"
        other.write_text(Request(seed=5).to_json())
        drop(window, files(other, picture))
        await until(window.drops.card.isVisible)
        assert window.drops.card.note.text().startswith("Of 2 files this is the first.")
        assert list(window.drops.card.boxes) == ["seed"]
        press(window, Qt.Key.Key_Return)
        drop(window, files(other))
        await until(lambda: toast(window) == "Generate is set to other.json already.")

    drive(scenario)


def test_paste_a_request_and_a_file(drive, picture: Path) -> None:
    async def scenario(window: Window) -> None:
        branch = Request(start=Branch(Request(seed=9), 5), seed=9)
        QGuiApplication.clipboard().setText(branch.to_json())
        press(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        await until(window.drops.card.isVisible)
        assert list(window.drops.card.boxes) == ["seed", "start"]
        press(window, Qt.Key.Key_Return)
        assert window.generate.controls.request() == branch
        QGuiApplication.clipboard().setMimeData(files(picture))
        press(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        await until(window.drops.card.isVisible)
        press(window, Qt.Key.Key_Escape)
        QGuiApplication.clipboard().setText("no request")
        press(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        assert toast(window) == "The clipboard holds no file and no request."

    drive(scenario)


def test_a_cloud_goes_to_the_lab(drive, tmp_path: Path) -> None:
    async def scenario(window: Window) -> None:
        cloud = Request(model="spirals", count=1, steps=30, sampler="heun")
        (tmp_path / "cloud.json").write_text(cloud.to_json())
        drop(window, files(tmp_path / "cloud.json"))
        await until(window.drops.card.isVisible)
        assert window.current is window.generate
        press(window, Qt.Key.Key_Return)
        assert window.current is window.lab
        assert window.lab.bound["model"] == "spirals"
        assert window.lab.bound["steps"] == 30

    drive(scenario)
