"""How far lane A is from the others, along log σ: the noise at the left, the clean image at the right."""

from __future__ import annotations

import math

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

    def _span(self) -> tuple[float, float]:
        """log σ at the left and at the right."""
        places = [place for curve in self.curves for place, _ in curve]
        return (max(places), min(places)) if places else (math.log(80.0), math.log(0.002))

    def _x(self, log_sigma: float) -> float:
        first, last = self._span()
        return LEFT + (self.width() - LEFT - RIGHT) * (first - log_sigma) / max(first - last, 1e-9)

    def _y(self, value: float, high: float) -> float:
        low = -high if self.measure == "correlation" and self._negative() else 0.0
        return TOP + (self.height() - TOP - BOTTOM) * (1.0 - (value - low) / (high - low))

    def _negative(self) -> bool:
        return any(value < 0.0 for curve in self.curves for _, value in curve)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours = QPainter(self), theme()
        painter.fillRect(self.rect(), colours.colour("canvas"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        values = [value for curve in self.curves for _, value in curve]
        if not values:
            painter.setPen(colours.colour("text_faint"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Run the lanes to see how far they part.")
            return
        high = 1.0 if self.measure == "correlation" else max([*values, 1e-3]) * 1.05
        self._grid(painter, high)
        pens = [lane_pen(kind, 1.8) for kind in kinds([run.request for run in self.timeline.lanes])[1:]]
        ends = []
        for name, pen, curve in zip(NAMES[1:], pens, self.curves, strict=False):
            if curve:
                line = QPolygonF([QPointF(self._x(place), self._y(value, high)) for place, value in curve])
                painter.setPen(pen)
                painter.drawPolyline(line)
                ends.append((line.last().y(), line.last().x(), name, pen))
        self._names(painter, sorted(ends, key=lambda end: end[0]))
        leader = self.timeline.leader
        if leader is not None and leader.levels and self.timeline.reached >= 0:
            sigma = leader.sigma(min(self.timeline.position, leader.steps))
            first, last = self._span()
            place = last if sigma == 0.0 else first if math.isinf(sigma) else min(max(math.log(sigma), last), first)
            painter.setPen(QPen(colours.colour("text"), 1))
            painter.drawLine(QPointF(self._x(place), TOP - 4), QPointF(self._x(place), self.height() - BOTTOM))

    def _grid(self, painter: QPainter, high: float) -> None:
        bottom, right = self.height() - BOTTOM, self.width() - RIGHT
        marks = [high, 0.0] if not (self.measure == "correlation" and self._negative()) else [1.0, 0.0, -1.0]
        for value in marks:
            y = self._y(value, high)
            painter.setPen(QPen(theme().colour("line"), 1))
            painter.drawLine(QPointF(LEFT, y), QPointF(right, y))
            painter.setPen(theme().colour("text_faint"))
            place = QRectF(0, y - 7, LEFT - 8, 14)
            text = f"{value:.2g}".replace("-", "−")
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        first, last = self._span()
        for sigma in DECADES:
            if last <= math.log(sigma) <= first:
                place = QRectF(self._x(math.log(sigma)) - 30, bottom + 4, 60, 14)
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
        first, last = self._span()
        share = (x - LEFT) / max(self.width() - LEFT - RIGHT, 1.0)
        sigma = math.exp(first - min(max(share, 0.0), 1.0) * (first - last))
        self.timeline.seek(self.timeline.length if share > 1.0 else leader.nearest(sigma))
