"""The loss of a training over its steps."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.theme import theme

LEFT, RIGHT, TOP, BOTTOM = 64.0, 24.0, 32.0, 32.0
POINTS = 600  # that are drawn


class LossChart(QWidget):
    """A curve on a logarithmic axis, with its ends in numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Loss over the steps")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(160)
        self.curve: list[tuple[int, float]] = []
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(480, 280)

    def show_curve(self, curve: list[tuple[int, float]]) -> None:
        """Draw these (step, loss)."""
        stride = -(-len(curve) // POINTS) or 1
        kept = curve[::stride] if len(curve) < 2 or (len(curve) - 1) % stride == 0 else [*curve[::stride], curve[-1]]
        self.curve = [(step, loss) for step, loss in kept if math.isfinite(loss) and loss > 0.0]
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours = QPainter(self), theme()
        painter.fillRect(self.rect(), colours.colour("canvas"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(colours.colour("text_faint"))
        painter.drawText(QPointF(20, 20), "Loss")
        right, bottom = self.width() - RIGHT, self.height() - BOTTOM
        if len(self.curve) < 2:
            text = "The curve begins with the first steps."
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, text)
            return
        steps, losses = zip(*self.curve, strict=True)
        low, high = math.log(min(losses)), math.log(max(losses))
        spread, last = max(high - low, 0.05), max(steps)

        def place(step: int, loss: float) -> QPointF:
            share = (math.log(loss) - low) / spread
            return QPointF(LEFT + (right - LEFT) * step / last, bottom - (bottom - TOP) * share)

        for loss in (math.exp(low), math.exp(low + spread)):
            y = place(0, loss).y()
            painter.setPen(QPen(colours.colour("line"), 1))
            painter.drawLine(QPointF(LEFT, y), QPointF(right, y))
            painter.setPen(colours.colour("text_faint"))
            at = QRectF(0, y - 8, LEFT - 8, 16)
            painter.drawText(at, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{loss:.3g}")
        painter.drawText(QRectF(LEFT, bottom + 8, 60, 16), Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(QRectF(right - 140, bottom + 8, 140, 16), Qt.AlignmentFlag.AlignRight, f"step {last:,}")
        painter.setPen(QPen(colours.colour("accent"), 1.8))
        painter.drawPolyline(QPolygonF([place(step, loss) for step, loss in self.curve]))
