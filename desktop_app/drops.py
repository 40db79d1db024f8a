"""What is dropped on the window, or pasted: a picture or a JSON file with a request, read on a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QObject
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QGuiApplication

from desktop_app.state.cloud_lanes import in_plane
from desktop_app.state.controls import Controls
from desktop_app.widgets.apply_card import ApplyCard
from desktop_app.widgets.rail import WORKSPACES
from engine import metadata
from engine.files import FileError
from engine.metadata import Saved
from engine.request import Request

if TYPE_CHECKING:
    from desktop_app.window import Window


class Drops(QObject):
    """Watches the window. The card it shows applies to the controls of the workspace that is open."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.card = ApplyCard(window)
        self.card.applied.connect(self._apply)
        self._target: tuple[str, Controls] | None = None
        self._task: asyncio.Task[None] | None = None
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QDropEvent) and watched is self.window:  # also QDragEnterEvent and QDragMoveEvent
            if not _is_offer(event.mimeData()):
                return False
            event.acceptProposedAction()
            if not isinstance(event, QDragEnterEvent | QDragMoveEvent):
                self.take(event.mimeData())
            return True
        return False

    def paste(self) -> None:
        """Take what is on the clipboard."""
        mime = QGuiApplication.clipboard().mimeData()  # none where nothing was ever copied
        if mime and _is_offer(mime):
            self.take(mime)
        else:
            self.window.toasts.show("The clipboard holds no file and no request.", error=False)

    def take(self, mime: QMimeData) -> None:
        """Read the first file, or the text, and show what it would change."""
        paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
        text = mime.text()
        note = f"Of {len(paths)} files this is the first." if len(paths) > 1 else ""
        if paths:
            self._start(paths[0].name, lambda: metadata.read(paths[0]), note)
        else:
            self._start("the text", lambda: metadata.parse("The text", text.encode(errors="replace")), note)

    def close(self) -> None:
        """Wait for nothing more."""
        if self._task is not None:
            self._task.cancel()

    def _start(self, name: str, read: Callable[[], Saved], note: str) -> None:
        self.close()
        self._task = asyncio.ensure_future(self._offer(name, read, note))

    async def _offer(self, name: str, read: Callable[[], Saved], note: str) -> None:
        try:
            saved = await asyncio.to_thread(read)
        except FileError as error:
            self.window.toasts.show(str(error), error=False)
            return
        request = saved.request
        workspace, controls = self._place(request)
        if workspace == "lab":  # which shows one cloud, of a number that it knows
            request = request.replace(count=1, particles=request.particles or controls["particles"])
        if not self.card.offer(name, controls.request(), request, WORKSPACES[workspace][1], note):
            self.window.toasts.show(f"{WORKSPACES[workspace][1]} is set to {name} already. {note}".strip(), error=False)
            return
        self._target = workspace, controls

    def _apply(self, request: Request) -> None:
        assert self._target is not None
        workspace, controls = self._target
        self.window.open(workspace)
        controls.take(request)

    def _place(self, request: Request) -> tuple[str, Controls]:
        """The workspace that a request is for, and the controls there: those that are shown where they can have it."""
        window = self.window
        if in_plane(request.model):
            window.make("lab")
            assert window.lab is not None
            return "lab", window.lab.bound
        name = window.current_name if window.current_name in ("generate", "compare") else "generate"
        return name, window.workspaces[name].bound


def _is_offer(mime: QMimeData) -> bool:
    return any(url.isLocalFile() for url in mime.urls()) or mime.text().lstrip().startswith("{")
