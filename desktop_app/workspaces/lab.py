"""Lab 2D: the score, the density and the paths of a distribution in the plane, at every level of noise."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout

from desktop_app.engine_client import EngineClient
from desktop_app.state.controls import Controls
from desktop_app.state.lab import Lab
from desktop_app.state.lab_learning import Learning
from desktop_app.state.latest import Latest
from desktop_app.state.runs import Runs
from desktop_app.widgets.fields import SeedControl
from desktop_app.widgets.lab_fields import ClassControl
from desktop_app.widgets.lab_make import MakePoints
from desktop_app.widgets.lab_panel import LabPanel
from desktop_app.widgets.lab_score import ScorePanel
from desktop_app.widgets.lab_tour import Tour
from desktop_app.widgets.layout import IconButton, Segments, fill, label, line
from desktop_app.widgets.number_fields import Logarithmic, NumberControl
from desktop_app.workspaces.lab_export import Export
from desktop_app.workspaces.lab_networks import Networks
from desktop_app.workspaces.lab_points import OwnPoints
from desktop_app.workspaces.lab_stage import NAMES, Stage
from desktop_app.workspaces.lab_tour import cards
from desktop_app.workspaces.workspace import Workspace
from engine.catalog import DISTRIBUTIONS
from engine.request import Request

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
    images = False
    own_fields = ("model", "condition", "count", "guide", "guidance_rescale", "clip", "seed")
    layers_changed = Signal()

    def __init__(
        self, client: EngineClient, runs: Runs, requests: tuple[Request, Request], layers: dict[str, bool]
    ) -> None:
        super().__init__(runs)
        self.controls = [Controls(request, self) for request in requests]
        self.lab = Lab(client, self.timeline, self.controls)
        self.chosen = 0
        self._played = False
        self._add_fields()
        self.panel = LabPanel(layers)
        self.learning = Learning(client, self)
        self.score = ScorePanel(self.learning)
        self.stage = Stage(self.lab, self.panel)
        self.export = Export(self.lab, self.stage.shown)
        self._fill_header()
        self._lay_out()
        make = MakePoints()
        self.panel.make.addWidget(make)
        self.own = OwnPoints(self.lab, self.lab.latest, make, self.stage.planes[0].view)
        self.networks = Networks(client, self.lab, self.learning, self.score)
        self.tour = Tour(self.stage.shown, cards(self))
        self._thumbnails = Latest(client, self)
        self._connect(client)
        self.set_page("one")
        self._on_control("model")

    @property
    def page(self) -> str:
        """What is shown: one plane, two, or the line."""
        return self.stage.page

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
        self.inspector.top.addWidget(label("SAMPLES", "section"))
        for name in ("condition", "particles", "seed"):
            self.inspector.fields[name].refused.connect(self.inspector.refused)
            self.inspector.top.addWidget(self.inspector.fields[name])
        self.inspector.top.addSpacing(4)
        self.inspector.top.addWidget(line())

    def _fill_header(self) -> None:
        self.direction, self.pages = Segments("Direction", DIRECTIONS), Segments("Planes", PAGES)
        self.direction.choose("reverse")
        self.views.hide()
        self.stop_saving = IconButton("x", "Stop saving", "Esc")
        self.guide = IconButton("graduation-cap", "A tour of five cards")
        self.save = IconButton("download", "Save", "Ctrl+S")
        for widget in (self.stop_saving, self.direction, self.pages, self.guide, self.save):
            self.header.addWidget(widget)
        self.stop_saving.hide()

    def _lay_out(self) -> None:
        self.panel.foot.addWidget(line())
        self.panel.foot.addWidget(self.score)
        across = QHBoxLayout()
        fill(across)
        across.addWidget(self.panel)
        across.addWidget(line(vertical=True))
        across.addWidget(self.stage, 1)
        self.centre.addLayout(across, 1)

    def _connect(self, client: EngineClient) -> None:
        self.panel.tiles.chosen.connect(self._choose_distribution)
        self.panel.layers_changed.connect(self.layers_changed)
        self.direction.chosen.connect(self.set_direction)
        self.pages.chosen.connect(self.set_page)
        self.guide.clicked.connect(lambda: self.tour.go(0))
        self.save.clicked.connect(self.save_what_is_shown)
        self.stop_saving.clicked.connect(self.export.stop)
        self.export.progressed.connect(self._show_progress)
        for keys, act in (("Ctrl+Z", self.own.painting.undo), ("Ctrl+Shift+Z", self.own.painting.redo)):
            shortcut = QShortcut(QKeySequence(keys), self, partial(self.own.step, act))
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.setEnabled(False)  # where nothing is painted, they are those of the parameters
            self.own.painted.connect(shortcut.setEnabled)
        self.score.source_chosen.connect(self.set_source)
        self.score.train_wanted.connect(self._train)
        self.networks.loaded.connect(lambda: self.set_source("learned"))
        self.learning.named.connect(self.lab.set_learned)
        for told in (self.own.said, self.export.said, self.networks.said, self.learning.refused, self.lab.refused):
            told.connect(self.problem)
        self.lab.points_changed.connect(self._on_points)
        self.lab.clouds_changed.connect(self._on_clouds)
        client.ready.connect(lambda _: self.open() if self.isVisible() else None)  # after a death it is asked again
        for controls in self.controls:
            controls.changed.connect(self._on_control)
        self._thumbnails.answered.connect(lambda name, _, arrays: self.panel.tiles.tiles[name].show_points(arrays[0]))

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
        """Stop what goes on: saving, playing, learning, painting; where nothing does, take the probe away."""
        if self.export.running:
            self.export.stop()
        elif self.timeline.playing:
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
        self.export.stop()
        self.learning.pause()
        self.lab.close()
        self._thumbnails.stop()

    @property
    def floor(self) -> int:
        return self.tour.mapTo(self.window(), QPoint(0, 0)).y() if self.tour.isVisible() else super().floor

    def set_view(self, view: str) -> None:
        self.view = view  # of images, which the lab has none of

    def refresh(self) -> None:
        if not self.export.running:
            self.progress.setText("" if self.timeline.lanes else "starting the engine…")
        self.stage.draw_level()

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
        self.pages.choose(page)
        self.stage.show_page(page)
        self.lane_choice.setVisible(split)
        self._make_room()
        self.choose(self.chosen if split else 0)
        self.lab.line_wanted = page == "line"
        self.lab.set_split(split)
        self.stage.draw_all()

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
        self.stage.draw_all()

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

    def _on_clouds(self) -> None:
        self.refresh()
        if not self._played and self.timeline.lanes and self.isVisible():
            self._played = True
            self.timeline.play()  # a first look at what it does, without a click

    def _show_progress(self, text: str) -> None:
        self.progress.setText(text)
        for button in (self.guide, self.save):  # their room is needed
            button.setVisible(not self.export.running)
        self.stop_saving.setVisible(self.export.running)
