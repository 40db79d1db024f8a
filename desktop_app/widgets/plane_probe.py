"""The probe: a point in the plane, and what the model says about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter, QPen, QTransform

from desktop_app.widgets import plane_geometry as geometry
from desktop_app.widgets.plane_colours import ink
from desktop_app.widgets.plane_frame import Canvas
from desktop_app.widgets.plane_geometry import Array
from desktop_app.widgets.plane_items import Sketch, diamond, draw_lines, lines, ring
from desktop_app.widgets.plane_layers import Entry, Layer, drawn

PULLS = 300  # lines, of the largest weights
FAINTEST = 0.004  # weight, of the largest, that is still drawn
ARROW = 90.0  # px, the longest score


def _points() -> Array:
    return np.empty((0, 2))


def _paths() -> Array:
    return np.empty((0, 0, 2))


@dataclass
class Probe:
    """A point x̄ and what is known about it; what is not is left empty."""

    point: tuple[float, float]
    score: tuple[float, float] | None = None  # of x̄
    denoised: tuple[float, float] | None = None  # D, in the data's units
    weights: Array = field(default_factory=lambda: np.empty(0))  # [K], posterior
    targets: Array = field(default_factory=_points)  # [K, 2], what they are the weights of, in the data's units
    path: Array = field(default_factory=_points)  # [N + 1, 2], the ODE path through the point
    fan: Array = field(default_factory=_paths)  # [m, M, 2], SDE paths from the point on


class ProbeLayer(Layer):
    """Draws a probe: weights as lines whose opacity is the weight, the ODE path, the fan, score and D."""

    def __init__(self, canvas: Canvas) -> None:
        self.fan, self.path = lines(70), lines(72)
        self.pulls, self.marks = Sketch(71, self._paint_pulls), Sketch(73, self._paint_marks)
        super().__init__(canvas, self.fan, self.path, self.pulls, self.marks)
        self.probe: Probe | None = None
        self.held = False  # by the keyboard
        self.colour = "exact"

    def draw(self) -> None:
        probe = self.probe
        fan, path = (_paths(), _points()) if probe is None else (probe.fan, probe.path)
        draw_lines(self.fan, drawn(fan, True, self.px()), ink("sde"), 1.0)
        draw_lines(self.path, drawn(path[None], False, self.px()), ink("ode"), 2.0, ink("casing"))
        self.pulls.update()
        self.marks.update()

    def legend(self) -> list[Entry]:
        probe = self.probe
        if probe is None:
            return []
        has = {
            Entry("ring", "accent", "probe xₜ"): True,
            Entry("arrow", self.colour, "score at the probe"): probe.score is not None,
            Entry("diamond", self.colour, "x̂₀ at the probe"): probe.denoised is not None,
            Entry("pull", "neutral", "weights of the data"): len(probe.weights) > 0,
            Entry("line", "ode", "its ODE path"): probe.path.size > 0,
            Entry("dash", "sde", "SDE paths from it"): probe.fan.size > 0,
        }
        return [entry for entry, there in has.items() if there]

    def _paint_pulls(self, painter: QPainter, plane: QTransform) -> None:
        if self.probe is None or not len(self.probe.weights):
            return
        weights = np.asarray(self.probe.weights, np.float64)
        chosen = np.argsort(weights)[::-1][:PULLS]
        largest = max(float(weights[chosen[0]]), 1e-12)
        here = plane.map(QPointF(*self.probe.point))
        for index in reversed(chosen):  # the heaviest on top
            share = float(weights[index]) / largest
            if share < FAINTEST:
                continue
            colour = ink("neutral")
            colour.setAlphaF(min(0.06 + 0.94 * share * largest**0.25, 1.0))
            target = plane.map(QPointF(*map(float, self.probe.targets[index])))
            painter.setPen(QPen(colour, 1.4))
            painter.drawLine(here, target)
            painter.setPen(QPen(colour, 5))
            painter.drawPoint(target)

    def _paint_marks(self, painter: QPainter, plane: QTransform) -> None:
        if self.probe is None:
            return
        here, ground = plane.map(QPointF(*self.probe.point)), ink("casing")
        if self.probe.score is not None:
            x, y = self.probe.score
            size = float(np.hypot(x, y))
            if size > 0:
                shaft = np.array([[x, -y]]) * (ARROW / size * size / (size + 3.0))
                end = np.array([[here.x(), here.y()]]) + shaft
                strokes = [
                    np.stack([end - shaft, end], 1),
                    *geometry.barbs(shaft * min(1.0, 30 / ARROW * (size + 3) / size), end),
                ]
                for tint, width in ((ground, 5.0), (ink(self.colour), 2.5)):
                    painter.setPen(QPen(tint, width))
                    for a, b in np.concatenate(strokes):
                        painter.drawLine(QPointF(*a), QPointF(*b))
        if self.probe.denoised is not None:
            diamond(painter, plane.map(QPointF(*self.probe.denoised)), 6.0, ink(self.colour), ground)
        if self.held:
            ring(painter, here, 11.0, ink("accent"), ground)
        ring(painter, here, 6.0, ink("accent"), ground)
