"""The real window with the real worker and the real model, driven by clicks and keys."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
import pytest
import qasync
import shiboken6
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from desktop_app.engine_client import EngineClient
from desktop_app.state.preferences import Preferences
from desktop_app.state.runs import Run
from desktop_app.theme import theme
from desktop_app.widgets.combo_box import ComboBox
from desktop_app.window import Window

LIMIT = 120.0  # s, for anything that is waited for


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings and models of this test alone."""
    monkeypatch.setenv("SCORESCOPE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path / "models"))
    return tmp_path / "config"


def run_loop(qapp: QApplication, main: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine in an event loop of its own, which takes its timers with it.

    qasync leaves those that have not yet come to the garbage. Where that is collected on another thread (one that
    writes a file), Qt cannot stop them, and the next of them ends the program.
    """
    loop = qasync.QEventLoop(qapp)
    try:
        with loop:
            loop.run_until_complete(main)
    finally:
        shiboken6.delete(loop._timer)


@pytest.fixture
def drive(qapp: QApplication) -> Callable[[Callable[[Window], Awaitable[Any]]], None]:
    """`drive(scenario)` opens the window, awaits scenario(window), and closes; nothing may be left behind."""

    def run(scenario: Callable[[Window], Awaitable[Any]]) -> None:
        errors: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
            async with opened() as window:
                await asyncio.wait_for(scenario(window), 2 * LIMIT)

        run_loop(qapp, main())
        qapp.processEvents()
        assert not errors, errors

    return run


@asynccontextmanager
async def opened() -> AsyncIterator[Window]:
    """A window on screen, with its worker; closed and shut down afterwards."""
    client = EngineClient()
    client.start()
    window = Window(client, Preferences())
    window.show()
    window.activateWindow()
    try:
        await until(window.isActiveWindow)
        yield window
    finally:
        pid = client.pid
        window.close()
        client.shut_down()
        await asyncio.sleep(0)
        window.deleteLater()
        theme().changed.disconnect()
        assert pid == 0 or not psutil.pid_exists(pid), "a worker was left behind"


async def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait, while the window lives on, until something is so."""
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.005)


async def finished(run: Run) -> Run:
    """Wait for the end of a run."""
    await until(lambda: run.over)
    await asyncio.sleep(0.05)  # the timeline announces at most 30 times a second
    return run


def click(widget: QWidget, at: QPoint | None = None) -> None:
    """A left click, in the middle unless told where."""
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at or widget.rect().center())


def move(widget: QWidget, at: QPoint, buttons: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
    """The mouse moves there. QTest.mouseMove would let other tasks run inside the one that asks."""
    place = at.toPointF()
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        place,
        widget.mapToGlobal(place),
        Qt.MouseButton.NoButton,
        buttons,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)


def choose(box: ComboBox, text: str) -> None:
    """Open a list and click an entry. The window takes the keyboard back: offscreen a list keeps it, though closed."""
    click(box)
    view, entry = box.view(), box.model().index(box.findText(text), 0)
    assert entry.isValid(), text
    view.scrollTo(entry)
    place = view.visualRect(entry)
    move(view.viewport(), place.center())
    click(view.viewport(), place.center())
    assert box.currentText() == text
    box.window().activateWindow()


def press(window: Window, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """A key, to whatever has the focus."""
    QTest.keyClick(window.focusWidget() or window, key, modifier)


def kill(pid: int) -> None:
    """Kill a process of this test's at once."""
    os.kill(pid, signal.SIGKILL)
