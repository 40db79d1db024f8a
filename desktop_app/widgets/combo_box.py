"""A list to choose from, in the theme's clothes."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox

from desktop_app.theme import theme


class ComboBox(QComboBox):
    """A combo box with an arrow in the theme's colour; the wheel scrolls the panel instead of changing it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        pixmap = theme().icon("chevron-down", "text_faint", 14).pixmap(14, 14)
        painter.drawPixmap(self.width() - 21, (self.height() - 14) // 2, pixmap)
