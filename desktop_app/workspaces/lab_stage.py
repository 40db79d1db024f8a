"""What the lab shows: a plane, two beside each other, or the first coordinate over time; below, the numbers."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QWidget

from desktop_app.state.controls import differing
from desktop_app.state.lab import Lab
from desktop_app.state.presets import kinds
from desktop_app.widgets.lab_chart import DistanceChart
from desktop_app.widgets.lab_panel import LabPanel
from desktop_app.widgets.lab_readout import LabReadout
from desktop_app.widgets.layout import column, fill, line
from desktop_app.widgets.plane_view import Reading
from desktop_app.workspaces.lab_lane import LanePlane
from desktop_app.workspaces.lab_line import LinePlane

NAMES = "AB"


class Stage(QWidget):
    """Draws what the lab knows as the panel's switches say. The second plane and the line are made when first seen."""

    read = Signal(object)  # a Reading of the plane under the pointer, or None

    def __init__(self, lab: Lab, panel: LabPanel) -> None:
        super().__init__()
        self.lab, self.panel, self.page = lab, panel, "one"
        self.planes: list[LanePlane] = []
        self.line: LinePlane | None = None
        self.chart, self.readout = DistanceChart(lab.timeline), LabReadout()
        self.shown, self.stack, self._side = QWidget(), QStackedLayout(), QHBoxLayout()  # shown: what is saved
        fill(self._side)
        beside = QWidget()
        beside.setLayout(self._side)
        self.shown.setLayout(self.stack)  # first: what it takes in is shown at once, as a window of its own without
        self.stack.addWidget(beside)
        self._between, self._above_chart = line(vertical=True), line()
        layout = column(spacing=0)
        layout.addWidget(self.shown, 1)
        for widget in (self._above_chart, self.chart, line(), self.readout):
            layout.addWidget(widget)
        self.setLayout(layout)
        self._add_plane()
        lab.points_changed.connect(self._draw_data)
        lab.clouds_changed.connect(self.describe)
        lab.field_changed.connect(self._draw_field)
        lab.probe_changed.connect(self._draw_probe)
        lab.line_changed.connect(self._draw_line)
        panel.layers_changed.connect(self._show_layers)

    @property
    def seen(self) -> list[LanePlane]:
        """The planes that are on screen."""
        return [] if self.page == "line" else self.planes[: 1 + (self.page == "split")]

    def show_page(self, page: str) -> None:
        """One plane, two, or the line."""
        self.page = page
        split = page == "split"
        if split and len(self.planes) < 2:
            self._side.addWidget(self._between)
            self._add_plane()
        if page == "line" and self.line is None:
            self.line = LinePlane()
            self.line.view.sought.connect(self.lab.timeline.seek)
            self.stack.addWidget(self.line)
        for widget in (self._between, *self.planes[1:], self._above_chart, self.chart):
            widget.setVisible(split)
        self.stack.setCurrentIndex(page == "line")
        for plane in self.planes:
            plane.show_small(split)

    def draw_all(self) -> None:
        """What came while it was not seen."""
        self.describe()
        for plane in self.seen:
            plane.show_layers()
            plane.draw_data()
            plane.draw_field()
            plane.draw_probe()
        self.draw_level()

    def draw_level(self) -> None:
        """What is at the timeline's position."""
        self.readout.show_level(self.lab.level, self.lab.lanes[0]["schedule"])
        if self.page == "line" and self.line is not None:
            self.line.view.set_index(self.lab.timeline.position)
        for plane in self.seen:
            plane.draw_points()

    def describe(self) -> None:
        """Say what each lane is: of two, in which fields they differ."""
        requests = [cloud.request for cloud in self.lab.shown]
        fields = differing(*requests) if self.lab.split else []
        for plane, kind in zip(self.seen, kinds(requests, lab=True), strict=False):  # of one coordinate there is none
            plane.describe(kind, fields)

    def _add_plane(self) -> None:
        lane = len(self.planes)
        plane = LanePlane(self.lab, self.lab.clouds[lane], self.panel, f"Plane of lane {NAMES[lane]}")
        plane.view.probe_moved.connect(self._put_probe)
        plane.view.probe_removed.connect(lambda: self.lab.put_probe(None))
        plane.view.hovered.connect(self._read)
        self.planes.append(plane)
        self._side.addWidget(plane, 1)

    def _draw_data(self) -> None:
        for plane in self.seen:
            plane.draw_data()
        self.draw_level()

    def _draw_field(self) -> None:
        for plane in self.seen:
            plane.draw_field()

    def _draw_probe(self) -> None:
        for plane in self.seen:
            plane.draw_probe()

    def _draw_line(self) -> None:
        if self.line is not None:
            self.line.draw(self.lab, self.panel.on("log"))

    def _show_layers(self) -> None:
        for plane in self.seen:
            plane.show_layers()
            plane.draw_field()
            plane.draw_points()
        if self.page == "line":
            self._draw_line()

    def _put_probe(self, x: float, y: float, at_noise: bool) -> None:
        if at_noise:
            self.lab.timeline.seek(0)
        self.lab.put_probe((x, y), at_noise)

    def _read(self, reading: Reading | None) -> None:
        self.readout.show_density(None if reading is None else reading.density)
