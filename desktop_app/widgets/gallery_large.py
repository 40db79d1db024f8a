"""One picture, as large as whole numbers go."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from desktop_app.theme import theme
from desktop_app.widgets.gallery_grid import draw_whole
from desktop_app.widgets.layout import FocusRing
from engine.files import FileError
from engine.pictures import read_png

MARGIN = 20


class LargePicture(FocusRing, QWidget):
    """Shows the file itself as soon as it is read, and the thumbnail until then."""

    left = Signal()  # clicked: enough of it

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Picture")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.image: QImage | None = None
        self.path: Path | None = None
        self._task: asyncio.Task[None] | None = None
        theme().changed.connect(self.update)

    def show_file(self, path: Path, thumbnail: QImage | None) -> None:
        """Show the picture in a file."""
        self.path, self.image = path, thumbnail
        self.setAccessibleName(path.name)
        self.stop()
        self._task = asyncio.ensure_future(self._read(path))
        self.update()

    def stop(self) -> None:
        """Wait for nothing more."""
        if self._task is not None:
            self._task.cancel()

    async def _read(self, path: Path) -> None:
        try:
            image = await asyncio.to_thread(_image, path)
        except FileError:
            return  # its thumbnail, or nothing, is all that can be shown
        if path == self.path:
            self.image = image
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().colour("canvas"))
        if self.image is not None and not self.image.isNull():
            draw_whole(painter, self.rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN), self.image)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.left.emit()


def _image(path: Path) -> QImage:
    """A picture with its own memory. Raises FileError."""
    page = read_png(path)
    height, width, channels = page.shape
    kind = QImage.Format.Format_Grayscale8 if channels == 1 else QImage.Format.Format_RGB888
    return QImage(page.tobytes(), width, height, width * channels, kind).copy()
