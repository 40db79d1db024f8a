"""The timeline's track: the solver's real steps as ticks, a row for each lane, and the playhead."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.state.runs import Run
from desktop_app.state.timeline import Timeline
from desktop_app.state.words import is_stochastic
from desktop_app.theme import theme
from desktop_app.widgets.layout import FocusRing

EDGE = 20.0  # px on either side
GAP = 0.04  # of the width, on a logarithmic axis: before the clean level, and after one without signal


def level_text(sigma: float, figures: int) -> str:
    """A noise level as it is written on the timeline."""
    return "clean" if sigma == 0.0 else "∞" if math.isinf(sigma) else f"{sigma:.{figures}g}"


class TimelineTrack(FocusRing, QWidget):
    """Drag anywhere to scrub; arrows, Home and End move by steps."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.timeline = timeline
        self.setAccessibleName("Timeline")
        self.setAccessibleDescription("Arrow keys move through the steps of the reverse process")
        self.setToolTip("Drag to scrub  ·  ← →  Shift+← →  Home  End")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(64)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        for signal in (timeline.moved, timeline.lanes_changed, timeline.mode_changed, theme().changed):
            signal.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(600, 64)

    def place(self, run: Run, index: int) -> float:
        """Where a run's position lies on the axis, from 0 (noise) to 1 (clean)."""
        if self._by_step:
            return index / max(run.steps, 1)
        sigma = run.sigma(min(index, run.steps))
        if sigma == 0.0:
            return 1.0
        spans = [r.span for r in self.timeline.lanes if r.span]
        high, low = max((span[0] for span in spans), default=1.0), min((span[1] for span in spans), default=0.0)
        left = GAP if any(math.isinf(r.sigma(0)) for r in self.timeline.lanes) else 0.0
        if math.isinf(sigma):
            return 0.0
        return left + (1.0 - GAP - left) * (high - math.log(sigma)) / max(high - low, 1e-9)

    @property
    def _by_step(self) -> bool:
        """Whether the axis counts steps: where asked, before levels are known, and where all stay at one."""
        lanes = self.timeline.lanes
        known = all(run.levels for run in lanes) and not all(run.is_level for run in lanes)
        return self.timeline.axis == "step" or not known

    def place_px(self, run: Run, index: int) -> float:
        """The same in px."""
        return EDGE + (self.width() - 2 * EDGE) * self.place(run, index)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        leader = self.timeline.leader
        lanes = self.timeline.lanes
        rows = max(len(lanes), 1)
        height = 14.0
        top = 22.0 - (rows - 1) * height / 2
        if leader is None:
            self._groove(painter, top, self.width() - EDGE, "hover")
            return
        for number, run in enumerate(lanes):
            self._lane(painter, run, top + number * (height + 4))
        self._axis(painter, leader, top + (rows - 1) * (height + 4) + 20)
        if self.timeline.reached >= 0:
            self._playhead(
                painter, self.place_px(leader, self.timeline.position), top - 10, top + (rows - 1) * (height + 4) + 10
            )
        if self.focus_visible:
            painter.setPen(QPen(theme().colour("accent"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(4.5, 0.5, -4.5, -0.5), 6, 6)

    def _groove(self, painter: QPainter, y: float, to: float, colour: str) -> None:
        painter.setPen(QPen(theme().colour(colour), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(EDGE, y), QPointF(to, y))

    def _lane(self, painter: QPainter, run: Run, y: float) -> None:
        colours = theme()
        stochastic = is_stochastic(run.request)
        name = "sde" if stochastic else "ode"
        self._groove(painter, y, self.width() - EDGE, "hover")
        if run.frames:
            pen = QPen(colours.colour(name), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
            if stochastic:
                pen.setDashPattern([3, 2])
            painter.setPen(pen)
            painter.drawLine(QPointF(EDGE, y), QPointF(self.place_px(run, run.frames - 1), y))
        steps = run.steps
        spread = (self.width() - 2 * EDGE) / max(steps, 1)
        painter.setPen(Qt.PenStyle.NoPen)
        last = -9.0
        for k in range(steps + 1):
            x = self.place_px(run, k)
            if spread < 3 and x - last < 3 and k < steps:
                continue  # ticks that would run together
            last = x
            painter.setBrush(colours.colour(name if k < run.frames else "outline"))
            radius = 3.0 if spread >= 8 else 1.5
            painter.drawEllipse(QPointF(x, y), radius, radius)

    def _axis(self, painter: QPainter, leader: Run, y: float) -> None:
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(theme().colour("text_faint"))
        steps, metrics, right = leader.steps, painter.fontMetrics(), -1.0
        stride = max(1, -(-steps // 10))
        for k in [*range(0, steps, stride), steps]:
            if not leader.levels and k not in (0, steps):
                continue
            text = str(k) if self._by_step else level_text(leader.sigma(k), 3)
            width = metrics.horizontalAdvance(text)
            left = min(max(self.place_px(leader, k) - width / 2, 4), self.width() - width - 4)
            end = min(max(self.place_px(leader, steps) - 20, 4), self.width())
            if left > right and (k == steps or left + width < end - 12):
                painter.drawText(QPointF(left, y), text)
                right = left + width + 12

    def _playhead(self, painter: QPainter, x: float, top: float, bottom: float) -> None:
        painter.setPen(QPen(theme().colour("text"), 2))
        painter.drawLine(QPointF(x, top), QPointF(x, bottom))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().colour("text"))
        painter.drawRoundedRect(QRectF(x - 5, top - 4, 10, 8), 3, 3)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._scrub(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._scrub(event.position().x())

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        if delta:
            self.timeline.step(-1 if delta > 0 else 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.ignore()  # the window knows the keys of the timeline

    def _scrub(self, x: float) -> None:
        leader = self.timeline.leader
        if leader is not None and leader.levels:
            nearest = min(range(leader.steps + 1), key=lambda k: abs(self.place_px(leader, k) - x))
            self.timeline.seek(nearest)
