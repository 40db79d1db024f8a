"""The application: Qt and asyncio in one loop, one sink for errors, shutdown in stages."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSocketNotifier
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

import qasync  # isort: skip  (after PySide6, so that it picks it)

from desktop_app.engine_client import EngineClient

if TYPE_CHECKING:
    from desktop_app.window import Window


class Errors:
    """Where every error that nobody handled ends: on stderr, and in a toast while there is a window."""

    def __init__(self) -> None:
        self.window: Window | None = None

    def report(self, error: BaseException) -> None:
        """Tell of an error."""
        details = "".join(traceback.format_exception(error))
        sys.stderr.write(details)
        if self.window is not None:
            self.window.toasts.show(f"Something went wrong: {error or type(error).__name__}.", details)

    def excepthook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """For sys.excepthook: slots called by Qt."""
        self.report(error)

    def of_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """For the event loop: tasks and callbacks."""
        self.report(context.get("exception") or RuntimeError(context["message"]))


def run() -> int:
    """Open the window and stay until it is closed."""
    QGuiApplication.setDesktopFileName("scorescope")
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Scorescope")
    application.setQuitOnLastWindowClosed(False)
    client = EngineClient()
    client.start()  # first: it imports torch while the window is being imported and built
    errors = Errors()
    sys.excepthook = errors.excepthook
    try:
        qasync.run(_main(client, errors))
    finally:
        client.shut_down()
        errors.window = None
    return 0


async def _main(client: EngineClient, errors: Errors) -> None:
    asyncio.get_running_loop().set_exception_handler(errors.of_loop)
    from desktop_app.state.preferences import Preferences
    from desktop_app.window import Window

    closed = asyncio.Event()
    window = errors.window = Window(client, Preferences())
    window.closing.connect(closed.set)
    wakeup = _close_on_signals(window)
    show_whole(window)
    window.restore()
    await asyncio.sleep(0)
    window.make("lab")  # takes half a second: now, while the engine starts, and not when somebody opens it
    gc.collect()
    gc.freeze()  # what is there now stays: to look through it for garbage blocks the window for 60 ms
    await closed.wait()
    wakeup.setEnabled(False)
    client.shut_down()
    errors.window = None
    window.deleteLater()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def show_whole(window: QWidget) -> None:
    """Show a window, maximized where the screen is smaller: the timeline must not be below its end."""
    room = window.screen().availableSize()
    if window.width() <= room.width() and window.height() <= room.height():
        window.show()
    else:
        window.resize(window.size().boundedTo(room * 0.9))  # as it is once it is made smaller
        window.showMaximized()


def _close_on_signals(window: Window) -> QSocketNotifier:
    """Ctrl+C in the terminal and a polite kill close the window as a click would."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    notifier = QSocketNotifier(reading.fileno(), QSocketNotifier.Type.Read, window)
    notifier.activated.connect(lambda: reading.recv(64))  # Python runs its handlers as soon as it runs at all
    notifier.setProperty("sockets", (reading, writing))
    return notifier
