"""Points of the plane as a lane shows them: one cloud, or two over each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.theme import theme

HALF = 3.0  # of the side that is seen, in x̄
MARGIN = 16
SIZE = 2.0  # px, of a point
DRAWN = 8_000  # points, at most: they are alike, and more would not be told apart
GRID = (-2.0, -1.0, 0.0, 1.0, 2.0)

Points = NDArray[np.float32]  # [n, 2]


class CloudPicture(QWidget):
    """Draws the points that are in sight; the square is as large as there is room."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 64)
        self.clouds: list[tuple[Points, str]] = []
        theme().changed.connect(self.update)

    def show_clouds(self, *clouds: tuple[Points, str]) -> None:
        """Draw these from now on: points in x̄, and the token of their colour."""
        self.clouds = list(clouds)
        self.update()

    def square(self) -> QRectF:
        """Where the plane lies, in px."""
        side = max(min(self.width(), self.height()) - 2 * MARGIN, 1)
        return QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, square = QPainter(self), self.square()
        painter.fillRect(self.rect(), theme().colour("canvas"))
        scale = square.width() / (2 * HALF)
        painter.setPen(QPen(theme().colour("line"), 1))
        for mark in GRID:
            x, y = square.center().x() + mark * scale, square.center().y() - mark * scale
            painter.drawLine(QPointF(x, square.top()), QPointF(x, square.bottom()))
            painter.drawLine(QPointF(square.left(), y), QPointF(square.right(), y))
        painter.setClipRect(square)
        for points, token in self.clouds:
            colour = QColor(theme().colour(token))
            colour.setAlphaF(0.75 if len(self.clouds) == 1 else 0.6)
            painter.setPen(QPen(colour, SIZE, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap))
            seen = points[:DRAWN][(np.abs(points[:DRAWN]) <= HALF).all(axis=1)]
            xs = square.center().x() + seen[:, 0] * scale
            ys = square.center().y() - seen[:, 1] * scale
            painter.drawPoints(QPolygonF([QPointF(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]))
