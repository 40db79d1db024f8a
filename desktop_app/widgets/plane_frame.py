"""A plot's frame: the canvas and, around it, the axes and the colour scale with their numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QGraphicsView, QSizePolicy, QWidget

from desktop_app.theme import theme, tokens
from desktop_app.widgets.layout import FocusRing

LEFT, TOP, RIGHT, BOTTOM = 44, 20, 16, 36  # px around the canvas
SCALE_GAP, SCALE_WIDTH, SCALE_ROOM = 16, 10, 78  # px: from the canvas, of the colours, of all beside the canvas
TICK = 4  # px
LINE = 18  # px, of text
APART = 64  # px, at least, between two numbers of an axis
CLOSEST = 0.04  # the smallest view, of the whole


@dataclass(frozen=True)
class Scale:
    """What the colours of the image mean: from low to high, evenly in the value or in its logarithm."""

    title: str
    low: float
    high: float
    log: bool
    lut: NDArray[np.uint8]  # [256, 3]
    clipped: bool = False  # there are larger values, in the colour of the highest

    def share(self, value: float) -> float:
        """How far a value is from low to high, 0 to 1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


class Canvas(pg.GraphicsView):  # type: ignore[misc]
    """The painted surface. Reports the hand in the plane's coordinates; the wheel zooms, the middle button moves."""

    pressed = Signal(QPointF, Qt.MouseButton, Qt.KeyboardModifier)
    dragged = Signal(QPointF, Qt.MouseButton, Qt.KeyboardModifier)
    released = Signal(Qt.MouseButton)
    moved = Signal(QPointF)  # without a button
    left = Signal()
    ranged = Signal()  # another part is in view

    def __init__(self, parent: QWidget, home: QRectF) -> None:
        super().__init__(parent, useOpenGL=False, background=None)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the frame has it
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.box = pg.ViewBox(enableMenu=False, enableMouse=False, defaultPadding=0.0)
        self.box.disableAutoRange()
        self.setCentralWidget(self.box)
        self.home = home
        self.show_part(home)
        self._grip: QPointF | None = None

    def show_part(self, part: QRectF) -> None:
        """Bring a part of the plane into view, kept inside the home view."""
        width, height = min(part.width(), self.home.width()), min(part.height(), self.home.height())
        x = min(max(part.x(), self.home.x()), self.home.right() - width)
        y = min(max(part.y(), self.home.y()), self.home.bottom() - height)
        self.box.setRange(QRectF(x, y, width, height), padding=0.0, disableAutoRange=True)
        self.ranged.emit()

    def part(self) -> QRectF:
        """The part of the plane in view; its y runs upwards."""
        (left, right), (low, high) = self.box.viewRange()
        return QRectF(left, low, right - left, high - low)

    def zoom(self, factor: float, about: QPointF | None = None) -> None:
        """Look closer by a factor, about a point of the plane or the middle."""
        part = self.part()
        width = min(max(part.width() / factor, self.home.width() * CLOSEST), self.home.width())
        ratio = width / part.width()
        about = about or part.center()
        corner = about + (part.topLeft() - about) * ratio
        self.show_part(QRectF(corner, part.size() * ratio))

    def to_plane(self, place: QPointF) -> QPointF:
        """px of the canvas → the plane."""
        part = self.part()
        x, y = place.x() / max(self.width(), 1), place.y() / max(self.height(), 1)
        return QPointF(part.x() + x * part.width(), part.bottom() - y * part.height())

    def to_px(self, point: QPointF) -> QPointF:
        """The plane → px of the canvas."""
        part = self.part()
        x, y = (point.x() - part.x()) / part.width(), (part.bottom() - point.y()) / part.height()
        return QPointF(x * self.width(), y * self.height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton:
            self._grip = self.to_plane(event.position())
        else:
            self.pressed.emit(self.to_plane(event.position()), event.button(), event.modifiers())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        here, buttons = self.to_plane(event.position()), event.buttons()
        if self._grip is not None and buttons & Qt.MouseButton.MiddleButton:
            part = self.part()
            part.translate(self._grip - here)
            self.show_part(part)
            return
        self.moved.emit(here)
        for button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            if buttons & button:
                self.dragged.emit(here, button, event.modifiers())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton:
            self._grip = None
        else:
            self.released.emit(event.button())

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom(1.0015 ** event.angleDelta().y(), self.to_plane(event.position()))
        event.accept()

    def leaveEvent(self, event: Any) -> None:
        self.left.emit()


class Frame(FocusRing, QWidget):
    """Holds the canvas, as a square where asked, and paints what stands around it."""

    def __init__(self, name: str, home: QRectF, axes: tuple[str, str], square: bool) -> None:
        """`home`: the part of the plane that is shown. `axes`: the names of x and y."""
        super().__init__()
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 220)
        self.canvas = Canvas(self, home)
        self.canvas.viewport().setAccessibleName(name)
        self.names, self.square = axes, square
        self.scale: Scale | None = None
        self.axes_shown = self.scale_shown = True
        self.canvas.ranged.connect(self.update)
        theme().changed.connect(self.recolour)

    def recolour(self) -> None:
        """Take the theme's colours again."""
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(620, 560)

    def arrange(self) -> None:
        """Place the canvas in what room there is."""
        left, bottom = (LEFT, BOTTOM) if self.axes_shown else (RIGHT, RIGHT)
        right = SCALE_ROOM if self.scale_shown else RIGHT
        wide, high = self.width() - left - right, self.height() - TOP - bottom
        if self.square:
            side = max(min(wide, high), 40)
            x, y = left + (wide - side) // 2, TOP + (high - side) // 2
            self.canvas.setGeometry(x, y, side, side)
        else:
            self.canvas.setGeometry(left, TOP, max(wide, 40), max(high, 40))
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().colour("canvas"))
        place = self.canvas.geometry()
        font = self.font()
        font.setPixelSize(tokens.SMALL_SIZE)
        painter.setFont(font)
        if self.axes_shown:
            self._x_axis(painter, place)
            self._y_axis(painter, place)
        if self.scale_shown and self.scale is not None:
            self._scale(painter, place, self.scale)
        focused = self.focus_visible
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme().colour("accent" if focused else "line"), 2 if focused else 1))
        gap = 2.0 if focused else 0.5
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawRect(QRectF(place).adjusted(-gap, -gap, gap, gap))

    def _x_axis(self, painter: QPainter, place: QRect) -> None:
        part = self.canvas.part()
        base = place.bottom() + 1
        name_left = place.right() - painter.fontMetrics().horizontalAdvance(self.names[0])
        for value in ticks(part.left(), part.right(), place.width()):
            text, x = number(value), place.left() + (value - part.left()) / part.width() * place.width()
            self._tick(painter, QPointF(x, base), QPointF(x, base + TICK))
            wide = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(x - wide / 2, place.left() - LEFT + 4), place.right() + 8 - wide)
            if left + wide + 10 < name_left:
                painter.setPen(theme().colour("text_soft"))
                painter.drawText(QPointF(left, base + TICK + 15), text)
        painter.setPen(theme().colour("text_faint"))
        painter.drawText(QPointF(name_left, base + TICK + 15), self.names[0])

    def _y_axis(self, painter: QPainter, place: QRect) -> None:
        part = self.canvas.part()
        for value in ticks(part.top(), part.bottom(), place.height()):
            y = place.top() + (part.bottom() - value) / part.height() * place.height()
            self._tick(painter, QPointF(place.left() - 1, y), QPointF(place.left() - 1 - TICK, y))
            if y > place.top() + 22:
                self._beside(painter, place.left() - TICK - 5, y, number(value), "text_soft")
        self._beside(painter, place.left() - TICK - 5, place.top() + 6, self.names[1], "text_faint")

    def _scale(self, painter: QPainter, place: QRect, scale: Scale) -> None:
        left = place.right() + 1 + SCALE_GAP
        bar = QRectF(left, place.top(), SCALE_WIDTH, place.height())
        column = np.ascontiguousarray(scale.lut[::-1].reshape(256, 1, 3))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(bar, QImage(column.data, 1, 256, 3, QImage.Format.Format_RGB888))
        painter.setPen(theme().colour("text_faint"))
        painter.drawText(QPointF(left, place.top() - 7), scale.title)
        if not scale.high > scale.low:
            return
        for value, text in scale_ticks(scale, place.height()):
            y = bar.bottom() - scale.share(value) * bar.height()
            self._tick(painter, QPointF(bar.right(), y), QPointF(bar.right() + TICK, y))
            painter.setPen(theme().colour("text_soft"))
            painter.drawText(QPointF(bar.right() + TICK + 4, min(max(y + 4, bar.top() + 9), bar.bottom())), text)

    @staticmethod
    def _tick(painter: QPainter, start: QPointF, end: QPointF) -> None:
        painter.setPen(QPen(theme().colour("outline"), 1))
        painter.drawLine(start, end)

    @staticmethod
    def _beside(painter: QPainter, right: float, y: float, text: str, colour: str) -> None:
        painter.setPen(theme().colour(colour))
        painter.drawText(QPointF(right - painter.fontMetrics().horizontalAdvance(text), y + 4), text)


def ticks(low: float, high: float, px: float) -> list[float]:
    """Round numbers from low to high: multiples of 1, 2 or 5 times a power of ten, at least APART px from another."""
    least = (high - low) * APART / max(px, 1)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= least * (1 - 1e-9))
    return [round(k * step, 12) for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def scale_ticks(scale: Scale, px: float) -> list[tuple[float, str]]:
    """The values beside the colours, and their texts; the last is the highest where there are larger ones."""
    if scale.log:
        first, last = math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9)
        raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
        marks = [(10.0**power, f"10{str(power).translate(raised)}") for power in range(first, last + 1)]
    else:
        marks = [(value, number(value)) for value in ticks(scale.low, scale.high, px)]
    if not scale.clipped:
        return marks
    return [*(mark for mark in marks if (1.0 - scale.share(mark[0])) * px > LINE), (scale.high, f"≥ {scale.high:.2g}")]


def number(value: float) -> str:
    """A number as an axis shows it."""
    return f"{value + 0.0:.4g}".replace("-", "−")
