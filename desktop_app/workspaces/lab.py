"""Lab 2D: the score, the density and the paths of a distribution in the plane, at every level of noise."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QWidget

from desktop_app.engine_client import EngineClient
from desktop_app.state.controls import Controls, differing
from desktop_app.state.lab import Lab
from desktop_app.state.lab_learning import Learning
from desktop_app.state.latest import Latest
from desktop_app.state.runs import Runs
from desktop_app.widgets.fields import SeedControl
from desktop_app.widgets.lab_chart import DistanceChart
from desktop_app.widgets.lab_fields import ClassControl
from desktop_app.widgets.lab_make import MakePoints
from desktop_app.widgets.lab_panel import LabPanel
from desktop_app.widgets.lab_readout import LabReadout
from desktop_app.widgets.lab_score import ScorePanel
from desktop_app.widgets.lab_tour import Tour
from desktop_app.widgets.layout import IconButton, Segments, column, fill, label, line
from desktop_app.widgets.number_fields import Logarithmic, NumberControl
from desktop_app.widgets.plane_1d import Plane1D
from desktop_app.widgets.plane_view import Reading
from desktop_app.workspaces.lab_export import Export
from desktop_app.workspaces.lab_lane import LanePlane
from desktop_app.workspaces.lab_points import OwnPoints
from desktop_app.workspaces.lab_tour import cards
from desktop_app.workspaces.workspace import Workspace
from engine.catalog import DISTRIBUTIONS
from engine.request import Request

NAMES = "AB"
DIRECTIONS = {
    "forward": ("Noise in", "The forward process: the data on its way into noise; plays towards the noise"),
    "reverse": ("Generate", "The reverse process: the sampler takes noise to data"),
}
PAGES = {
    "one": ("2D", "One plane"),
    "split": ("Split", "Two settings beside each other, over the same noise, and how far each is from pₜ  ·  C"),
    "line": ("1D", "The first coordinate alone: its density over time, with paths across it"),
}
THUMBNAIL = 300  # points
ROOMY = 1100  # px


class LabWorkspace(Workspace):
    """One lane or two over one distribution. Nothing is started: what the controls say is shown as they move."""

    verb = "New noise"
    own_fields = ("model", "condition", "count", "guide", "guidance_rescale", "clip", "seed")
    layers_changed = Signal()

    def __init__(
        self, client: EngineClient, runs: Runs, requests: tuple[Request, Request], layers: dict[str, bool]
    ) -> None:
        super().__init__(runs)
        self.controls = [Controls(request, self) for request in requests]
        self.lab = Lab(client, self.timeline, self.controls)
        self.chosen = 0
        self.page = "one"
        self._played = False
        self._add_fields()
        self.panel = LabPanel(layers)
        self.panel.tiles.chosen.connect(self._choose_distribution)
        self.panel.layers_changed.connect(self._show_layers)
        self.learning = Learning(client, self)
        self.score = ScorePanel(self.learning)
        self.panel.foot.addWidget(line())
        self.panel.foot.addWidget(self.score)
        self.direction = Segments("Direction", DIRECTIONS)
        self.direction.choose("reverse")
        self.direction.chosen.connect(self.set_direction)
        self.pages = Segments("Planes", PAGES)
        self.pages.chosen.connect(self.set_page)
        self.views.hide()
        self.guide = IconButton("graduation-cap", "A tour of five cards")
        self.save = IconButton("download", "Save", "Ctrl+S")
        self.save.clicked.connect(self.save_what_is_shown)
        for widget in (self.direction, self.pages, self.guide, self.save):
            self.header.addWidget(widget)
        self.planes = [self._plane(lane) for lane in range(2)]
        self.chart = DistanceChart(self.timeline)
        self.readout = LabReadout()
        self.beside, self.whole, self.stack = QWidget(), QWidget(), QStackedLayout()
        self._lay_out()
        make = MakePoints()
        self.panel.make.addWidget(make)
        self.own = OwnPoints(self.lab, self.lab.latest, make, self.planes[0].view)
        self.own.said.connect(self.problem)
        self.export = Export(self.lab, self.whole)
        self.export.said.connect(self.problem)
        self.export.progressed.connect(self.progress.setText)
        self.tour = Tour(self.whole, cards(self))
        self.guide.clicked.connect(lambda: self.tour.go(0))
        for keys, act in (("Ctrl+Z", self.own.painting.undo), ("Ctrl+Shift+Z", self.own.painting.redo)):
            shortcut = QShortcut(QKeySequence(keys), self, lambda act=act: self.own.step(act))
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.score.source_chosen.connect(self.set_source)
        self.score.train_wanted.connect(self._train)
        self.learning.named.connect(self.lab.set_learned)
        self.learning.refused.connect(self.problem)
        self.lab.points_changed.connect(self._on_points)
        self.lab.clouds_changed.connect(self._on_clouds)
        self.lab.field_changed.connect(self._draw_fields)
        self.lab.line_changed.connect(self._draw_line)
        self.lab.probe_changed.connect(self._draw_probe)
        self.lab.refused.connect(self.problem)
        client.ready.connect(lambda _: self.lab.update())  # after a death it is asked again
        for controls in self.controls:
            controls.changed.connect(self._on_control)
        self._thumbnails = Latest(client, self)
        self._thumbnails.answered.connect(lambda name, _, arrays: self.panel.tiles.tiles[name].show_points(arrays[0]))
        self.set_page("one")
        self._on_control("model")

    # --- laid out ---

    def _add_fields(self) -> None:
        self.inspector.fields["condition"] = ClassControl()
        self.inspector.fields["particles"] = NumberControl("particles", Logarithmic())
        self.inspector.fields["seed"] = SeedControl("seed")
        self.lane_choice = Segments(
            "Lane", {str(i): (f"Lane {name}", f"Controls of lane {name}") for i, name in enumerate(NAMES)}
        )
        self.lane_choice.chosen.connect(lambda value: self.choose(int(value)))
        self.inspector.top.addWidget(self.lane_choice)
        self.inspector.top.addSpacing(4)
        self.inspector.top.addWidget(label("SAMPLES", "section"))
        for name in ("condition", "particles", "seed"):
            self.inspector.fields[name].refused.connect(self.inspector.refused)
            self.inspector.top.addWidget(self.inspector.fields[name])
        self.inspector.top.addSpacing(4)
        self.inspector.top.addWidget(line())

    def _plane(self, lane: int) -> LanePlane:
        plane = LanePlane(self.lab, self.lab.clouds[lane], self.panel, f"Plane of lane {NAMES[lane]}")
        plane.view.probe_moved.connect(self._put_probe)
        plane.view.probe_removed.connect(lambda: self.lab.put_probe(None))
        plane.view.hovered.connect(self._read)
        return plane

    def _lay_out(self) -> None:
        side = QHBoxLayout()
        fill(side)
        self._between = line(vertical=True)
        side.addWidget(self.planes[0], 1)
        side.addWidget(self._between)
        side.addWidget(self.planes[1], 1)
        self._above_chart = line()
        self.beside.setLayout(side)
        self.line = Plane1D()
        self.line.sought.connect(self.timeline.seek)
        self.stack.addWidget(self.beside)
        self.stack.addWidget(self.line)
        self.whole.setLayout(self.stack)
        middle = column(spacing=0)
        middle.addWidget(self.whole, 1)
        for widget in (self._above_chart, self.chart, line(), self.readout):
            middle.addWidget(widget)
        across = QHBoxLayout()
        fill(across)
        across.addWidget(self.panel)
        across.addWidget(line(vertical=True))
        across.addLayout(middle, 1)
        self.centre.addLayout(across, 1)

    # --- what every workspace does ---

    def lanes(self) -> list[Controls]:
        return self.controls

    @property
    def running(self) -> bool:
        return False

    def open(self) -> None:
        """It is being looked at: ask for what is to be seen."""
        for name, tile in self.panel.tiles.tiles.items():
            if tile.points.isEmpty():
                self._thumbnails.want(name, "data", {"model": name, "count": THUMBNAIL})
        self.lab.update()

    def start(self) -> None:
        """Draw new noise, unless the seed is locked, and play."""
        if not self.controls[0].seed_locked:
            self.controls[0].randomise_seed()
        self.timeline.set_mode(playing=False)
        self.timeline.position = 0
        self.set_direction("reverse")
        self.timeline.play()

    def stop(self) -> None:
        """Stop what goes on: playing, learning, painting; where nothing does, take the probe away."""
        if self.timeline.playing:
            self.timeline.play()
        elif self.learning.running:
            self.learning.pause()
        elif self.own.on:
            self.own.paint(False)
        elif self.tour.isVisible():
            self.tour.hide()
        else:
            self.lab.put_probe(None)

    def close_lab(self) -> None:
        """The window closes: nothing more is asked for, and what has been learned stays kept."""
        self.learning.pause()
        self.lab.close()
        self._thumbnails.stop()

    def set_view(self, view: str) -> None:
        self.view = view  # of images, which the lab has none of

    def refresh(self) -> None:
        self.progress.setText("" if self.timeline.lanes else "starting the engine…")
        self.readout.show_level(self.lab.level, self.controls[0]["schedule"])
        if self.page == "line":
            self.line.set_index(self.timeline.position)
            return
        for plane in self._seen():
            plane.draw_points()

    def save_what_is_shown(self) -> None:
        """Ask for a place, and save a picture, a drawing, an animation or the numbers."""
        self.export.ask()

    # --- what is chosen ---

    def choose(self, lane: int) -> None:
        """Show the controls of a lane."""
        self.chosen = lane
        self.lane_choice.choose(str(lane))
        self.inspector.bind(self.controls[lane])

    def set_page(self, page: str) -> None:
        """Show one plane, both lanes, or the first coordinate over time."""
        split = page == "split"
        self.page = page
        self.pages.choose(page)
        for widget in (self._between, self.planes[1], self._above_chart, self.chart, self.lane_choice):
            widget.setVisible(split)
        self.stack.setCurrentWidget(self.line if page == "line" else self.beside)
        self._make_room()
        for plane in self.planes:
            plane.show_small(split)
        self.choose(self.chosen if split else 0)
        self.lab.line_wanted = page == "line"
        self.lab.set_split(split)
        for plane in self._seen():  # what came while it was not seen
            plane.draw_data()
            plane.draw_field()
            plane.draw_probe()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """Two planes in a small window, and one dimension in any, are seen without the panel."""
        self.panel.setVisible(self.page == "one" or (self.page == "split" and self.width() >= ROOMY))

    def set_direction(self, direction: str) -> None:
        """Show the data on its way into noise, or the particles on theirs to data."""
        self.direction.choose(direction)
        self.lab.forward = self.timeline.backward = direction == "forward"
        for plane in self.planes:
            plane.show_layers()
            plane.draw_data()
        self._describe()
        self.refresh()

    def set_source(self, source: str) -> None:
        """The exact score, the learned one, or the error of that."""
        self.score.sources.choose(source)
        self.lab.set_source(source)

    def _choose_distribution(self, name: str) -> None:
        if self.own.on:
            self.own.paint(False)
        self.controls[0].set("model", name)

    def _train(self) -> None:
        if self.learning.running:
            self.learning.pause()
        else:
            self.learning.start(self.controls[0]["model"])
            self.set_source("learned")

    # --- what has changed ---

    def _seen(self) -> list[LanePlane]:
        count = {"one": 1, "split": 2, "line": 0}[self.page]
        return self.planes[:count]

    def _on_control(self, name: str) -> None:
        if name == "model":
            model = self.controls[0]["model"]
            here = DISTRIBUTIONS.get(model)
            self.summary.setText(here.label if here else "Your points")
            self.panel.tiles.show_chosen(model)
            self.learning.forget()
            self.score.sources.choose("exact")

    def _on_points(self) -> None:
        model = self.controls[0]["model"]
        if model not in DISTRIBUTIONS:
            self.panel.tiles.show_own(model, self.lab.points[:THUMBNAIL])
        for plane in self._seen():
            plane.draw_data()
        self.refresh()

    def _on_clouds(self) -> None:
        self._describe()
        self.refresh()
        if not self._played and self.timeline.lanes:
            self._played = True
            self.timeline.play()  # a first look at what it does, without a click

    def _describe(self) -> None:
        fields = differing(*(cloud.request for cloud in self.lab.clouds)) if self.lab.split else []
        for plane in self._seen():
            plane.describe(fields)

    def _draw_fields(self) -> None:
        for plane in self._seen():
            plane.draw_field()

    def _draw_line(self) -> None:
        image, ode, sde = self.lab.line
        self.line.set_density(image, self.panel.on("log"))
        self.line.set_paths(ode, sde)
        self.line.set_index(self.timeline.position)

    def _draw_probe(self) -> None:
        for plane in self._seen():
            plane.draw_probe()

    def _show_layers(self) -> None:
        for plane in self._seen():
            plane.show_layers()
            plane.draw_field()
            plane.draw_points()
        self.layers_changed.emit()

    def _put_probe(self, x: float, y: float, at_noise: bool) -> None:
        if at_noise:
            self.timeline.seek(0)
        self.lab.put_probe((x, y), at_noise)

    def _read(self, reading: Reading | None) -> None:
        there = reading is not None and reading.density is not None and reading.density > 0.0
        self.readout.show_density(math.log(reading.density) if there else None)  # type: ignore[union-attr, arg-type]
