"""The slider of the inspector."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSlider

from desktop_app.theme import theme


class Slider(QSlider):
    """A thin slider. Marks name places on it; the first two are the ODE and the SDE, and it is blue at one, orange at
    the other."""

    def __init__(self, marks: dict[int, str]) -> None:
        """`marks`: position → name."""
        super().__init__(Qt.Orientation.Horizontal)
        self.marks = marks
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedHeight(34 if marks else 18)
        self.setSingleStep(1)
        self.setPageStep(10)
        theme().changed.connect(self.update)

    def _x(self, value: float) -> float:
        span = max(self.maximum() - self.minimum(), 1)
        return 8 + (self.width() - 16) * (value - self.minimum()) / span

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, y, here = theme(), 9.0, self._x(self.sliderPosition())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.colour("hover"))
        painter.drawRoundedRect(QRectF(2, y - 2, self.width() - 4, 4), 2, 2)
        enabled = self.isEnabled()
        colour = colours.colour("accent" if enabled else "outline")
        if enabled and self.marks:
            ode, sde = (self._x(mark) for mark in sorted(self.marks)[:2])
            colour = self._blend((here - ode) / (sde - ode))
            gradient = QLinearGradient(QPointF(ode, 0), QPointF(sde, 0))
            gradient.setColorAt(0, colours.colour("ode"))
            gradient.setColorAt(1, colours.colour("sde"))
            painter.setBrush(gradient)
        else:
            painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(2, y - 2, here - 2, 4), 2, 2)
        for value, text in self.marks.items():
            painter.setPen(QPen(colours.colour("text_faint"), 1))
            painter.drawLine(QPointF(self._x(value), y + 6), QPointF(self._x(value), y + 9))
            font = self.font()
            font.setPixelSize(11)
            painter.setFont(font)
            wide = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(self._x(value) - wide / 2, 0), self.width() - wide)
            painter.drawText(QPointF(left, y + 21), text)
        painter.setPen(QPen(colours.colour("text" if self.hasFocus() else "panel"), 2))
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(here, y), 7, 7)

    def _blend(self, share: float) -> QColor:
        share = min(max(share, 0.0), 1.0)
        a, b = theme().colour("ode"), theme().colour("sde")
        mixed = [x + (y - x) * share for x, y in zip(a.getRgbF()[:3], b.getRgbF()[:3], strict=True)]  # type: ignore[index]
        return QColor.fromRgbF(*mixed)

    def mousePressEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._follow(event)

    def mouseMoveEvent(self, event: Any) -> None:
        if self.isSliderDown():
            self._follow(event)

    def mouseReleaseEvent(self, event: Any) -> None:
        self.setSliderDown(False)

    def wheelEvent(self, event: Any) -> None:
        event.ignore()

    def _follow(self, event: Any) -> None:
        share = (event.position().x() - 8) / max(self.width() - 16, 1)
        self.setValue(round(self.minimum() + share * (self.maximum() - self.minimum())))
