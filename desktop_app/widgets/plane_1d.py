"""One dimension over time: p̄(x̄, t) as an image, from noise to data, and paths drawn across it."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPen, QResizeEvent, QTransform

from desktop_app.theme import theme
from desktop_app.widgets.plane_colours import ink
from desktop_app.widgets.plane_frame import Frame
from desktop_app.widgets.plane_geometry import Array, dashes, polylines
from desktop_app.widgets.plane_items import Sketch, draw_lines, lines, picture
from desktop_app.widgets.plane_layers import DASH, Entry, indices, scaled
from desktop_app.widgets.plane_overlays import Legend

__all__ = ["Plane1D"]

HALF = 3.0
BRIGHT = 0.97  # of the values, below the strongest colour: the clean end's peaks do not dim the rest


class Plane1D(Frame):
    """Levels from left (noise) to right (data), x̄ upwards. A click, a drag or ← → asks for a level."""

    sought = Signal(int)  # the index of a level

    def __init__(self, name: str = "The density over time") -> None:
        super().__init__(name, QRectF(0, -HALF, 1, 2 * HALF), ("step", "x̄"), square=False)
        self.image, self.ode, self.sde = picture(0), lines(10), lines(20)
        self.playhead = Sketch(30, self._paint_playhead)
        for item in (self.image, self.ode, self.sde, self.playhead):
            self.canvas.box.addItem(item, ignoreBounds=True)
        self.legend = Legend(self)
        self.index, self._log = 0, False
        self._values: Array | None = None  # [levels, bins]
        self._paths: dict[str, Array] = {"ode": np.empty((0, 0)), "sde": np.empty((0, 0))}
        self.canvas.setCursor(Qt.CursorShape.PointingHandCursor)
        self.canvas.pressed.connect(lambda at, *_: self._seek(at.x()))
        self.canvas.dragged.connect(lambda at, *_: self._seek(at.x()))

    @property
    def last(self) -> int:
        """The index of the clean level."""
        return max(round(self.canvas.home.width()), 1)

    def set_density(self, values: Array, log: bool = False) -> None:
        """p̄ [levels, bins] on bins that fill −3 to 3, the noise first."""
        self._values, self._log = values, log
        home = QRectF(0, -HALF, max(len(values) - 1, 1), 2 * HALF)
        if home != self.canvas.home:
            self.canvas.home = home
            self.canvas.show_part(home)
        self._draw()

    def set_paths(self, ode: Array | None = None, sde: Array | None = None) -> None:
        """Paths x̄ [n, levels]: of the ODE, solid, and of an SDE, dashed."""
        for name, paths in (("ode", ode), ("sde", sde)):
            self._paths[name] = np.empty((0, 0)) if paths is None else paths
        self._draw()

    def set_index(self, index: int) -> None:
        """Where the timeline is."""
        self.index = index
        self.playhead.update()

    def recolour(self) -> None:
        super().recolour()
        self._draw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._draw()
        self.legend.arrange()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if way is None:
            event.ignore()
        else:
            self._seek(self.index + way)

    def _seek(self, x: float) -> None:
        self.set_index(min(max(round(x), 0), self.last))
        self.sought.emit(self.index)

    def _draw(self) -> None:
        if self._values is not None:
            values = np.ascontiguousarray(np.asarray(self._values, np.float32).T)  # [bins, levels]
            self.scale = scaled("p̄", values, self._log, "viridis", BRIGHT)
            self.image.setImage(indices(values, self.scale), levels=None, autoLevels=False, lut=self.scale.lut)
            levels = values.shape[1]
            self.image.setRect(QRectF(-0.5, -HALF, levels, 2 * HALF))
        entries = []
        for name, curve in (("ode", self.ode), ("sde", self.sde)):
            self._draw_paths(curve, name, self._paths[name])
            if self._paths[name].size:
                entries.append(Entry("line" if name == "ode" else "dash", name, f"{name.upper()} paths"))
        self.legend.show_entries(entries)
        self.update()

    def _draw_paths(self, curve: Any, name: str, paths: Array) -> None:
        """Dashes are cut where a unit is as long on either axis."""
        unit = self.canvas.height() / (2 * HALF)  # px of x̄
        across = self.canvas.width() / self.last / unit
        places = np.broadcast_to(np.arange(paths.shape[-1]) * across, paths.shape)
        whole = np.stack([places, paths], -1)  # [n, levels, 2]
        found = polylines(whole) if name == "ode" else dashes(whole, DASH[0] / unit, DASH[1] / unit)
        draw_lines(curve, found / (across, 1.0), ink(name), 1.4, ink("casing"))

    def _paint_playhead(self, painter: QPainter, plane: QTransform) -> None:
        top, bottom = plane.map(QPointF(self.index, HALF)), plane.map(QPointF(self.index, -HALF))
        for tint, width in ((ink("casing"), 4.0), (theme().colour("text"), 1.5)):
            painter.setPen(QPen(tint, width))
            painter.drawLine(top, bottom)
