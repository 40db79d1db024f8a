"""How the tests of Lab 2D drive it: the hand on the plane, the keys, the dialogs; and when it has come to rest."""

from __future__ import annotations

import asyncio
from pathlib import Path

import shiboken6
from conftest import click, until
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLineEdit, QWidget

from desktop_app.widgets.number_edit import NumberEdit
from desktop_app.window import Window
from desktop_app.workspaces.lab import LabWorkspace

CONTROL, SHIFT, NONE = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.NoModifier,
)


async def opened(window: Window) -> LabWorkspace:
    """The lab, once it has played by itself to the end."""
    QTest.keyClick(window, Qt.Key.Key_2, CONTROL)
    lab = window.lab
    assert lab is not None
    assert window.current is lab
    await until(lambda: lab.timeline.playing, "it plays by itself")
    lab.timeline.set_mode(speed=4.0)
    await until(lambda: not lab.timeline.playing)
    await settled(lab)
    return lab


async def settled(lab: LabWorkspace) -> None:
    """Nothing is asked any more, and what is drawn is of the shown level."""
    state = lab.lab

    def quiet() -> bool:
        channels = ("cloud-0", "cloud-1", "field", "data", "points", "probe", "line")
        busy = any(state.latest.is_busy(channel) for channel in channels)
        return not busy and not state._changing.isActive() and not state._settling.isActive()

    await until(lambda: quiet() and state.field is not None and state.field.level == state.level)
    await asyncio.sleep(0.05)
    await until(quiet)


def move(widget: QWidget, at: QPoint, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
    """The mouse moved there, with a button held. QTest's own lets other events in between, and tasks get lost."""
    where = QPointF(at), QPointF(widget.mapToGlobal(at))
    QApplication.sendEvent(widget, QMouseEvent(QEvent.Type.MouseMove, *where, Qt.MouseButton.NoButton, button, NONE))


def hit(lab: LabWorkspace, x: float, y: float, keys: Qt.KeyboardModifier = NONE, plane: int = 0) -> None:
    """A click on the plane at x̄."""
    canvas = lab.stage.planes[plane].view.canvas
    QTest.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, keys, place(lab, x, y, plane))


def place(lab: LabWorkspace, x: float, y: float, plane: int = 0) -> QPoint:
    return lab.stage.planes[plane].view.canvas.to_px(QPointF(x, y)).toPoint()


def stroke(lab: LabWorkspace, *points: tuple[float, float]) -> None:
    """A drag of the left button along points x̄."""
    viewport = lab.stage.planes[0].view.canvas.viewport()
    places = [place(lab, x, y) for x, y in points]
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, NONE, places[0])
    for at in places[1:]:
        move(viewport, at)
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, NONE, places[-1])


def typed(lab: LabWorkspace, field: str, text: str) -> None:
    """A number typed into the inspector."""
    edit = lab.inspector.fields[field].findChild(NumberEdit)
    assert edit is not None
    lab.inspector._scroll.ensureWidgetVisible(edit)
    click(edit)
    edit.selectAll()
    QTest.keyClicks(edit, text)
    QTest.keyClick(edit, Qt.Key.Key_Return)


def slide(slider: QWidget, *shares: float) -> None:
    """A drag along a slider, through these shares of its width."""
    places = [QPoint(round(8 + share * (slider.width() - 16)), 9) for share in shares]
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, NONE, places[0])
    for at in places[1:]:
        move(slider, at)
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, NONE, places[-1])


async def answered(window: Window, path: Path, name_filter: str = "") -> None:
    """The dialog for a file, with this path typed into it."""
    await until(lambda: any(dialog.isVisible() for dialog in window.findChildren(QFileDialog)), "a dialog")
    (dialog,) = (dialog for dialog in window.findChildren(QFileDialog) if dialog.isVisible())
    if name_filter:
        dialog.selectNameFilter(name_filter)
    edit = dialog.findChild(QLineEdit, "fileNameEdit")
    assert edit is not None
    edit.setText(str(path))  # keys would open a list of files that takes the next click
    saves = dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
    buttons = dialog.findChild(QDialogButtonBox)
    assert buttons is not None
    click(buttons.button(QDialogButtonBox.StandardButton.Save if saves else QDialogButtonBox.StandardButton.Open))
    await until(lambda: not shiboken6.isValid(dialog) or not dialog.isVisible())


async def heard(window: Window, words: str) -> str:
    """The sentence of the newest toast, once it has these words."""
    await until(lambda: window.toasts.shown and words in window.toasts.shown[-1].message, words)
    sentence: str = window.toasts.shown[-1].message
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence
