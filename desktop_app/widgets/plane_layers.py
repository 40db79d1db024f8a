"""The plane's layers: each keeps what it was given, draws it only while it is shown, and says what it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF

from desktop_app.widgets import plane_geometry as geometry
from desktop_app.widgets.plane_colours import class_ink, ink, lut
from desktop_app.widgets.plane_frame import Canvas, Scale
from desktop_app.widgets.plane_geometry import Array
from desktop_app.widgets.plane_items import Points, draw_lines, lines, picture

SHARES = (0.25, 0.5, 0.75, 0.95)  # of the probability, inside the contours
DECADES = 5  # of the logarithmic scale
ROOM = 24.0  # px, about, for an arrow
SHORTEST = 4.0  # px, of an arrow
DASH = (7.0, 6.0)  # px, on and off
COVERED = 0.12  # of the canvas, by points, at most: smaller ones are taken
CASING = 0.4  # opacity of what sets points off: they are many
DETAIL = 240  # points of a drawn path; more are thinned, the newest kept


class Entry(NamedTuple):
    """A line of the legend: a mark ("line", "dash", "dot", "ring", "diamond", "arrow"), its colour, its meaning."""

    mark: str
    colour: str
    text: str


class Layer(ABC):
    """One kind of thing on the canvas."""

    def __init__(self, canvas: Canvas, *items: Any) -> None:
        self.canvas, self.items = canvas, items
        self.half = float(canvas.home.width()) / 2
        self.shown, self._stale = True, False
        for item in items:
            canvas.box.addItem(item, ignoreBounds=True)

    def show(self, on: bool) -> None:
        """Switch the layer."""
        self.shown = on
        for item in self.items:
            item.setVisible(on)
        if on and self._stale:
            self.changed()

    def changed(self) -> None:
        """Draw again what changed, now or when it is next shown."""
        self._stale = not self.shown
        if self.shown:
            self.draw()

    @abstractmethod
    def draw(self) -> None:
        """Give the items what they paint."""

    def legend(self) -> list[Entry]:
        """What is to be read about the layer; nothing where it has no content."""
        return []

    def px(self) -> float:
        """A pixel of the whole view, in the plane's units."""
        return 2 * self.half / max(int(self.canvas.width()), 1)


class Density(Layer):
    """p̄ as colours; or, in its place, a map of errors."""

    def __init__(self, canvas: Canvas) -> None:
        self.image = picture(0)
        super().__init__(canvas, self.image)
        self.values: Array | None = None
        self.title, self.log, self.map = "p̄", False, "viridis"
        self.scale: Scale | None = None

    def draw(self) -> None:
        if self.values is None:
            self.image.clear()
            self.scale = None
            return
        values = np.asarray(self.values, np.float32)
        self.scale = scaled(self.title, values, self.log, self.map)
        self.image.setImage(indices(values, self.scale), levels=None, autoLevels=False, lut=self.scale.lut)
        self.image.setRect(QRectF(-self.half, -self.half, 2 * self.half, 2 * self.half))


class Contours(Layer):
    """Lines inside which the density holds SHARES of its probability."""

    def __init__(self, canvas: Canvas) -> None:
        self.curve = lines(10)
        super().__init__(canvas, self.curve)
        self.values: Array | None = None

    def draw(self) -> None:
        values = np.zeros((2, 2)) if self.values is None else np.asarray(self.values)
        while len(values) >= 200 and len(values) % 2 == 0:
            values = geometry.halved(values)
        found = geometry.contours(values, geometry.mass_levels(values, SHARES), self.half)
        draw_lines(self.curve, found, ink("contour"), 1.0, ink("casing"))

    def legend(self) -> list[Entry]:
        shares = ", ".join(f"{100 * share:.0f}" for share in SHARES)
        return [] if self.values is None else [Entry("line", "contour", f"{shares} % of p")]


class Arrows(Layer):
    """A vector field as arrows."""

    def __init__(self, canvas: Canvas) -> None:
        self.curve = lines(40)
        super().__init__(canvas, self.curve)
        self.vectors: Array | None = None
        self.mode, self.colour, self.text = "magnitude", "exact", ""

    def draw(self) -> None:
        if self.vectors is None:
            draw_lines(self.curve, np.empty((0, 2, 2)), ink(self.colour), 1.0)
            return
        cell = self.canvas.width() / len(self.vectors)
        every = max(round(ROOM / max(cell, 1e-3)), 1)
        found = geometry.arrows(self.vectors, self.half, self.mode == "log", every, SHORTEST * self.px())
        draw_lines(self.curve, found, ink(self.colour), 1.2, ink("casing"))

    def legend(self) -> list[Entry]:
        return [] if self.vectors is None else [Entry("arrow", self.colour, self.text)]


