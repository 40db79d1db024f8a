"""A switch: on or off, at once."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton

from desktop_app.theme import theme
from desktop_app.widgets.layout import FocusRing


class Switch(FocusRing, QAbstractButton):
    """A knob that lies left or right; its name is what a screen reader says."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedSize(QSize(34, 20))
        theme().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on, enabled, colours = self.isChecked(), self.isEnabled(), theme()
        track = QRectF(1, 1, self.width() - 2, self.height() - 2)
        edge = "text" if self.focus_visible else "accent" if on and enabled else "outline"
        painter.setPen(QPen(colours.colour(edge), 1))
        painter.setBrush(colours.colour("accent" if on and enabled else "control"))
        painter.drawRoundedRect(track, track.height() / 2, track.height() / 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.colour("on_accent" if on and enabled else "text_soft" if enabled else "outline"))
        x = track.right() - 9 if on else track.left() + 9
        painter.drawEllipse(QPointF(x, track.center().y()), 5.5, 5.5)
