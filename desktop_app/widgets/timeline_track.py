"""The timeline's track: the solver's real steps as ticks, a row for each run, how much x̂₀ changes, the playhead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.state.runs import Run
from desktop_app.state.timeline import Timeline
from desktop_app.theme import theme
from desktop_app.widgets.layout import FocusRing
from desktop_app.widgets.timeline_axis import Axis
from desktop_app.widgets.timeline_rows import RowPainter

EDGE = 20.0  # px on either side
GUTTER = 184.0  # px, for the names of the rows of a tree
SPARK = 18.0  # px, the height of the curve of the changes
TOP, ROW, FOOT = 32.0, 20.0, 32.0  # px: to the first row, from row to row, from the last row to the end


class TimelineTrack(FocusRing, QWidget):
    """Drag anywhere to scrub; arrows, Home and End move by steps. A click on a row selects its run."""

    hovered = Signal(int, float)  # a position of the selected run, −1 for none, and its x
    chosen = Signal(object)  # the run of a row
    unwanted = Signal(object)  # the run of a row that is to go

    def __init__(self, timeline: Timeline, images: bool = True) -> None:
        """`images`: whether there are changes of x̂₀ to draw above the rows."""
        super().__init__()
        self.timeline, self.images = timeline, images
        self.top = TOP if images else TOP - SPARK
        self.axis = Axis(timeline)
        self.setAccessibleName("Timeline")
        self.setAccessibleDescription(
            "Arrow keys move through the steps of the reverse process, up and down through its branches"
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMouseTracking(True)
        self.over: Run | None = None  # whose name the mouse is over
        self._still: tuple[object, QPixmap] = (None, QPixmap())  # all but the playhead, and what it shows
        for signal in (timeline.moved, timeline.mode_changed, theme().changed):
            signal.connect(self.update)
        timeline.lanes_changed.connect(self._fit)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(600, self.height())

    # --- where things are ---

    @property
    def left(self) -> float:
        """px before the axis: wider where the rows have names."""
        return EDGE + (GUTTER if self.named else 0.0)

    @property
    def named(self) -> bool:
        """Whether the rows are those of a tree with branches."""
        return self.timeline.tree is not None and len(self.timeline.tree.runs) > 1

    def row_y(self, number: int) -> float:
        """The middle of a row."""
        return self.top + number * ROW

    def row_at(self, y: float) -> Run | None:
        """The run of the row at this height."""
        rows = self.timeline.rows
        number = int((y - self.top + ROW / 2) // ROW)
        return rows[number] if 0 <= number < len(rows) else None

    def place(self, run: Run, index: int) -> float:
        """Where a run's position lies on the axis, from 0 (noise) to 1 (clean)."""
        return float(self.axis.places(run)[min(index, run.steps)])

    def place_px(self, run: Run, index: int) -> float:
        """The same in px."""
        return self.left + (self.width() - EDGE - self.left) * self.place(run, index)

    def places_px(self, run: Run) -> NDArray[np.float64]:
        """Of all positions of a run."""
        return self.left + (self.width() - EDGE - self.left) * self.axis.places(run)

    def closer(self, x: QPointF) -> QRectF:
        """The cross at the end of a row's name, where the mouse is at this height."""
        number = int((x.y() - self.top + ROW / 2) // ROW)
        return QRectF(EDGE + GUTTER - 36, self.row_y(number) - 8, 16, 16)

    # --- drawn ---

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        key = self._shows(ratio)
        if self._still[0] != key:
            pixmap = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(Qt.GlobalColor.transparent)
            still = QPainter(pixmap)
            still.setRenderHint(QPainter.RenderHint.Antialiasing)
            still.setFont(self.font())
            RowPainter(self, still).draw()
            still.end()
            self._still = (key, pixmap)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._still[1])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        timeline, leader = self.timeline, self.timeline.leader
        if leader is not None and timeline.reached >= 0:
            last = self.row_y(len(timeline.rows) - 1)
            self._playhead(painter, self.place_px(leader, timeline.position), 8.0, last + 8)
        if self.focus_visible:
            painter.setPen(QPen(theme().colour("accent"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(4.5, 0.5, -4.5, -0.5), 6, 6)

    def spark(self) -> list[QPointF]:
        """How much x̂₀ changes at the steps of the selected run, as a curve above the rows; of a pixel the most."""
        run = self.timeline.selected
        if run is None or not run.levels:
            return []
        sizes = np.array([run.measure("change", k, self.timeline.sample) for k in range(run.frames)])
        there = np.flatnonzero(np.isfinite(sizes))
        top = sizes[there].max() if len(there) else 0.0
        heights: dict[int, float] = {}
        for x, size in zip(self.places_px(run)[there].round(), sizes[there], strict=True):
            heights[x] = max(heights.get(x, 0.0), size)
        return [QPointF(x, SPARK + 2 - (SPARK * size / top if top > 0 else 0.0)) for x, size in heights.items()]

    def _shows(self, ratio: float) -> object:
        """Everything that the rows are drawn from: what has not changed is not drawn again."""
        timeline = self.timeline
        rows = tuple((run, run.frames, run.levels, run.steps, run.status) for run in timeline.rows)
        colours = theme().palette.name
        return rows, timeline.selected, self.over, timeline.axis, timeline.sample, self.size(), ratio, colours

    def _playhead(self, painter: QPainter, x: float, top: float, bottom: float) -> None:
        painter.setPen(QPen(theme().colour("text"), 2))
        painter.drawLine(QPointF(x, top), QPointF(x, bottom))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().colour("text"))
        painter.drawRoundedRect(QRectF(x - 5, top - 4, 10, 8), 3, 3)

    def _fit(self) -> None:
        self.setFixedHeight(round(self.row_y(max(len(self.timeline.rows), 1) - 1) + FOOT))
        self.update()

    # --- the mouse and the keys ---

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        place, run = event.position(), self.row_at(event.position().y())
        if self.named and run is not None:
            if place.x() < self.left - EDGE and run.stem is not None and self.closer(place).contains(place):
                self.unwanted.emit(run)
                return
            self.chosen.emit(run)
        if place.x() >= self.left - EDGE or not self.named:
            self._scrub(place.x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._scrub(event.position().x())
        over = self.row_at(event.position().y()) if self.named and event.position().x() < self.left - EDGE else None
        if over is not self.over:
            self.over = over
            self.setToolTip("" if over is None or self.timeline.tree is None else self.timeline.tree.label(over))
            self.update()
        index = -1 if over is not None else self.index_at(event.position().x())
        run = self.timeline.selected
        self.hovered.emit(index, 0.0 if run is None or index < 0 else self.place_px(run, index))

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(-1, 0.0)
        if self.over is not None:
            self.over = None
            self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        if delta:
            self.timeline.step(-1 if delta > 0 else 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        rows, run = self.timeline.rows, self.timeline.selected
        by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        if self.named and run in rows and by:
            self.chosen.emit(rows[min(max(rows.index(run) + by, 0), len(rows) - 1)])
        elif self.named and run is not None and run.stem is not None and event.key() == Qt.Key.Key_Delete:
            self.unwanted.emit(run)
        else:
            event.ignore()  # the window knows the keys of the timeline

    def index_at(self, x: float) -> int:
        """The position of the selected run that is nearest to an x, where it can be shown; −1 for none."""
        run = self.timeline.selected
        if run is None or not run.frames or not run.levels:
            return -1
        return int(np.abs(self.places_px(run)[: run.frames] - x).argmin())

    def _scrub(self, x: float) -> None:
        leader = self.timeline.leader
        if leader is not None and leader.levels:
            self.timeline.seek(int(np.abs(self.places_px(leader) - x).argmin()))
