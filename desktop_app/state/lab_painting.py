"""Points that a person paints: strokes of a brush and an eraser, undone and done again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QObject, Signal

from desktop_app.state.lab_cloud import Array

BRUSH = 0.07  # standard deviation of the dots about the path
ERASER = 0.14  # radius
DOTS = 6  # at each place that the hand passes
MOST = 20_000

Places = Sequence[tuple[float, float]]


class Painting(QObject):
    """The points, and what they were before each stroke."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._past: list[Array] = [np.zeros((0, 2), np.float32)]
        self._now = 0
        self._stroking = False

    @property
    def points(self) -> Array:
        """What is painted, [N, 2]."""
        return self._past[self._now]

    @property
    def can_undo(self) -> bool:
        return self._now > 0

    @property
    def can_redo(self) -> bool:
        return self._now < len(self._past) - 1

    def begin(self, points: Array) -> None:
        """Start from these points, with nothing to undo."""
        self._past, self._now, self._stroking = [np.asarray(points, np.float32)[:MOST]], 0, False
        self.changed.emit()

    def touch(self, places: Places, erase: bool) -> None:
        """Go on with a stroke, or begin one: dots about these places, or nothing left near them."""
        at = np.asarray(places, np.float32).reshape(-1, 2)
        if erase:
            gaps = np.hypot(*(self.points[:, None] - at[None]).transpose(2, 0, 1)).min(1, initial=np.inf)
            points = self.points[gaps > ERASER]
        else:
            at = np.repeat(at, DOTS, 0)
            dots = at + np.random.default_rng([self._now, len(self.points)]).normal(0.0, BRUSH, at.shape)
            points = np.concatenate([self.points, dots.astype(np.float32)])[-MOST:]
        if not self._stroking:
            self._push(points)
        else:
            self._past[self._now] = points
        self._stroking = True
        self.changed.emit()

    def end(self) -> None:
        """The hand is lifted: what was drawn since is one step of undoing."""
        self._stroking = False

    def undo(self) -> None:
        """Back to before the last stroke."""
        if self.can_undo:
            self._now -= 1
            self.changed.emit()

    def redo(self) -> None:
        """The stroke that was undone, again."""
        if self.can_redo:
            self._now += 1
            self.changed.emit()

    def clear(self) -> None:
        """Nothing any more; this, too, can be undone."""
        self._push(np.zeros((0, 2), np.float32))
        self.changed.emit()

    def _push(self, points: Array) -> None:
        self._past[self._now + 1 :] = [points]
        self._now += 1
