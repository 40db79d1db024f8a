"""Undo and redo: of the parameters of every lane, and of whatever else pushes a command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, SignalInstance
from PySide6.QtGui import QUndoCommand, QUndoStack
from shiboken6 import isValid

from desktop_app.state.controls import Controls

SETTLED_MS = 400  # without a change: what was changed since is undone at once, as the drag of a slider is
DEPTH = 200

Snapshot = dict[str, Any]  # what is watched, by name


class Step(QUndoCommand):
    """A change that has been made, the workspaces that it was made in, and how to take it back."""

    def __init__(self, text: str, places: list[str], back: Callable[[], object], forth: Callable[[], object]) -> None:
        super().__init__(text)
        self.places = places
        self._back, self._forth, self._made = back, forth, True

    def undo(self) -> None:
        self._made = False
        self._back()

    def redo(self) -> None:
        if not self._made:  # QUndoStack calls it when it is pushed, too
            self._made = True
            self._forth()

    def take_back(self) -> None:
        """Take it back, if it is not, though other steps stand on it: it is not a step any more."""
        if self._made:
            if isValid(self):  # else the stack has forgotten it
                self.setObsolete(True)
            self.undo()


class Undo(QObject):
    """A stack of steps. The parameters are watched: what they were before a change is the step back."""

    unseen = Signal(str, object)  # what was undone or redone, and the workspaces, of which none is shown

    def __init__(self, shown: Callable[[], str], parent: QObject | None = None) -> None:
        """`shown`: the name of the workspace that is shown, to which what is pushed belongs."""
        super().__init__(parent)
        self._shown = shown
        self.stack = QUndoStack(self)
        self.stack.setUndoLimit(DEPTH)
        self._watched: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {}  # how it is read, and set
        self._places: dict[str, str] = {}  # the workspace of each of them
        self._settled: Snapshot = {}
        self._timer = QTimer(self, interval=SETTLED_MS, singleShot=True)
        self._timer.timeout.connect(self._settle)

    def watch(self, controls: Mapping[str, Controls], place: str) -> None:
        """Keep the changes of these, too, which are those of a workspace."""
        for name, lane in controls.items():
            self.watch_value(name, place, partial(getattr, lane, "exact"), lane.take, lane.changed)

    def watch_value(
        self, name: str, place: str, read: Callable[[], Any], take: Callable[[Any], object], changed: SignalInstance
    ) -> None:
        """Keep the changes of something else that is set in a workspace."""
        self._watched[name], self._places[name] = (read, take), place
        self._settled[name] = read()
        changed.connect(self._timer.start)

    def push(self, text: str, back: Callable[[], object], forth: Callable[[], object]) -> Step:
        """A change that has just been made, and how to take it back and to make it again."""
        self._settle()
        step = Step(text, [self._shown()], back, forth)
        self.stack.push(step)
        return step

    def back(self) -> None:
        """Take back the last change."""
        self._settle()
        while (last := self.stack.command(self.stack.index() - 1)) is not None and last.isObsolete():
            self.stack.undo()  # only drops it
        self._tell("Undone", self.stack.index() - 1)
        self.stack.undo()

    def take_back(self, step: Step) -> None:
        """Take back one change, and nothing that came after it."""
        self._settle()
        if self.stack.command(self.stack.index() - 1) is step:
            self.stack.undo()
        else:
            step.take_back()

    def drop(self, step: Step) -> None:
        """It turned out that this change could not be made: it is not a step any more."""
        if isValid(step):
            step.setObsolete(True)

    def forth(self) -> None:
        """Make the change again that was taken back."""
        self._settle()
        self._tell("Redone", self.stack.index())
        self.stack.redo()

    def _tell(self, how: str, index: int) -> None:
        """Say what is not seen."""
        step = self.stack.command(index)
        if isinstance(step, Step) and self._shown() not in step.places:
            self.unseen.emit(f"{how}: {step.text()}", step.places)

    def _settle(self) -> None:
        self._timer.stop()
        before, now = self._settled, {name: read() for name, (read, _) in self._watched.items()}
        if now != before:
            self._settled = now
            places = list(dict.fromkeys(self._places[name] for name in now if now[name] != before[name]))
            self.stack.push(Step("parameters", places, lambda: self._take(before), lambda: self._take(now)))

    def _take(self, snapshot: Snapshot) -> None:
        for name, value in snapshot.items():
            self._watched[name][1](value)
        self._timer.stop()
        self._settled = {name: read() for name, (read, _) in self._watched.items()}
