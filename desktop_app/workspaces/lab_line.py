"""The first coordinate alone, over time: what is drawn, in words, and the drawing."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from desktop_app.state import words
from desktop_app.state.lab import Lab
from desktop_app.widgets.layout import ElidedLabel, column, fill, label, row
from desktop_app.widgets.plane_1d import Plane1D


class LinePlane(QWidget):
    """The density as an image with paths across it, under a line that says of what."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.kind, self.told = label("", "title"), ElidedLabel("soft")
        head = column(spacing=4)
        head.addLayout(row(self.kind, None, spacing=10))
        head.addWidget(self.told)
        fill(head, (20, 10, 20, 0), 4)
        self.view = Plane1D()
        layout = column(spacing=0)
        layout.addLayout(head)
        layout.addWidget(self.view, 1)
        self.setLayout(layout)

    def draw(self, lab: Lab, log: bool) -> None:
        """What the lab knows of it."""
        if not lab.line:
            return
        image, ode, sde = lab.line
        request = lab.clouds[0].request
        if lab.line_is_exact:
            self.kind.setText("Exact density")
            paths = f"{len(ode)} ODE and {len(sde)} SDE paths (λ = {request.lam or 1.0:g})"
            self.told.setText(f"of the first coordinate   {paths}   {words.summary(request)}")
        else:
            self.kind.setText(f"{lab.clouds[0].places.shape[1]:,} particles")
            why = "under the learned score" if lab.source == "learned" else f"with guidance w = {request.guidance:g}"
            self.told.setText(f"{why}, seen along the first coordinate   {words.summary(request)}")
        self.view.set_density(image, log)
        self.view.set_paths(ode, sde)
        self.view.set_index(lab.timeline.position)
