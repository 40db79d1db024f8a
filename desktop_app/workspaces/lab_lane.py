"""A lane of the lab: what it is, what it cost, how far it is from the truth, and its plane."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from desktop_app.state import words
from desktop_app.state.lab import Lab
from desktop_app.state.lab_cloud import Cloud
from desktop_app.widgets.lab_panel import LabPanel
from desktop_app.widgets.lane_panel import Stroke
from desktop_app.widgets.layout import ElidedLabel, column, fill, label, row
from desktop_app.widgets.plane_view import PlaneView, Probe

TRAJECTORIES = 24
WANDERERS = 5  # of an SDE, whose paths cross everywhere


class LanePlane(QWidget):
    """Draws what the lab knows of one lane, as the panel's switches say."""

    def __init__(self, lab: Lab, cloud: Cloud, panel: LabPanel, name: str) -> None:
        super().__init__()
        self.setProperty("surface", "canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.lab, self.cloud, self.panel = lab, cloud, panel
        self.stroke = Stroke()
        self.kind = label("", "title")
        self.differs = ElidedLabel("soft")
        self.cost = label("", "number")
        self.cost.setToolTip("Evaluations of the denoiser, and the sliced Wasserstein distance to samples of p_t")
        head = column(spacing=4)
        head.addLayout(row(self.stroke, self.kind, None, self.cost, spacing=10))
        head.addWidget(self.differs)
        fill(head, (20, 10, 20, 0), 4)
        self.view = PlaneView(name)
        layout = column(spacing=0)
        layout.addLayout(head)
        layout.addWidget(self.view, 1)
        self.setLayout(layout)
        self.show_layers()

    def describe(self, kind: tuple[bool, int], fields: list[str]) -> None:
        """Say what it is: of several, the how manieth of its kind, and in which fields it differs."""
        request = self.cloud.request
        self.stroke.setVisible(not self.lab.forward)
        if self.lab.forward:
            self.kind.setText("Forward process")
            self.differs.setText("xₜ = α x₀ + std ε, every point with an ε of its own")
            self.cost.setText("")
            return
        self.stroke.kind = kind
        self.stroke.update()
        self.kind.setText("SDE" if self.stroke.kind[0] else "ODE")
        text = "   ".join(words.difference(request, fields)) if fields else words.summary(request)
        self.differs.setText(text)

    def show_small(self, small: bool) -> None:
        """Leave out what is said elsewhere, where there is little room."""
        for name in ("legend", "scale"):
            self.view.show_layer(name, not small)

    def show_layers(self) -> None:
        """Switch the layers as the panel says."""
        moving_data = self.lab.forward and self.panel.on("particles")
        for name in self.panel.layers:
            self.view.show_layer(name, self.panel.on(name) or (name == "data" and moving_data))

    def draw_field(self) -> None:
        """The density and the arrows at the level that is shown."""
        field, mode = self.lab.field, self.panel.arrow_mode
        if field is None:
            return
        self.view.set_density(field.density, self.panel.on("log"))
        if field.error is not None:
            self.view.set_error(field.error)
        source = self.lab.source if self.lab.learned else "exact"
        self.view.set_arrows(field.denoised if mode == "denoised" else field.score, mode, source)

    def draw_points(self) -> None:
        """The particles and their paths, or the data on its way into noise, at the timeline's position."""
        places, at = self.lab.particles(self.cloud), self.lab.timeline.frame_of(self.cloud)
        if places is None:
            return
        if self.lab.forward:
            self.view.set_particles(None)
            self.view.set_trajectories(None)
            self.view.set_data(places, self.lab.labels, self.lab.classes)
            return
        kind = self.stroke.kind
        self.view.set_particles(places, kind)
        if self.panel.on("trajectories"):
            count = WANDERERS if kind[0] else TRAJECTORIES
            paths = np.ascontiguousarray(self.cloud.places[:, :count].transpose(1, 0, 2))
            self.view.set_trajectories(paths, at, kind)
        distance = f"   {self.cloud.distance[at]:.3f} from pₜ" if at < len(self.cloud.distance) else ""
        self.cost.setText(f"{self.cloud.nfe[at]} evals{distance}")

    def draw_data(self) -> None:
        """The samples of the distribution itself."""
        if not self.lab.forward:
            self.view.set_data(self.lab.points, self.lab.labels, self.lab.classes)

    def draw_probe(self) -> None:
        """The probe, where its path is now, and what is known of it."""
        probe = self.lab.probe
        if probe is None:
            self.view.set_probe(None)
            return
        score, denoised = (tuple(map(float, probe.values.get(name, ()))) or None for name in ("score", "denoised"))
        self.view.set_probe(
            Probe(probe.now[1], score, denoised, probe.weights, probe.targets, probe.path, probe.fan)  # type: ignore[arg-type]
        )
