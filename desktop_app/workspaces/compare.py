"""Compare: two lanes over one timeline, from the same starting noise, aligned by σ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedLayout, QWidget

from desktop_app.state import words
from desktop_app.state.controls import Controls, differing
from desktop_app.state.runs import Run, Runs
from desktop_app.theme import theme
from desktop_app.widgets.image_grid import ImageGrid
from desktop_app.widgets.layout import ElidedLabel, Segments, column, fill, label, line, row
from desktop_app.widgets.switch import Switch
from desktop_app.workspaces.generate import heading, image_size
from desktop_app.workspaces.workspace import EmptyState, Workspace
from engine import catalog
from engine.request import Request

NAMES = "AB"
SHARED = ("seed", "count", "model")  # what makes the starting noise the same
MODES = {
    "side": ("Side by side", "The lanes beside each other, at the same noise level"),
    "difference": ("Difference", "A − B pixel by pixel: blue where A is brighter, orange where B is"),
}


class Stroke(QWidget):
    """How a lane is drawn everywhere: the ODE blue and solid, the SDE orange and dashed."""

    def __init__(self) -> None:
        super().__init__()
        self.stochastic = False
        self.setFixedSize(QSize(28, 16))
        theme().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(theme().colour("sde" if self.stochastic else "ode"), 3)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if self.stochastic:
            pen.setDashPattern([2.2, 1.2])
        painter.setPen(pen)
        painter.drawLine(QPointF(0, 8), QPointF(28, 8))


class LanePanel(QWidget):
    """One lane: what it is, in which fields it differs, and its images."""

    wanted = Signal()  # clicked: its controls are to be shown

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setProperty("surface", "canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.stroke = Stroke()
        self.title = label(name, "title")
        self.kind = label("", "soft")
        self.differs = ElidedLabel("soft")
        self.cost = label("", "number")
        first = row(self.stroke, self.title, self.kind, None, self.cost, spacing=10)
        head = column(spacing=4)
        head.addLayout(first)
        head.addWidget(self.differs)
        fill(head, (20, 10, 20, 0), 4)
        self.grid = ImageGrid(f"Samples of lane {name}")
        layout = column(spacing=0)
        layout.addLayout(head)
        layout.addWidget(self.grid, 1)
        self.setLayout(layout)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.wanted.emit()


class CompareWorkspace(Workspace):
    """Two lanes. The inspector shows the controls of one of them at a time."""

    verb = "Run both"
    own_fields = ("noise",)

    def __init__(self, runs: Runs, a: Request, b: Request) -> None:
        super().__init__(runs)
        self.controls = [Controls(a, self), Controls(b, self)]
        self.mode = "side"
        self.chosen = 0
        self.lane_choice = Segments(
            "Lane", {str(i): (f"Lane {name}", f"Controls of lane {name}") for i, name in enumerate(NAMES)}
        )
        self.lane_choice.chosen.connect(lambda value: self.choose(int(value)))
        self.copy = QPushButton()
        self.copy.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.copy.clicked.connect(self.copy_other)
        self.inspector.top.addWidget(self.lane_choice)
        self.inspector.top.addWidget(self.copy)
        self.path = Switch("One Brownian path")
        self.path.setChecked(True)
        self.path.toggled.connect(self._take_path)
        self.noise = label("", "faint")
        self.noise.setWordWrap(True)
        self.inspector.top.addSpacing(4)
        self.inspector.top.addLayout(row(label("One Brownian path", "soft"), None, self.path))
        self.inspector.top.addWidget(self.noise)
        self.inspector.top.addSpacing(4)
        self.inspector.top.addWidget(line())
        for controls in self.controls:
            controls.changed.connect(lambda name, c=controls: self._share(c, name))
            controls.changed.connect(self._describe)
        self.modes = Segments("Comparison", MODES)
        self.modes.chosen.connect(self.set_mode)
        self.modes.choose(self.mode)
        self.header.insertWidget(self.header.count() - 1, self.modes)
        self.panels = [LanePanel(name) for name in NAMES]
        for index, panel in enumerate(self.panels):
            panel.wanted.connect(lambda i=index: self.choose(i))
        side = QHBoxLayout()
        fill(side)
        side.addWidget(self.panels[0], 1)
        side.addWidget(line(vertical=True))
        side.addWidget(self.panels[1], 1)
        beside = QWidget()
        beside.setLayout(side)
        self.difference = ImageGrid("Difference between the lanes")
        self.distance = label("", "soft")
        distance_row = row(self.distance, None)
        fill(distance_row, (20, 10, 20, 0))
        apart = QWidget()
        apart.setProperty("surface", "canvas")
        apart.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = column(spacing=0)
        layout.addLayout(distance_row)
        layout.addWidget(self.difference, 1)
        apart.setLayout(layout)
        self.empty = EmptyState("The same starting noise, two ways to denoise it.", "Run both")
        self.empty.button.clicked.connect(self.start)
        self.stack = QStackedLayout()
        self.pages = {"empty": self.empty, "side": beside, "difference": apart}
        for page in self.pages.values():
            self.stack.addWidget(page)
        self.centre.addLayout(self.stack, 1)
        for grid, other in ((self.panels[0].grid, self.panels[1].grid), (self.panels[1].grid, self.panels[0].grid)):
            grid.selected.connect(other.enlarge)
            grid.selected.connect(self.difference.enlarge)
        self.difference.selected.connect(self.panels[0].grid.enlarge)
        self.timeline.lanes_changed.connect(self._describe)
        self.summary.setText("Compare")
        self.choose(0)
        self._take_path()
        self.refresh()

    def lanes(self) -> list[Controls]:
        return self.controls

    def choose(self, lane: int) -> None:
        """Show the controls of a lane."""
        self.chosen = lane
        self.lane_choice.choose(str(lane))
        self.inspector.bind(self.controls[lane])
        self.copy.setText(f"Copy all from lane {NAMES[1 - lane]}")

    def copy_other(self) -> None:
        """Make the shown lane the same as the other one."""
        self.controls[self.chosen].take(self.controls[1 - self.chosen].request())

    def receive(self, request: Request) -> None:
        """Compare this request with itself on the other side of λ."""
        lam = 0.0 if words.is_stochastic(request) else 1.0
        sampler = request.sampler if catalog.SAMPLERS[request.sampler].stochastic else "bridge"
        self.controls[0].take(request)
        self.controls[1].take(request.replace(sampler=sampler, lam=lam))

    def set_mode(self, mode: str) -> None:
        """Show the lanes side by side, or their difference."""
        self.mode = mode
        self.modes.choose(mode)
        self.refresh()

    def expect(self, runs: list[Run]) -> None:
        self.summary.setText(heading(runs[0].request))
        for panel, run in zip(self.panels, runs, strict=True):
            panel.grid.expect(run.request.count, *image_size(run.request))

    def refresh(self) -> None:
        lanes = self.timeline.lanes
        self.progress.setText(self.progress_text())
        self.stack.setCurrentWidget(self.pages[self.mode if lanes else "empty"])
        shown_pictures = []
        for panel, run in zip(self.panels, lanes, strict=False):
            at = self.timeline.frame_of(run)
            if at >= 0:
                shown_pictures.append(run.pictures(self.view, at))
                panel.grid.show_pictures(shown_pictures[-1])
                panel.cost.setText(f"{run.nfe[at]} evals  {run.seconds[at]:.2f} s")
        if self.mode == "difference" and len(shown_pictures) == 2:
            a, b = shown_pictures
            self.difference.show_pictures(difference(a, b))
            apart = float(np.abs(a.astype(np.int16) - b).mean()) / 255
            blue, orange = theme().palette.ode, theme().palette.sde
            self.distance.setText(
                f"<span style='color:{blue}'>■</span> A brighter &nbsp; "
                f"<span style='color:{orange}'>■</span> B brighter &nbsp; &nbsp; "
                f"mean |A − B| = {apart:.4f} of the range from black to white"
            )

    def _describe(self, _: str = "") -> None:
        requests = [run.request for run in self.timeline.lanes] or [c.request() for c in self.controls]
        fields = differing(*requests)
        for panel, request in zip(self.panels, requests, strict=True):
            panel.stroke.stochastic = words.is_stochastic(request)
            panel.stroke.update()
            panel.kind.setText("SDE" if panel.stroke.stochastic else "ODE")
            panel.differs.setText("   ".join(words.difference(request, fields)) or "no difference")

    def _share(self, source: Controls, name: str) -> None:
        if name in SHARED:
            for controls in self.controls:
                controls.set(name, source[name])
                controls.seed_locked = source.seed_locked
        if name in ("sampler", "noise"):
            self._take_path()

    def _take_path(self) -> None:
        """Let the lanes follow one Brownian path, or draw for each step, as the switch says."""
        on = self.path.isChecked()
        following = [controls for controls in self.controls if controls.has("noise")]
        for controls in following:
            controls.set("noise", "path" if on else "step")
        self.path.setEnabled(bool(following))
        if not following:
            text = "Neither of these samplers takes its noise from a path."
        elif on:
            text = "Every step takes its increment of one path in log σ: what differs is the sampler, not the draw."
        else:
            text = "Step k takes draw k, wherever its noise levels lie."
        self.noise.setText(f"Both lanes start from the same noise. {text}")
        self.path.setToolTip(self.noise.text())
        self._describe()


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A − B as colour, [B, H, W, 3]: blue where A is brighter, orange where B is, black where they agree."""
    signed = a.astype(np.float32).mean(axis=-1, keepdims=True) - b.astype(np.float32).mean(axis=-1, keepdims=True)
    blue, orange = theme().colour("ode"), theme().colour("sde")
    coloured = np.zeros((*signed.shape[:3], 3), np.float32)
    for share, colour in ((np.maximum(signed, 0), blue), (np.maximum(-signed, 0), orange)):
        coloured += share * np.array([colour.redF(), colour.greenF(), colour.blueF()], np.float32)
    return np.clip(coloured, 0, 255).astype(np.uint8)
