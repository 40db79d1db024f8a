"""Two lanes in one grid: the first left of a line in every image, the second right of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen

from desktop_app.theme import theme
from desktop_app.widgets.image_grid import ImageGrid, as_image

DRAG_PX = 4.0  # from where on a press is a drag, not a click that enlarges


class WipeGrid(ImageGrid):
    """Drag across an image to move the line in all of them."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.share = 0.5  # of an image's width that shows the first lane
        self.others: NDArray[np.uint8] | None = None
        self._pressed: QPointF | None = None
        self._dragged = False
        self.setCursor(Qt.CursorShape.SplitHCursor)

    def show_both(self, pictures: NDArray[np.uint8], others: NDArray[np.uint8]) -> None:
        """Draw these, the second right of the line; both are [B, H, W, C]."""
        self.others = np.ascontiguousarray(others)
        self.show_pictures(pictures)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.pictures is None or self.others is None or len(self.others) != len(self.pictures):
            return
        painter = QPainter(self)
        ratio = self.devicePixelRatioF()
        painter.scale(1 / ratio, 1 / ratio)
        painter.setPen(QPen(theme().colour("accent"), max(1.0, round(ratio))))
        for index, tile in enumerate(self.tiles()):
            if tile.isEmpty():
                continue
            cut = tile.left() + round(self.share * tile.width())
            painter.setClipRect(QRect(cut, tile.top(), tile.right() - cut + 1, tile.height()))
            painter.drawImage(tile, as_image(self.others[index]))
            painter.setClipping(False)
            painter.drawLine(QPointF(cut, tile.top()), QPointF(cut, tile.bottom() + 1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._dragged = event.position(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        self._dragged |= abs(event.position().x() - self._pressed.x()) > DRAG_PX
        if self._dragged:
            self._move_to((event.position() * self.devicePixelRatioF()).toPoint().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and not self._dragged:
            super().mousePressEvent(event)
        self._pressed = None

    def _move_to(self, x: int) -> None:
        """Put the line where the hand is, as a share of the image that it is over, or nearest to."""
        tiles = [tile for tile in self.tiles() if not tile.isEmpty()]
        if not tiles:
            return
        tile = min(tiles, key=lambda tile: max(tile.left() - x, x - tile.right(), 0))
        self.share = min(max((x - tile.left()) / tile.width(), 0.0), 1.0)
        self.update()
