"""How far each lane's cloud is from the true p_t, over the levels."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.state.lab_cloud import Cloud
from desktop_app.state.presets import kinds
from desktop_app.state.timeline import Timeline
from desktop_app.theme import theme
from desktop_app.widgets.lane_panel import lane_pen

LEFT, RIGHT, TOP, BOTTOM = 52.0, 16.0, 32.0, 8.0


class DistanceChart(QWidget):
    """Sliced Wasserstein distance to samples of p_t, a line for each lane, over the share of its steps."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.timeline = timeline
        self.setAccessibleName("Distance to the true distribution, over the steps")
        self.setToolTip(
            "Sliced Wasserstein distance between the cloud and as many samples of the true p_t, in x̄. "
            "Its floor is what two clouds of exact samples are apart."
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for signal in (timeline.moved, timeline.lanes_changed, theme().changed):
            signal.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(400, 100)

    def _clouds(self) -> list[tuple[Cloud, tuple[bool, int]]]:
        """Those that a line can be drawn of, each with how it is drawn."""
        of = kinds([run.request for run in self.timeline.lanes], lab=True)
        pairs = zip(self.timeline.lanes, of, strict=True)
        return [(run, kind) for run, kind in pairs if isinstance(run, Cloud) and len(run.distance) > 1]

    def _place(self, cloud: Cloud, index: int, top: float) -> QPointF:
        wide, high = self.width() - LEFT - RIGHT, self.height() - TOP - BOTTOM
        share = min(cloud.distance[index] / top, 1.0)
        return QPointF(LEFT + wide * index / max(len(cloud.distance) - 1, 1), TOP + high * (1.0 - share))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours = QPainter(self), theme()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(colours.colour("text_faint"))
        painter.drawText(QPointF(20, 16), "Distance to pₜ")
        clouds = self._clouds()
        if not clouds:
            return
        top = max(max(cloud.distance) for cloud, _ in clouds) * 1.1 or 1.0
        bottom = self.height() - BOTTOM
        for y, text in ((TOP, f"{top:.2g}"), (bottom, "0")):
            painter.setPen(QPen(colours.colour("line"), 1))
            painter.drawLine(QPointF(LEFT, y), QPointF(self.width() - RIGHT, y))
            painter.setPen(colours.colour("text_faint"))
            place = QRectF(0, y - 7, LEFT - 8, 14)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        x = 130.0
        for cloud, kind in clouds:
            pen = lane_pen(kind, 1.6)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(QPolygonF([self._place(cloud, k, top) for k in range(len(cloud.distance))]))
            painter.drawLine(QPointF(x, 12), QPointF(x + 18, 12))
            at = min(max(self.timeline.frame_of(cloud), 0), len(cloud.distance) - 1)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(pen.color())
            painter.drawEllipse(self._place(cloud, at, top), 3.5, 3.5)
            painter.setPen(colours.colour("text_soft"))
            painter.drawText(QPointF(x + 24, 16), f"{cloud.distance[at]:.3f}  after {cloud.nfe[at]} evaluations")
            x += 220.0

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._scrub(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._scrub(event)

    def _scrub(self, event: QMouseEvent) -> None:
        share = (event.position().x() - LEFT) / max(self.width() - LEFT - RIGHT, 1.0)
        self.timeline.seek(round(share * self.timeline.length))
