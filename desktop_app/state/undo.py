"""Undo and redo: of the parameters of every lane, and of whatever else pushes a command."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QUndoCommand, QUndoStack

from desktop_app.state.controls import Controls
from engine.request import Request

SETTLED_MS = 400  # without a change: what was changed since is undone at once, as the drag of a slider is
DEPTH = 200

Snapshot = dict[str, Request]


class Step(QUndoCommand):
    """A change that has been made, and how to take it back."""

    def __init__(self, text: str, back: Callable[[], object], forth: Callable[[], object]) -> None:
        super().__init__(text)
        self._back, self._forth, self._made = back, forth, True

    def undo(self) -> None:
        self._back()

    def redo(self) -> None:
        if self._made:  # QUndoStack calls it when it is pushed
            self._made = False
        else:
            self._forth()


class Undo(QObject):
    """A stack of steps. The parameters are watched: what they were before a change is the step back."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.stack = QUndoStack(self)
        self.stack.setUndoLimit(DEPTH)
        self._controls: dict[str, Controls] = {}
        self._settled: Snapshot = {}
        self._timer = QTimer(self, interval=SETTLED_MS, singleShot=True)
        self._timer.timeout.connect(self._settle)

    def watch(self, controls: Mapping[str, Controls]) -> None:
        """Keep the changes of these, too."""
        for name, lane in controls.items():
            self._controls[name] = lane
            self._settled[name] = lane.exact
            lane.changed.connect(self._timer.start)

    def push(self, text: str, back: Callable[[], object], forth: Callable[[], object]) -> None:
        """A change that has just been made, and how to take it back and to make it again."""
        self._settle()
        self.stack.push(Step(text, back, forth))

    def back(self) -> None:
        """Take back the last change."""
        self._settle()
        self.stack.undo()

    def forth(self) -> None:
        """Make the change again that was taken back."""
        self._settle()
        self.stack.redo()

    def _settle(self) -> None:
        self._timer.stop()
        before, now = self._settled, {name: lane.exact for name, lane in self._controls.items()}
        if now != before:
            self._settled = now
            self.stack.push(Step("parameters", lambda: self._take(before), lambda: self._take(now)))

    def _take(self, snapshot: Snapshot) -> None:
        for name, request in snapshot.items():
            self._controls[name].take(request)
        self._timer.stop()
        self._settled = {name: lane.exact for name, lane in self._controls.items()}
