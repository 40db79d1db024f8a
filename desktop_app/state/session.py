"""The session: what was open in each workspace and what was run before, in one small file that is always whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from desktop_app.state.preferences import write_atomically
from engine.fields import RequestError
from engine.request import Request

HISTORY = 200  # requests
SAVE_AFTER_MS = 400


class Kept(msgspec.Struct):
    """What is on disk."""

    open: dict[str, list[dict[str, Any]]] = {}  # by workspace, the requests of the runs on its timeline
    history: list[dict[str, Any]] = []  # of requests, the newest first, each once


class Session(QObject):
    """Remembers runs; written a moment after each change. A file that cannot be read is an empty session."""

    failed = Signal(str)  # why it could not be written

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self._timer = QTimer(self, interval=SAVE_AFTER_MS, singleShot=True)
        self._timer.timeout.connect(self.save)
        kept = self._read()
        self.open = {name: found for name, values in kept.open.items() if (found := _requests(values))}
        self.history = _requests(kept.history)

    def note(self, workspace: str, requests: list[Request]) -> None:
        """These runs are on the timeline of a workspace now."""
        if self.open.get(workspace) == requests:
            return
        self.open[workspace] = list(requests)
        new = [*reversed(requests), *self.history]
        self.history = list(dict.fromkeys(new))[:HISTORY]
        self._timer.start()

    def save(self) -> None:
        """Write the file."""
        self._timer.stop()
        kept = Kept(
            {name: [request.to_dict() for request in requests] for name, requests in self.open.items()},
            [request.to_dict() for request in self.history],
        )
        if problem := write_atomically(self.path, msgspec.json.encode(kept)):
            self.failed.emit(f"The session could not be saved: {problem}.")

    def _read(self) -> Kept:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Kept)
        except (OSError, msgspec.MsgspecError, RecursionError, UnicodeError):
            return Kept()


def _requests(values: list[dict[str, Any]]) -> list[Request]:
    """Those that are requests still."""
    found = []
    for value in values:
        try:
            found.append(Request.from_dict(value))
        except RequestError:
            continue
    return found
