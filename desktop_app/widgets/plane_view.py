"""The plane of Lab 2D, in x̄ = x / √(α² + std²): what was computed as layers, and the hand that asks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent

from desktop_app.widgets import plane_geometry as geometry
from desktop_app.widgets.lane_panel import lane_colour
from desktop_app.widgets.plane_frame import Frame
from desktop_app.widgets.plane_geometry import Array
from desktop_app.widgets.plane_layers import Arrows, Cloud, Contours, Density, Entry, Layer, Streamlines, Trajectories
from desktop_app.widgets.plane_overlays import Brush, Legend
from desktop_app.widgets.plane_probe import Probe, ProbeLayer

__all__ = ["LAYERS", "PlaneView", "Probe", "Reading"]

HALF = 3.0  # of the view, in x̄
STEP, STRIDE = 0.05, 0.25  # of the probe by the arrow keys, in x̄; the second with Ctrl
LAYERS = {
    "density": "Density",
    "contours": "Contours",
    "streamlines": "Streamlines",
    "data": "Data",
    "arrows": "Score arrows",
    "particles": "Particles",
    "trajectories": "Trajectories",
    "probe": "Probe",
    "axes": "Axes",
    "scale": "Colour scale",
    "legend": "Legend",
}
HIDDEN = ("contours", "streamlines")  # at first
KEYS = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}


class Reading(NamedTuple):
    """What lies under the hand."""

    x: float
    y: float
    density: float | None  # p̄
    vector: tuple[float, float] | None  # of the field that is drawn as arrows


class PlaneView(Frame):
    """A fixed view of [−3, 3]². A click drops the probe, a drag moves it (with Shift: at the noise end). Enter drops
    one, or takes hold of it: then the arrow keys move it, until Enter, Esc or another focus; Delete takes it away; the
    wheel or + − 0 zoom. In painting mode the hand is a brush."""

    probe_moved = Signal(float, float, bool)  # x̄, ȳ, at the noise end
    probe_removed = Signal()
    brush = Signal(list, bool)  # new points (x̄, ȳ) of a stroke, erase
    brush_ended = Signal()
    hovered = Signal(object)  # a Reading; None when the hand leaves

    def __init__(self, name: str = "The plane") -> None:
        super().__init__(name, QRectF(-HALF, -HALF, 2 * HALF, 2 * HALF), ("x̄", "ȳ"), square=True)
        self.setAccessibleDescription(
            "Enter drops a probe or takes hold of it; the arrow keys then move it; Delete takes it away"
        )
        canvas = self.canvas
        self.density, self.contours = Density(canvas), Contours(canvas)
        self.streamlines, self.arrows = Streamlines(canvas), Arrows(canvas)
        self.data = Cloud(canvas, 30, "data", "data", 2.0)
        self.particles = Cloud(canvas, 50, "ode", "particles", 3.0)
        self.trajectories, self.probe = Trajectories(canvas), ProbeLayer(canvas)
        self.layers: dict[str, Layer] = {
            name: layer for name in LAYERS if isinstance(layer := getattr(self, name, None), Layer)
        }
        self.legend, self.painting = Legend(self), Brush(canvas)
        self._held = Qt.MouseButton.NoButton
        for layer in HIDDEN:
            self.show_layer(layer, False)
        canvas.pressed.connect(self._press)
        canvas.dragged.connect(self._drag)
        canvas.released.connect(self._release)
        canvas.moved.connect(self._hover)
        canvas.left.connect(self._leave)

    # --- what is shown ---

    def show_layer(self, name: str, on: bool) -> None:
        """Switch one of LAYERS."""
        if name in self.layers:
            self.layers[name].show(on)
        elif name == "legend":
            self.legend.wanted = on
        elif name == "scale":
            self.scale_shown = on
        elif name == "axes":
            self.axes_shown = on
        else:
            raise KeyError(name)
        self.arrange()
        self.legend.arrange()
        self._explain()

    def set_density(self, values: Array | None, log: bool = False) -> None:
        """p̄ [m, m] on cells that fill the view, row 0 lowest; None for no image."""
        self._image(values, "p̄", "viridis", log)
        self.contours.values = values
        self._changed(self.contours)

    def set_error(self, values: Array | None, title: str = "‖ŝ − s‖") -> None:
        """A map [m, m] of errors ≥ 0, shown in the density's place until the next density."""
        self._image(values, title, "cividis", log=False)

    def set_arrows(self, vectors: Array | None, mode: str = "magnitude", source: str = "exact") -> None:
        """A field [a, a, 2] on cells that fill the view. `mode`: length by "magnitude" or "log"; with "denoised" the
        field is D, in the data's units, and D − x̄ is drawn. `source`: "exact", "learned" or "difference"."""
        text = "score" if mode != "denoised" else "D − x̄"
        if vectors is not None and mode == "denoised":
            axis = geometry.centres(len(vectors), HALF)
            vectors = vectors - np.stack(np.meshgrid(axis, axis), -1)
        colour = {"difference": "neutral"}.get(source, source)
        text = {"exact": text, "learned": f"learned {text}", "difference": f"learned − exact {text}"}[source]
        self.arrows.vectors = self.streamlines.vectors = vectors
        self.arrows.mode, self.arrows.text = mode, text
        self.arrows.colour = self.streamlines.colour = colour
        self.probe.colour = "learned" if source == "learned" else "exact"
        self._changed(self.arrows, self.streamlines, self.probe)

    def set_particles(self, places: Array | None, kind: tuple[bool, int] = (False, 0)) -> None:
        """A cloud x̄ [n, 2] of a kind of lane, as `presets.kinds` has it: blue of the ODE, orange of an SDE."""
        self.particles.places = np.empty((0, 2)) if places is None else places
        self.particles.colour = lane_colour(kind)
        self.particles.text = "particles, SDE" if kind[0] else "particles, ODE"
        self._changed(self.particles)

    def set_data(
        self,
        places: Array | None,
        labels: NDArray[np.integer[Any]] | None = None,
        names: tuple[str, ...] = (),
    ) -> None:
        """The data [n, 2], their classes, and what these are called."""
        self.data.places, self.data.labels = np.empty((0, 2)) if places is None else places, labels
        self.data.names = names
        self._changed(self.data)

    def set_trajectories(self, paths: Array | None, upto: int = -1, kind: tuple[bool, int] = (False, 0)) -> None:
        """Paths x̄ [k, N + 1, 2] of a kind of lane up to a position (−1: all), dashed for an SDE."""
        layer = self.trajectories
        layer.paths, layer.upto = np.empty((0, 0, 2)) if paths is None else paths, upto
        layer.dashed, layer.colour = kind[0], lane_colour(kind)
        self._changed(layer)

    def set_probe(self, probe: Probe | None) -> None:
        """The probe and what is known about it."""
        self.probe.probe = probe
        self.probe.held = self.probe.held and probe is not None
        self._changed(self.probe)

    def set_brush(self, radius: float | None, erase: bool = False) -> None:
        """Paint with a brush of this radius in x̄; None: the hand is a probe again."""
        self.painting.radius, self.painting.erase = radius, erase
        self.painting.move(None)
        self.canvas.setCursor(Qt.CursorShape.CrossCursor if radius is None else Qt.CursorShape.BlankCursor)

    def _image(self, values: Array | None, title: str, colours: str, log: bool) -> None:
        self.density.values, self.density.title = values, title
        self.density.map, self.density.log = colours, log
        self._changed(self.density)

    def _changed(self, *layers: Layer) -> None:
        for layer in layers:
            layer.changed()
        self._explain()

    def _explain(self) -> None:
        """The legend and the scale say what is seen now."""
        seen: dict[tuple[str, str], Entry] = {}  # a mark means one thing
        for layer in self.layers.values():
            for entry in layer.legend() if layer.shown else []:
                seen.setdefault((entry.mark, entry.colour), entry)
        entries = list(seen.values())
        if entries != self.legend.entries:
            self.legend.show_entries(entries)
        scale = self.density.scale if self.density.shown else None
        if scale is not self.scale:
            self.scale = scale
            beside = self.rect()
            beside.setLeft(self.canvas.geometry().right() + 2)
            self.update(beside)

    def recolour(self) -> None:
        super().recolour()
        for layer in self.layers.values():
            layer.changed()
        self.legend.update()
        self._explain()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for layer in self.layers.values():
            layer.changed()
        self.legend.arrange()

    # --- the hand ---

    def _press(self, at: QPointF, button: Qt.MouseButton, keys: Qt.KeyboardModifier) -> None:
        if self.painting.radius is not None:
            self._held = button
            self._paint_to(at, at)
        elif button == Qt.MouseButton.LeftButton:
            self._held = button
            self._put(at, bool(keys & Qt.KeyboardModifier.ShiftModifier))

    def _drag(self, at: QPointF, button: Qt.MouseButton, keys: Qt.KeyboardModifier) -> None:
        if button != self._held:
            return
        if self.painting.radius is not None:
            self._paint_to(self.painting.at or at, at)
        else:
            self._put(at, bool(keys & Qt.KeyboardModifier.ShiftModifier))

    def _release(self, button: Qt.MouseButton) -> None:
        if button == self._held and self.painting.radius is not None:
            self.brush_ended.emit()
        self._held = Qt.MouseButton.NoButton if button == self._held else self._held

    def _paint_to(self, start: QPointF, end: QPointF) -> None:
        erase = self.painting.erase or self._held == Qt.MouseButton.RightButton
        points = self.painting.stroke(start, end)
        self.painting.move(end)
        self.brush.emit(points, erase)

    def _put(self, at: QPointF, at_noise: bool) -> None:
        x, y = (min(max(value, -HALF), HALF) for value in (at.x(), at.y()))
        known = self.probe.probe
        if known is None:
            self.set_probe(Probe((x, y)))
        else:
            known.point = (x, y)  # the mark follows at once, what is known about it when it is answered
            self.probe.changed()
        self.probe_moved.emit(x, y, at_noise)

    def _hover(self, at: QPointF) -> None:
        if self.painting.radius is not None and self._held == Qt.MouseButton.NoButton:
            self.painting.move(at)
        self.hovered.emit(self.reading(at.x(), at.y()))

    def _leave(self) -> None:
        self.painting.move(None)
        self.hovered.emit(None)

    def reading(self, x: float, y: float) -> Reading:
        """What the layers say at a point."""
        point = np.array([x, y])
        values, vectors = self.contours.values, self.arrows.vectors
        density = None if values is None else float(geometry.at(values, point, HALF))
        vector = None if vectors is None else tuple(float(v) for v in geometry.at(vectors, point, HALF))
        return Reading(x, y, density, vector)  # type: ignore[arg-type]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, keys = event.key(), event.modifiers()
        shift = bool(keys & Qt.KeyboardModifier.ShiftModifier)
        stride = STRIDE if keys & Qt.KeyboardModifier.ControlModifier else STEP
        painting = self.painting.radius is not None
        at = self.painting.at if painting else self._probe_at()
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.canvas.zoom(1.25, at)
        elif key == Qt.Key.Key_Minus:
            self.canvas.zoom(0.8, at)
        elif key == Qt.Key.Key_0:
            self.canvas.show_part(self.canvas.home)
        elif key in KEYS and at is not None and (painting or self.probe.held):
            across, up = KEYS[Qt.Key(key)]
            self._walk(at + QPointF(across * stride, up * stride), shift)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if painting or at is None:
                self._walk(at or self.canvas.part().center(), shift, stamp=True)
            self.hold(not painting and not self.probe.held)
        elif key == Qt.Key.Key_Escape and self.probe.held:
            self.hold(False)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.probe.probe is not None:
            self.set_probe(None)
            self.probe_removed.emit()
        else:
            event.ignore()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.hold(False)
        super().focusOutEvent(event)

    def hold(self, on: bool) -> None:
        """Let the arrow keys move the probe; else they are the timeline's."""
        self.probe.held = on
        self.probe.marks.update()

    def _probe_at(self) -> QPointF | None:
        return None if self.probe.probe is None else QPointF(*self.probe.probe.point)

    def _walk(self, to: QPointF, shift: bool, stamp: bool = False) -> None:
        """What a key does: move the probe, or the brush, which paints on a stamp."""
        if self.painting.radius is None:
            self._put(to, shift)
        elif stamp:
            self._paint_to(to, to)
            self.brush_ended.emit()
        else:
            self.painting.move(to)
