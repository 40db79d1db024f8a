"""How the track's rows are drawn: names, lines, ticks, the branchings, the curve of the changes, the axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen, QPolygonF

from desktop_app.state.presets import kinds
from desktop_app.state.runs import Run
from desktop_app.theme import theme
from desktop_app.widgets.lane_panel import lane_pen

if TYPE_CHECKING:
    from desktop_app.widgets.timeline_track import TimelineTrack

BEND = 14.0  # px, of a branching's curve
INDENT = 10.0  # px, of a name for every branching before it


class RowPainter:
    """Draws everything of a track that does not move with the playhead."""

    def __init__(self, track: TimelineTrack, painter: QPainter) -> None:
        self.track, self.painter, self.timeline = track, painter, track.timeline
        rows = self.timeline.rows
        self.kinds = dict(zip(rows, kinds([run.request for run in rows], not track.images), strict=True))

    def draw(self) -> None:
        """All of it."""
        rows = self.timeline.rows
        if not rows:
            self._groove(self.track.left, self.track.width() - 20.0, self.track.row_y(0))
            return
        self._changes()
        for number, run in enumerate(rows):
            y = self.track.row_y(number)
            if self.track.named:
                self._name(run, y)
            self._row(run, y)
        if self.track.named:
            for number, run in enumerate(rows):
                if run.stem in rows and run.levels:
                    self._branching(run, self.track.row_y(rows.index(run.stem)), self.track.row_y(number))
        leader = self.timeline.leader
        if leader is not None:
            self._axis(max(rows, key=lambda run: run.steps) if self.track.named else leader)

    def _pen(self, run: Run) -> QPen:
        """The ODE is blue and solid, the SDE orange and dashed; a run that is not looked at is paler.

        Lanes are drawn as Compare and the lab draw them.
        """
        if not self.track.named:
            return lane_pen(self.kinds[run], 2)
        stochastic, _ = self.kinds[run]
        faint = run is not self.timeline.selected
        colour = theme().colour("sde" if stochastic else "ode", 0.6 if faint else 1.0)
        pen = QPen(colour, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
        if stochastic:
            pen.setDashPattern([3, 2])
        return pen

    def _groove(self, left: float, right: float, y: float) -> None:
        self.painter.setPen(QPen(theme().colour("hover"), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        self.painter.drawLine(QPointF(left, y), QPointF(right, y))

    def _row(self, run: Run, y: float) -> None:
        painter, colours, places = self.painter, theme(), self.track.places_px(run)
        first = run.begins if run.levels else 0
        self._groove(places[first], places[-1], y)
        pen = self._pen(run)
        if run.frames > first:
            painter.setPen(pen)
            painter.drawLine(QPointF(places[first], y), QPointF(places[run.frames - 1], y))
        spread = (places[-1] - places[first]) / max(run.steps - first, 1)
        done, coming, last = QPolygonF(), QPolygonF(), -9.0
        for k in range(first, run.steps + 1):
            x = float(places[k])
            if spread < 3 and x - last < 3 and k < run.steps:
                continue  # ticks that would run together
            last = x
            (done if k < run.frames else coming).append(QPointF(x, y))
        size = 6.0 if spread >= 8 else 3.0
        for points, colour in ((done, pen.color()), (coming, colours.colour("outline"))):
            painter.setPen(QPen(colour, size, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPoints(points)

    def _branching(self, run: Run, above: float, y: float) -> None:
        """The curve from the stem's row to where the branch begins."""
        x = float(self.track.places_px(run)[run.begins])
        path = QPainterPath(QPointF(x - BEND, above))
        path.cubicTo(QPointF(x, above), QPointF(x - BEND, y), QPointF(x, y))
        pen = QPen(self._pen(run).color(), 1.5)
        self.painter.setPen(pen)
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        self.painter.drawPath(path)

    def _name(self, run: Run, y: float) -> None:
        painter, colours, track = self.painter, theme(), self.track
        assert self.timeline.tree is not None
        selected = run is self.timeline.selected
        box = QRectF(12, y - 9, track.left - 24, 18)
        if selected or run is track.over:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.colour("hover" if selected else "control"))
            painter.drawRoundedRect(box, 4, 4)
        inset = 8 + INDENT * self.timeline.tree.depth(run)
        font = track.font()
        font.setPixelSize(12)
        painter.setFont(font)
        painter.setPen(colours.colour("text" if selected else "text_soft"))
        room = box.adjusted(inset, 0, -24 if run.stem is not None else -8, 0)
        text = painter.fontMetrics().elidedText(
            self.timeline.tree.label(run), Qt.TextElideMode.ElideRight, int(room.width())
        )
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        if run.stem is not None and (run is track.over or selected):
            icon = colours.icon("x", "text_soft", 14)
            icon.paint(painter, track.closer(QPointF(0, y)).adjusted(1, 1, -1, -1).toRect())

    def _changes(self) -> None:
        curve = self.track.spark()
        if len(curve) < 2:
            return
        base = max(point.y() for point in curve)
        area = QPolygonF([QPointF(curve[0].x(), base), *curve, QPointF(curve[-1].x(), base)])
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(theme().colour("text_faint", 0.16))
        self.painter.drawPolygon(area)
        self.painter.setPen(QPen(theme().colour("text_faint"), 1))
        self.painter.drawPolyline(curve)

    def _axis(self, run: Run) -> None:
        painter, track = self.painter, self.track
        y = track.row_y(len(self.timeline.rows) - 1) + 22
        font = track.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(theme().colour("text_faint"))
        steps, metrics, right = run.steps, painter.fontMetrics(), -1.0
        places, stride = track.places_px(run), max(1, -(-steps // 10))
        for k in [*range(0, steps, stride), steps]:
            if not run.levels and k not in (0, steps):
                continue
            text = track.axis.text(run, k) if run.levels else str(k)
            width = metrics.horizontalAdvance(text)
            left = min(max(places[k] - width / 2, 4), track.width() - width - 4)
            end = min(max(places[-1] - 20, 4), track.width())
            if left > right and (k == steps or left + width < end - 12):
                painter.drawText(QPointF(left, y), text)
                right = left + width + 12
