"""The filmstrip: one sample on its way from noise, small, where its steps lie on the timeline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.state.timeline import Timeline
from desktop_app.theme import theme
from desktop_app.widgets.image_grid import as_image
from desktop_app.widgets.timeline_track import TimelineTrack

PICTURE = 56  # px, the most of a picture's side
GAP = 4.0  # px, the least between two
MARGIN = 12.0  # px, before the right end


class Filmstrip(QWidget):
    """Follows the track's axis: as many pictures as fit, at their places. A click goes to the step."""

    hovered = Signal(int, float)  # as the track's

    def __init__(self, timeline: Timeline, track: TimelineTrack) -> None:
        super().__init__()
        self.timeline, self.track = timeline, track
        self.setAccessibleName("Filmstrip")
        self.setAccessibleDescription("The chosen sample at the steps of the timeline")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(PICTURE + 4)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMouseTracking(True)
        self._planned: tuple[NDArray[np.float64], dict[int, float]] = (np.empty(0), {})  # the places it is for
        for signal in (timeline.moved, timeline.lanes_changed, timeline.mode_changed, theme().changed):
            signal.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(600, PICTURE + 4)

    @property
    def sample(self) -> int:
        """The sample that is shown: the enlarged one, or the first."""
        run = self.timeline.selected
        return min(max(self.timeline.sample, 0), (run.request.count if run else 1) - 1)

    def plan(self) -> dict[int, float]:
        """The positions that have a picture, and the middle of each: none over another, the first and the last are."""
        run = self.timeline.selected
        if run is None or not run.levels:
            return {}
        low, high = self.track.left - 8 + PICTURE / 2, self.width() - MARGIN - PICTURE / 2
        places = low + (high - low) * self.track.axis.places(run)  # over their ticks, and whole at both ends
        if np.array_equal(places, self._planned[0]):
            return self._planned[1]
        shown: dict[int, float] = {}
        *before, end = map(float, places)
        for index, x in enumerate(before):
            if (not shown or x - next(reversed(shown.values())) >= PICTURE + GAP) and end - x >= PICTURE + GAP:
                shown[index] = x
        shown[run.steps] = end
        self._planned = (places, shown)
        return shown

    def paintEvent(self, event: QPaintEvent) -> None:
        run, timeline, colours = self.timeline.selected, self.timeline, theme()
        painter = QPainter(self)
        if run is None:
            room = self.width() - 2 * MARGIN - PICTURE
            apart = int(room // (PICTURE + GAP))
            for number in range(apart + 1):
                left = round(MARGIN + room * number / max(apart, 1))
                painter.fillRect(QRectF(left, 2, PICTURE, PICTURE), colours.colour("control"))
            return
        plan = self.plan()
        ready = [index for index in plan if index < run.frames]
        run.keep_stills(timeline.view, self.sample)
        stills = run.stills(timeline.view, self.sample, ready)
        at = timeline.frame_of(run)
        current = max((index for index in ready if index <= at), default=-1)
        for index, x in plan.items():
            box = QRectF(x - PICTURE / 2, 2, PICTURE, PICTURE)
            still = stills.get(index)
            if still is None:
                painter.fillRect(box, colours.colour("control"))
                continue
            side = max(still.shape[:2])
            ratio = self.devicePixelRatioF()
            scale = int(PICTURE * ratio) // side
            whole = scale * side > 0.8 * PICTURE * ratio  # else it is smoothed, to fill its place
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not whole)
            height, width = (n * (scale / ratio if whole else PICTURE / side) for n in still.shape[:2])
            painter.drawImage(QRectF(x - width / 2, 2 + (PICTURE - height) / 2, width, height), as_image(still))
            if index == current:
                painter.setPen(QPen(colours.colour("accent"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(box.adjusted(-1, -1, 1, 1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            index, run = self._at(event.position()), self.timeline.selected
            leader = self.timeline.leader
            if index >= 0 and run is not None and leader is not None:
                self.timeline.seek(index if run is leader else leader.nearest(run.sigma(index)))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index, run = self._at(event.position()), self.timeline.selected
        there = run is not None and 0 <= index < run.frames
        self.hovered.emit(index if there else -1, self.plan()[index] if there else 0.0)

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(-1, 0.0)

    def _at(self, place: QPointF) -> int:
        return next((index for index, x in self.plan().items() if abs(place.x() - x) <= PICTURE / 2), -1)
