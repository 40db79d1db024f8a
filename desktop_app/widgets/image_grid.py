"""A grid of small images, every pixel a square: whole-number scale, nearest neighbour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.theme import theme
from desktop_app.widgets.layout import FocusRing

GAP = 4  # px between tiles
MARGIN = 12


class ImageGrid(FocusRing, QWidget):
    """Shows pictures [B, H, W, C] (uint8); a click enlarges one, another click shows all again."""

    selected = Signal(int)  # the enlarged image, −1 for none

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 64)
        self.enlarged = -1
        self.pictures: NDArray[np.uint8] | None = None
        self._expected = (0, 28, 28)  # count, height, width: placeholders while nothing has come
        theme().changed.connect(self.update)

    def expect(self, count: int, height: int, width: int) -> None:
        """Forget the pictures and show empty tiles for those to come."""
        self.pictures, self._expected = None, (count, height, width)
        if self.enlarged >= count:
            self.enlarge(-1)
        self.update()

    def show_pictures(self, pictures: NDArray[np.uint8]) -> None:
        """Draw these from now on; they are not copied."""
        self.pictures = np.ascontiguousarray(pictures)
        self._expected = pictures.shape[:3]
        self.update()

    def enlarge(self, index: int) -> None:
        """Show one image alone, or all with −1."""
        if index != self.enlarged:
            self.enlarged = index
            self.selected.emit(index)
            self.update()

    def turn(self, step: int) -> None:
        """Show the next image alone, or the one before; after the last, before the first, and with 0, all."""
        count = self._expected[0]
        self.enlarge((self.enlarged + 1 + step) % (count + 1) - 1 if step else -1)

    def tiles(self) -> list[QRect]:
        """Where each image lies, in device pixels; while one is enlarged the others are empty."""
        count, height, width = self._expected
        ratio = self.devicePixelRatioF()
        gap = round(GAP * ratio)
        across, down = int(self.width() * ratio), int(self.height() * ratio)
        shown = 1 if self.enlarged >= 0 else count
        if not shown:
            return []
        for edge in (MARGIN, GAP):  # where there is little room, it is the pictures'
            margin = 2 * round(edge * ratio)
            columns, scale = arrangement(across - margin, down - margin, shown, height, width, gap)
            if scale:
                break
        scale = max(scale, 1)
        rows, height, width = -(-shown // columns), height * scale, width * scale
        left = (across - columns * (width + gap) + gap) // 2
        top = (down - rows * (height + gap) + gap) // 2
        places = [
            QRect(left + index % columns * (width + gap), top + index // columns * (height + gap), width, height)
            for index in range(shown)
        ]
        if self.enlarged < 0:
            return places
        return [places[0] if index == self.enlarged else QRect() for index in range(count)]

    def sizeHint(self) -> QSize:
        return QSize(480, 480)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().colour("canvas"))
        ratio = self.devicePixelRatioF()
        painter.scale(1 / ratio, 1 / ratio)  # in device pixels from here on
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        tiles = self.tiles()
        if self.pictures is None:
            for tile in tiles:
                painter.fillRect(tile, theme().colour("control"))
            return
        for index, tile in enumerate(tiles):
            if not tile.isEmpty():
                painter.drawImage(tile, as_image(self.pictures[index]))
        if self.focus_visible:
            painter.setPen(QPen(theme().colour("accent"), round(2 * ratio)))
            painter.drawRect(
                QRectF(0, 0, self.width() * ratio, self.height() * ratio).adjusted(*[ratio] * 2, *[-ratio] * 2)
            )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            place = event.position() * self.devicePixelRatioF()
            self.enlarge(-1 if self.enlarged >= 0 else self._at(place.toPoint()))

    def _at(self, place: QPoint) -> int:
        return next((index for index, tile in enumerate(self.tiles()) if tile.contains(place)), -1)


def arrangement(across: int, down: int, count: int, height: int, width: int, gap: int) -> tuple[int, int]:
    """Columns and whole-number scale, 0 where nothing fits, at which `count` tiles fill a space best.

    Large, without holes, square.
    """

    def scale(columns: int) -> int:
        rows = -(-count // columns)
        fits = min((across - (columns - 1) * gap) // (columns * width), (down - (rows - 1) * gap) // (rows * height))
        return max(fits, 0)

    def merit(columns: int) -> tuple[float, int]:
        rows = -(-count // columns)
        return scale(columns) * (1.0 if rows * columns == count else 0.75), -abs(columns - rows)

    columns = max(range(1, count + 1), key=merit)
    return columns, scale(columns)


def as_image(picture: NDArray[np.uint8]) -> QImage:
    """A picture [H, W, C] as an image that shares its memory: draw it before the array goes."""
    height, width, channels = picture.shape
    kind = QImage.Format.Format_Grayscale8 if channels == 1 else QImage.Format.Format_RGB888
    return QImage(picture.data, width, height, width * channels, kind)
