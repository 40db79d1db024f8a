"""How far something is, as a bar with words and a button that stops it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QWidget

from desktop_app.theme import theme
from desktop_app.widgets.layout import fill, label, row


class Progress(QWidget):
    """A bar that fills; hidden while there is nothing to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.words = label("", "soft")
        self.words.setMinimumWidth(180)
        self.line = _Line()
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Stop, and leave no file")
        layout = row(self.words, self.line, self.stop, spacing=12)
        layout.setStretch(1, 1)
        fill(layout, (20, 8, 16, 8), 12)
        self.setLayout(layout)
        self.hide()

    def tell(self, words: str, share: float) -> None:
        """What is being done, and how much of it is done; nothing when it is over."""
        self.words.setText(words)
        self.line.share = share
        self.line.setAccessibleName(f"{words}, {share:.0%}")
        self.line.update()
        self.setVisible(bool(words))


class _Line(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.share = 0.0
        self.setMinimumWidth(80)
        self.setFixedHeight(6)

    def sizeHint(self) -> QSize:
        return QSize(200, 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for share, colour in ((1.0, "hover"), (self.share, "accent")):
            painter.setBrush(theme().colour(colour))
            painter.drawRoundedRect(QRectF(0, 0, self.width() * share, 6), 3, 3)
