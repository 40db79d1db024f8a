"""The chart of a sweep: quality against evaluations, a line for each value of the other axis."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.state.sweep import SweepRun
from desktop_app.theme import theme
from engine.sweep import chart
from engine.sweep.folder import FIGURES

LEFT, TOP, BOTTOM = 76.0, 52.0, 60.0
LEGEND = 220.0
COLOURS = ("ode", "sde", "lane_1", "lane_2", "lane_3", "accent", "text_soft")


class SweepChart(QWidget):
    """Lines that grow as the sweep does."""

    chosen = Signal(int)  # a cell whose point was clicked

    def __init__(self, run: SweepRun) -> None:
        super().__init__()
        self.run = run
        self.figure = ""
        self.setAccessibleName("Quality against evaluations")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 200)
        for signal in (run.changed, run.cell_changed, theme().changed):
            signal.connect(self.update)

    def show_figure(self, figure: str) -> None:
        """The figure that is drawn upwards."""
        self.figure = figure
        self.update()

    def colour(self, place: int) -> QColor:
        """Of a line."""
        return theme().colour(COLOURS[place % len(COLOURS)])

    def frame(self) -> QRectF:
        """Where the lines are."""
        legend = LEGEND if self.width() > 560 else 170.0
        return QRectF(LEFT, TOP, max(self.width() - LEFT - legend, 60.0), max(self.height() - TOP - BOTTOM, 40.0))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours = QPainter(self), theme()
        painter.fillRect(self.rect(), colours.colour("canvas"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.run.sweep is None or not self.figure:
            painter.setPen(colours.colour("text_soft"))
            said = "No figure of quality is known of these runs: give a condition, or measure the error."
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, said)
            return
        found = chart.lines(self.run.sweep, self.run.results, self.figure)
        across, up = chart.scales(found, self.figure)
        frame = self.frame()
        self._draw_axes(painter, frame, across, up)
        for place, line in enumerate(found):
            pen = QPen(self.colour(place), 2)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            if line.dash:
                pen.setDashPattern([length / 2 for length in line.dash])
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            points = [self._point(frame, across, up, x, y) for x, y in line.points if y > 0 or not up.logarithmic]
            painter.drawPolyline(QPolygonF(points))
            y = TOP + 8 + 24 * place
            if y < self.height() - 8:
                self._draw_entry(painter, QPointF(frame.right() + 20, y), line)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.colour(place))
            for point in points:
                painter.drawEllipse(point, 4, 4)

    def _draw_entry(self, painter: QPainter, at: QPointF, line: chart.Line) -> None:
        """A line of the legend, in the pen that is set."""
        painter.drawLine(at, at + QPointF(28, 0))
        order = line.order if self.figure == "error" else None
        said = line.label + (f"   order {order:.2f}" if order else "")
        room = int(self.width() - at.x() - 36 - 12)
        painter.setPen(theme().colour("text_soft"))
        text = painter.fontMetrics().elidedText(said, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QPointF(at.x() + 36, at.y() + 5), text)

    def _draw_axes(self, painter: QPainter, frame: QRectF, across: chart.Scale, up: chart.Scale) -> None:
        font = self.font()
        font.setPixelSize(12)
        painter.setFont(font)
        faint, grid = theme().colour("text_faint"), QPen(theme().colour("line"), 1)
        for value, text in across.ticks():
            x = self._point(frame, across, up, value, up.low).x()
            painter.setPen(grid)
            painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
            painter.setPen(faint)
            painter.drawText(QRectF(x - 40, frame.bottom() + 8, 80, 16), Qt.AlignmentFlag.AlignCenter, text)
        for value, text in up.ticks():
            y = self._point(frame, across, up, across.low, value).y()
            painter.setPen(grid)
            painter.drawLine(QPointF(frame.left(), y), QPointF(frame.right(), y))
            painter.setPen(faint)
            place = QRectF(0, y - 8, frame.left() - 10, 16)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        painter.setFont(self.font())
        painter.setPen(theme().colour("text_soft"))
        painter.drawText(QPointF(frame.left(), frame.top() - 16), FIGURES[self.figure][0])
        below = QRectF(frame.left(), frame.bottom() + 28, frame.width(), 20)
        painter.drawText(below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "Evaluations")

    @staticmethod
    def _point(frame: QRectF, across: chart.Scale, up: chart.Scale, x: float, y: float) -> QPointF:
        share = up.share(y)
        return QPointF(frame.left() + across.share(x) * frame.width(), frame.bottom() - share * frame.height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The nearest cell within reach."""
        if self.run.sweep is None or not self.figure:
            return
        found = chart.lines(self.run.sweep, self.run.results, self.figure)
        scales, frame, best, reach = chart.scales(found, self.figure), self.frame(), -1, 12.0
        for index, result in self.run.results.items():
            if self.figure in result.figures:
                point = self._point(frame, *scales, result.figures["nfe"], result.figures[self.figure])
                apart = (point - event.position()).manhattanLength()
                best, reach = (index, apart) if apart < reach else (best, reach)
        if best >= 0:
            self.chosen.emit(best)
