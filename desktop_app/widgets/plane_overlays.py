"""What lies over the canvas: the legend, and the brush."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QTransform
from PySide6.QtWidgets import QWidget

from desktop_app.theme import theme, tokens
from desktop_app.widgets.plane_colours import class_ink, ink
from desktop_app.widgets.plane_frame import LEFT, Canvas, Frame
from desktop_app.widgets.plane_items import Sketch, diamond, ring
from desktop_app.widgets.plane_layers import Entry

LINE = 18  # px, of the legend
MARK = 22  # px, the width of a mark
PAD = 10
COVERED = 0.1  # of the canvas, at most


class Legend(QWidget):
    """What the marks mean. Lies beside the canvas where there is room, or else in its corner, if it is small there."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.frame, self.canvas = frame, frame.canvas
        self.entries: list[Entry] = []
        self.wanted = True
        font = self.font()
        font.setPixelSize(tokens.SMALL_SIZE)
        self.setFont(font)

    def show_entries(self, entries: list[Entry]) -> None:
        """Explain these."""
        self.entries = entries
        self.setAccessibleName("Legend: " + ", ".join(entry.text for entry in entries))
        self.arrange()
        self.update()

    def arrange(self) -> None:
        """Take the place and the size that fit."""
        size, room = self.sizeHint(), self.canvas.geometry()
        axis = LEFT if self.frame.axes_shown else 0
        beside = room.left() - axis - size.width() - 2 * PAD > 0
        at = QPoint(PAD, room.top()) if beside else room.topLeft() + QPoint(8, 8)
        small = (
            size.width() * size.height() < COVERED * room.width() * room.height() and size.width() < room.width() / 2
        )
        self.setGeometry(at.x(), at.y(), size.width(), size.height())
        self.setVisible(self.wanted and bool(self.entries) and (beside or small))

    def sizeHint(self) -> QSize:
        wide = max((self.fontMetrics().horizontalAdvance(entry.text) for entry in self.entries), default=0)
        return QSize(2 * PAD + MARK + 8 + wide, 2 * PAD - 4 + LINE * len(self.entries))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme().colour("line"), 1))
        painter.setBrush(theme().colour("panel", 0.94))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), tokens.RADIUS, tokens.RADIUS)
        for number, entry in enumerate(self.entries):
            y = PAD - 2 + LINE * (number + 0.5)
            self._mark(painter, entry, y)
            painter.setPen(theme().colour("text"))
            painter.drawText(QPointF(PAD + MARK + 8, y + 4), entry.text)

    def _mark(self, painter: QPainter, entry: Entry, y: float) -> None:
        kind, _, label = entry.colour.partition(" ")
        colour, ground = class_ink(int(label)) if kind == "class" else ink(entry.colour), theme().colour("panel")
        start, middle, end = QPointF(PAD, y), QPointF(PAD + MARK / 2, y), QPointF(PAD + MARK, y)
        pen = QPen(colour, 2)
        if entry.mark == "ring":
            ring(painter, middle, 4.5, colour, ground)
        elif entry.mark == "diamond":
            diamond(painter, middle, 5.0, colour, ground)
        elif entry.mark == "dot":
            painter.fillRect(QRectF(middle.x() - 2, y - 2, 4, 4), colour)
        else:
            if entry.mark == "dash":
                pen.setDashPattern([2.6, 1.8])
                pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawLine(start, end)
            if entry.mark == "arrow":
                painter.drawLine(end, end + QPointF(-6, -4))
                painter.drawLine(end, end + QPointF(-6, 4))
            elif entry.mark == "pull":
                painter.setPen(QPen(colour, 5))
                painter.drawPoint(end)


class Brush:
    """The painting hand: a round brush in the plane's units, and the points of its stroke."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.radius: float | None = None  # None: not painting
        self.erase = False
        self.at: QPointF | None = None
        self.sketch = Sketch(90, self._paint)
        canvas.box.addItem(self.sketch, ignoreBounds=True)

    def move(self, point: QPointF | None) -> None:
        """Hover there, or nowhere."""
        self.at = point
        self.sketch.update()

    def stroke(self, start: QPointF, end: QPointF) -> list[tuple[float, float]]:
        """Points after `start` up to `end`, less than half a radius apart."""
        way = end - start
        count = max(int((way.x() ** 2 + way.y() ** 2) ** 0.5 / (0.5 * (self.radius or 1.0))) + 1, 1)
        points = [start + way * (k / count) for k in range(1, count + 1)]
        return [(point.x(), point.y()) for point in points]

    def _paint(self, painter: QPainter, plane: QTransform) -> None:
        if self.radius is None or self.at is None:
            return
        radius = self.radius * abs(plane.m11())
        for tint, width in ((ink("casing"), 3.0), (ink("neutral"), 1.25)):
            pen = QPen(tint, width)
            if self.erase and width < 3:
                pen.setDashPattern([3, 3])
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(plane.map(self.at), radius, radius)
