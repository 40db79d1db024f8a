"""How far lane A is from the others, along log σ: the noise at the left, the clean image at the right."""

from __future__ import annotations

import math
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.state.apart import MEASURES, Apart
from desktop_app.state.lanes import NAMES
from desktop_app.state.presets import kinds
from desktop_app.theme import theme
from desktop_app.widgets.lane_panel import lane_pen
from desktop_app.widgets.layout import Segments, fill, row

LEFT, RIGHT, TOP, BOTTOM = 56.0, 40.0, 40.0, 20.0
HEIGHT = 132
APART = 12.0  # px, between the names of lanes at the ends of their lines
DECADES = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)


class Scale(NamedTuple):
    """Where log σ and values lie, in px. One is made for each painting: it takes a look at every point."""

    width: int
    height: int
    first: float  # log σ at the left
    last: float  # and at the right
    low: float
    high: float

    def x(self, log_sigma: float) -> float:
        room = self.width - LEFT - RIGHT
        return LEFT + room * (self.first - log_sigma) / max(self.first - self.last, 1e-9)

    def y(self, value: float) -> float:
        return TOP + (self.height - TOP - BOTTOM) * (1.0 - (value - self.low) / (self.high - self.low))


class ApartChart(QWidget):
    """Draws `Apart`; a drag scrubs the timeline."""

    def __init__(self, apart: Apart) -> None:
        super().__init__()
        self.apart, self.timeline = apart, apart.timeline
        self.setProperty("surface", "canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)
        self.measure = "distance"
        self.measures = Segments("Between the lanes", MEASURES)
        self.measures.chosen.connect(self.choose)
        self.choose(self.measure)
        top = row(self.measures, None)
        fill(top, (16, 4, 16, 0))
        top.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setLayout(top)
        for signal in (apart.changed, self.timeline.moved, theme().changed):
            signal.connect(self.update)

    def choose(self, measure: str) -> None:
        """Show the distance, or the correlation."""
        self.measure = measure
        self.measures.choose(measure)
        self.setAccessibleName(f"{MEASURES[measure][0]} between lane A and the others, along log σ")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, HEIGHT)

    @property
    def curves(self) -> list[list[tuple[float, float]]]:
        """What is drawn: for every lane but the first (log σ, value)."""
        return self.apart.curves[self.measure]

    def _scale(self) -> Scale:
        points = [point for curve in self.curves for point in curve]
        places, values = [place for place, _ in points], [value for _, value in points]
        first, last = (max(places), min(places)) if places else (math.log(80.0), math.log(0.002))
        if self.measure == "correlation":
            low, high = -1.0 if any(value < 0.0 for value in values) else 0.0, 1.0
        else:
            low, high = 0.0, max([*values, 1e-3]) * 1.05
        return Scale(self.width(), self.height(), first, last, low, high)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours = QPainter(self), theme()
        painter.fillRect(self.rect(), colours.colour("canvas"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        if not any(self.curves):
            painter.setPen(colours.colour("text_faint"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.apart.why)
            return
        scale = self._scale()
        self._grid(painter, scale)
        pens = [lane_pen(kind, 1.8) for kind in kinds([run.request for run in self.timeline.lanes])[1:]]
        ends = []
        for name, pen, curve in zip(NAMES[1:], pens, self.curves, strict=False):
            if curve:
                line = QPolygonF([QPointF(scale.x(place), scale.y(value)) for place, value in curve])
                painter.setPen(pen)
                painter.drawPolyline(line)
                ends.append((line.last().y(), line.last().x(), name, pen))
        self._names(painter, sorted(ends, key=lambda end: end[0]))
        leader = self.timeline.leader
        if leader is not None and leader.levels and self.timeline.reached >= 0:
            sigma = leader.sigma(min(self.timeline.position, leader.steps))
            first, last = scale.first, scale.last
            place = last if sigma == 0.0 else first if math.isinf(sigma) else min(max(math.log(sigma), last), first)
            painter.setPen(QPen(colours.colour("text"), 1))
            painter.drawLine(QPointF(scale.x(place), TOP - 4), QPointF(scale.x(place), self.height() - BOTTOM))

    def _grid(self, painter: QPainter, scale: Scale) -> None:
        bottom, right = self.height() - BOTTOM, self.width() - RIGHT
        for value in (scale.high, 0.0, -1.0) if scale.low < 0.0 else (scale.high, 0.0):
            y = scale.y(value)
            painter.setPen(QPen(theme().colour("line"), 1))
            painter.drawLine(QPointF(LEFT, y), QPointF(right, y))
            painter.setPen(theme().colour("text_faint"))
            place = QRectF(0, y - 7, LEFT - 8, 14)
            text = f"{value:.2g}".replace("-", "−")
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        for sigma in DECADES:
            if scale.last <= math.log(sigma) <= scale.first:
                place = QRectF(scale.x(math.log(sigma)) - 30, bottom + 4, 60, 14)
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, f"{sigma:g}")
        painter.drawText(QRectF(0, bottom + 4, LEFT - 8, 14), Qt.AlignmentFlag.AlignRight, "σ")

    def _names(self, painter: QPainter, ends: list[tuple[float, float, str, QPen]]) -> None:
        """The lanes' names at the ends of their lines, from the top, none over another."""
        lowest = -APART
        for y, x, name, pen in ends:
            lowest = max(y, lowest + APART)
            painter.setPen(pen.color())
            painter.drawText(QPointF(x + 8, lowest + 4), name)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._scrub(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._scrub(event.position().x())

    def _scrub(self, x: float) -> None:
        leader = self.timeline.leader
        if leader is None or not leader.levels:
            return
        scale = self._scale()
        share = (x - LEFT) / max(self.width() - LEFT - RIGHT, 1.0)
        sigma = math.exp(scale.first - min(max(share, 0.0), 1.0) * (scale.first - scale.last))
        self.timeline.seek(self.timeline.length if share > 1.0 else leader.nearest(sigma))