class Streamlines(Layer):
    """A vector field as short lines along it."""

    def __init__(self, canvas: Canvas) -> None:
        self.curve = lines(20)
        super().__init__(canvas, self.curve)
        self.vectors: Array | None = None
        self.colour = "exact"

    def draw(self) -> None:
        seeds = min(max(round(self.canvas.width() / 56), 5), 14)
        found = (
            np.empty((0, 2, 2)) if self.vectors is None else geometry.streamlines(self.vectors, self.half, seeds=seeds)
        )
        draw_lines(self.curve, found, ink(self.colour), 1.2, ink("casing"))

    def legend(self) -> list[Entry]:
        return [] if self.vectors is None else [Entry("line", self.colour, "streamlines")]


class Cloud(Layer):
    """Points, in one colour or in that of their classes."""

    def __init__(self, canvas: Canvas, z: float, colour: str, text: str, size: float) -> None:
        """`size`: of a point, in px, where there are few."""
        self.points, self.size = Points(z, canvas.home.width() / 2), size
        super().__init__(canvas, self.points)
        self.colour, self.text = colour, text
        self.places: Array = np.empty((0, 2))
        self.labels: NDArray[np.integer[Any]] | None = None
        self.names: tuple[str, ...] = ()  # of the classes

    def draw(self) -> None:
        labels: NDArray[np.integer[Any]] = np.zeros(len(self.places), np.intp)
        colours, casing = [ink(self.colour)], None
        if self.labels is not None and len(self.labels) and self.labels.max() > 0:
            labels, colours = self.labels, [class_ink(label) for label in range(int(self.labels.max()) + 1)]
            casing = ink("casing")  # of many colours some are near the ground's
            casing.setAlphaF(CASING)
        room = COVERED * self.canvas.width() ** 2 / max(len(self.places), 1)  # px² of a point
        self.points.set_points(self.places, labels, colours, float(np.clip(round(room**0.5), 1, self.size)), casing)

    def legend(self) -> list[Entry]:
        if not len(self.places):
            return []
        if self.labels is not None and len(self.labels) and self.labels.max() > 0:
            names = dict(enumerate(self.names))
            return [
                Entry("dot", f"class {label}", f"{self.text}, {names.get(int(label), f'class {label}')}")
                for label in np.unique(self.labels)
            ]
        return [Entry("dot", self.colour, self.text)]


class Trajectories(Layer):
    """Paths, solid and blue where they follow the ODE, dashed and orange where they follow an SDE, up to a position."""

    def __init__(self, canvas: Canvas) -> None:
        self.curve, self.heads = lines(60), Points(61, canvas.home.width() / 2)
        super().__init__(canvas, self.curve, self.heads)
        self.paths: Array = np.empty((0, 0, 2))  # [k, N + 1, 2]
        self.upto, self.dashed, self.colour = -1, False, "ode"

    def draw(self) -> None:
        last = self.paths.shape[1] - 1 if self.upto < 0 else min(self.upto, self.paths.shape[1] - 1)
        shown = drawn(self.paths[:, : last + 1], self.dashed, self.px())
        draw_lines(self.curve, shown, ink(self.colour), 1.5, ink("casing"))
        heads = self.paths[:, last] if self.paths.size else np.empty((0, 2))
        self.heads.set_points(heads, np.zeros(len(heads), np.intp), [ink(self.colour)], 6.0)

    def legend(self) -> list[Entry]:
        if not self.paths.size:
            return []
        form, kind = ("dash", "SDE") if self.dashed else ("line", "ODE")
        return [Entry(form, self.colour, f"{kind} paths")]


def drawn(paths: Array, dashed: bool, px: float) -> geometry.Segments:
    """The segments of paths [k, M, 2]: solid, or dashed with dashes of a size in px."""
    if not paths.size:
        return np.empty((0, 2, 2))
    every = -(-paths.shape[1] // DETAIL)
    if every > 1:
        paths = np.concatenate([paths[:, :-1:every], paths[:, -1:]], 1)
    return geometry.dashes(paths, DASH[0] * px, DASH[1] * px) if dashed else geometry.polylines(paths)


def scaled(title: str, values: Array, log: bool, name: str, share: float = 1.0) -> Scale:
    """What colours are to mean for these values: up to the largest, or what `share` of them stay below."""
    finite = values[np.isfinite(values)]
    high = float(np.quantile(finite, share) if share < 1 else finite.max()) if finite.size else 0.0
    high = high if high > 0 else 1.0
    clipped = bool(finite.size) and float(finite.max()) > high
    return Scale(title, high * 10.0**-DECADES if log else 0.0, high, log, lut(name), clipped)


def indices(values: NDArray[np.float32], scale: Scale) -> NDArray[np.uint8]:
    """The places of values on a scale, 0 to 255."""
    if scale.log:
        share = np.log(np.maximum(values, scale.low) / scale.low) / np.log(scale.high / scale.low)
    else:
        share = values / np.float32(scale.high)
    return np.asarray(255 * np.clip(np.nan_to_num(share), 0, 1), np.uint8)
