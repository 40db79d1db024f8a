"""What the plane is painted with: a canvas that reports the hand in the plane's coordinates, and one item a layer.

Thousands of points or segments are one item with one array each; Qt gets no object per point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from pyqtgraph import functions
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QTransform
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from desktop_app.widgets.plane_geometry import Array, Segments

pg.setConfigOption("exitCleanup", False)  # the window takes its own things down

EVERYWHERE = QRectF(-1e4, -1e4, 2e4, 2e4)  # no item's bounds change: nothing is computed from them
FEW = 3_000  # points; up to here each can have a casing
MANY = 30_000  # points; beyond, counting them per pixel is faster than drawing each
CELL = 2.0  # px, of that count
DEPTH = 6  # points in a cell at which its colour is full


def picture(z: float) -> Any:
    """An item for an image of indices into a table of colours."""
    item = pg.ImageItem(axisOrder="row-major", autoRange=False)
    item.setZValue(z)
    return item


def lines(z: float) -> Any:
    """An item for segments, all in one pen, with a casing that sets them off from any ground."""
    item = pg.PlotCurveItem(connect="pairs", antialias=True, skipFiniteCheck=True)
    item.setSegmentedLineMode("on")
    item.setZValue(z)
    return item


def draw_lines(item: Any, segments: Segments, colour: QColor, width: float, casing: QColor | None = None) -> None:
    """Give a lines item its segments and colours."""
    widget = item.getViewWidget()
    ratio = widget.devicePixelRatioF() if widget else 1.0  # cosmetic pens count in the screen's own pixels
    pen = _pen(colour, width * ratio)
    shadow = None if casing is None else _pen(casing, (width + 2.0) * ratio)
    ends = np.ascontiguousarray(segments.reshape(-1, 2).T)
    item.setData(ends[0], ends[1], pen=pen, shadowPen=shadow)


def _pen(colour: QColor, width: float) -> QPen:
    """Flat ends: square ones overlap, which is seen, and round ones take twenty times as long."""
    pen = QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
    pen.setCosmetic(True)
    return pen


class Points(QGraphicsItem):
    """A cloud of points, one colour a group, as squares of a fixed size in px."""

    def __init__(self, z: float, half: float) -> None:
        super().__init__()
        self.setZValue(z)
        self.half = half
        self.size = 3.0
        self.count = 0
        self._groups: list[tuple[NDArray[np.float64], Any, NDArray[np.float64], QColor]] = []  # [n, 2], and in px
        self._casing: QColor | None = None

    def set_points(
        self,
        points: Array,
        groups: NDArray[np.integer[Any]],
        colours: list[QColor],
        size: float,
        casing: QColor | None = None,
    ) -> None:
        """Points [n, 2], and which of the colours each has; those out of sight (or not finite) are not kept.

        A casing sets points off from any ground, where they are few and large enough for one.
        """
        seen = (np.abs(points) <= self.half).all(-1)
        self.size, self.count, self._groups = size, int(seen.sum()), []
        self._casing = casing if self.count <= FEW and size >= 2 else None
        for number, colour in enumerate(colours):
            chosen = points[seen & (groups == number)]
            if len(chosen):
                polygon = functions.create_qpolygonf(len(chosen))
                memory = functions.ndarray_from_qpolygonf(polygon)  # the polygon's own
                self._groups.append((chosen, polygon, memory, colour))
        self.update()

    def boundingRect(self) -> QRectF:
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        if self.count > MANY:
            self._paint_counts(painter)
            return
        plane = painter.transform()
        scale, shift = np.array([plane.m11(), plane.m22()]), np.array([plane.dx(), plane.dy()])
        painter.resetTransform()  # in px all squares are alike; with a cosmetic pen they are not
        for points, _, memory, _ in self._groups:
            memory[:] = points * scale + shift
        if self._casing is not None:
            for _, polygon, _, _ in self._groups:
                self._draw(painter, polygon, self._casing, self.size + 2.0)
        for _, polygon, _, colour in self._groups:
            self._draw(painter, polygon, colour, self.size)

    @staticmethod
    def _draw(painter: QPainter, polygon: Any, colour: QColor, size: float) -> None:
        painter.setPen(QPen(colour, size, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap))
        painter.drawPoints(polygon)

    def _paint_counts(self, painter: QPainter) -> None:
        """The number of points in each small cell, as opacity."""
        side = max(round(painter.transform().mapRect(self._square()).width() / CELL), 1)
        cells = np.zeros(side * side, np.uint32)
        for points, _, _, colour in self._groups:
            place = ((points + self.half) * (side / (2 * self.half))).astype(np.intp)  # [n, 2]
            inside = ((place >= 0) & (place < side)).all(-1)
            column, row = place[inside].T
            counts = np.bincount(row * side + column, minlength=side * side)
            cells = np.where(counts > 0, _opacities(colour)[np.minimum(counts, DEPTH)], cells)
        image = QImage(cells.tobytes(), side, side, 4 * side, QImage.Format.Format_ARGB32_Premultiplied)
        painter.drawImage(self._square(), image)

    def _square(self) -> QRectF:
        return QRectF(-self.half, -self.half, 2 * self.half, 2 * self.half)


def _opacities(colour: QColor) -> NDArray[np.uint32]:
    """A colour at DEPTH + 1 opacities, premultiplied, as ARGB words."""
    share = np.linspace(0.25, 1.0, DEPTH + 1)
    words = [np.round(share * channel).astype(np.uint32) for channel in (255, *colour.getRgb()[:3])]  # type: ignore[index]
    return np.asarray(words[0] << 24 | words[1] << 16 | words[2] << 8 | words[3], np.uint32)


class Sketch(QGraphicsItem):
    """A few marks that keep their size in px, drawn by a function of the painter and of the plane's transform."""

    def __init__(self, z: float, draw: Callable[[QPainter, QTransform], None]) -> None:
        super().__init__()
        self.setZValue(z)
        self._draw = draw

    def boundingRect(self) -> QRectF:
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        plane = painter.transform()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw(painter, plane)


def ring(painter: QPainter, at: QPointF, radius: float, colour: QColor, ground: QColor) -> None:
    """x_t: a ring."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for tint, width in ((ground, 5.0), (colour, 2.5)):
        painter.setPen(QPen(tint, width))
        painter.drawEllipse(at, radius, radius)


def diamond(painter: QPainter, at: QPointF, radius: float, colour: QColor, ground: QColor) -> None:
    """x̂₀: a diamond."""
    painter.setBrush(colour)
    painter.setPen(QPen(ground, 1.5))
    painter.drawPolygon([at + QPointF(dx * radius, dy * radius) for dx, dy in ((0, -1), (1, 0), (0, 1), (-1, 0))])
