"""Compare: two to four lanes over one timeline, from the same starting noise, aligned by σ."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QMenu, QPushButton, QStackedWidget, QWidget

from desktop_app.state import presets, words
from desktop_app.state.apart import Apart
from desktop_app.state.cloud_lanes import Clouds, in_plane
from desktop_app.state.controls import Controls
from desktop_app.state.judging import Judging
from desktop_app.state.lab_cloud import Cloud
from desktop_app.state.lanes import LEAST, NAMES, Lanes, matched
from desktop_app.state.models import all_models
from desktop_app.state.runs import Run, Runs
from desktop_app.theme import theme
from desktop_app.widgets.apart_chart import ApartChart
from desktop_app.widgets.combo_box import MenuButton
from desktop_app.widgets.lane_pair import LanePair
from desktop_app.widgets.lane_panel import LanePanel
from desktop_app.widgets.layout import IconButton, Segments, fill, label, line, row
from desktop_app.widgets.switch import Switch
from desktop_app.workspaces.workspace import EmptyState, Workspace
from engine.fields import RequestError
from engine.request import Request

MODES = {
    "side": ("Beside", "The lanes beside each other, at the same noise level"),
    "wipe": ("Wipe", "Lane A left of a line in every image, the other right of it: drag it"),
    "flip": ("Flip", "Lane A, and the other one while Space is held"),
    "difference": ("Difference", "A − the other, pixel by pixel: blue where A is brighter, orange where the other is"),
}


class CompareWorkspace(Workspace):
    """Two to four lanes. The inspector shows the controls of one of them at a time.

    Wipe, flip and difference show lane A and one other: the chosen one, or B while A is.
    """

    verb = "Run all"
    own_fields = ("noise",)
    models = staticmethod(all_models)
    lanes_changed = Signal()  # how many there are, or what they share

    def __init__(self, runs: Runs, clouds: Clouds, requests: list[Request], count: int = LEAST) -> None:
        """`requests`: one for each of the four lanes, of which `count` are in use."""
        super().__init__(runs)
        self.clouds = clouds
        self.judging = Judging(clouds.client, self)
        self.judging.judged.connect(lambda run: self.refresh())
        self.set = Lanes(requests, count, self)
        self.mode = "side"
        self.chosen = 0
        self.flipped = False  # Space, in flip
        self._gone: list[Request] = []  # what ran in lanes that were taken away
        self.apart = Apart(self.timeline)
        self.timeline.set_mode(film=False)  # the lanes need the room
        self._add_controls()
        self._add_pages()
        self.chart = ApartChart(self.apart)
        self.centre.addWidget(self.stack, 1)
        self.centre.addWidget(line())
        self.centre.addWidget(self.chart)
        self.set.changed.connect(self._on_lanes)
        self.timeline.lanes_changed.connect(self._describe)
        theme().changed.connect(self.refresh)  # the difference is drawn in its colours
        self.summary.setText("Compare")
        self.choose(0)
        self.set.follow_path(self.set.one_path)
        self.refresh()

    # --- laid out ---

    def _add_controls(self) -> None:
        """What stands above the fields in the inspector: the presets, the lanes, what they share."""
        self.preset = MenuButton("Presets")
        self.preset.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        menu = QMenu(self.preset)
        menu.setToolTipsVisible(True)
        for name, preset in presets.PRESETS.items():
            action = menu.addAction(preset.label, partial(self.use_preset, name))
            action.setToolTip(preset.help)
        self.preset.setMenu(menu)
        self.lane_choice = Segments("Lane", {str(i): (n, f"Controls of lane {n}") for i, n in enumerate(NAMES)})
        self.lane_choice.chosen.connect(lambda value: self.choose(int(value)))
        self.more = IconButton("plus", "One more lane, the same as this one")
        self.more.clicked.connect(lambda: self.choose(self.set.add(self.chosen)))
        self.less = IconButton("x", "Remove this lane")
        self.less.clicked.connect(self.remove_lane)
        self.copy = QPushButton()
        self.copy.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.copy.clicked.connect(self.copy_other)
        self.modes = Segments("Comparison", MODES)
        self.modes.chosen.connect(self.set_mode)
        self.modes.choose(self.mode)
        self.path = Switch("One Brownian path")
        self.path.setChecked(True)
        self.path.toggled.connect(self.set.follow_path)
        self.path.toggled.connect(lambda _: self.lanes_changed.emit())
        self.noise = label("", "faint")
        self.noise.setWordWrap(True)
        self.only = Switch("Only what differs")
        self.only.setToolTip("Show the controls of those fields alone in which the lanes differ")
        self.only.toggled.connect(self._describe)
        top = self.inspector.top
        top.addWidget(self.preset)
        top.addWidget(self.modes)
        top.addLayout(row(self.lane_choice, None, self.more, self.less, spacing=2))
        top.addWidget(self.copy)
        top.addSpacing(4)
        top.addLayout(row(label("One Brownian path", "soft"), None, self.path))
        top.addWidget(self.noise)
        top.addLayout(row(label("Only what differs", "soft"), None, self.only))
        top.addSpacing(4)
        top.addWidget(line())

    def _add_pages(self) -> None:
        self.panels = [LanePanel(name) for name in NAMES]
        for index, panel in enumerate(self.panels):
            panel.wanted.connect(lambda i=index: self.choose(i))
        self._side = QGridLayout()
        fill(self._side)
        self._side.setSpacing(1)
        beside = QWidget()
        beside.setProperty("surface", "seam")
        beside.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        beside.setLayout(self._side)
        self.pair = LanePair()
        self.empty = EmptyState("The same starting noise, two to four ways to denoise it.", self.verb)
        self.empty.button.clicked.connect(self.start)
        self.stack = QStackedWidget()
        self.pages = {"empty": self.empty, "side": beside, "pair": self.pair}
        for page in self.pages.values():
            self.stack.addWidget(page)
        grids = [*(panel.grid for panel in self.panels), *self.pair.grids]
        for grid in grids:
            for other in grids:
                if other is not grid:
                    grid.selected.connect(other.enlarge)

    def _place_panels(self) -> None:
        """Two or three lanes in a row, four in a square."""
        count = self.set.count
        columns = 2 if count == 4 else count
        for index, panel in enumerate(self.panels):
            self._side.removeWidget(panel)
            if index < count:
                self._side.addWidget(panel, index // columns, index % columns)
            panel.setVisible(index < count)  # now, that it is not a window of its own
        for index in range(3):
            self._side.setColumnStretch(index, 1 if index < columns else 0)
        for index in range(2):
            self._side.setRowStretch(index, 1 if index < -(-count // columns) else 0)

    # --- the lanes ---

    @property
    def controls(self) -> list[Controls]:
        """The controls of the lanes that are in use."""
        return self.set.shown

    def lanes(self) -> list[Controls]:
        return self.set.shown

    @property
    def other(self) -> int:
        """The lane that is shown with A in wipe, flip and difference."""
        return self.chosen or 1

    def choose(self, lane: int) -> None:
        """Show the controls of a lane."""
        self.chosen = lane
        self.lane_choice.choose(str(lane))
        self.inspector.bind(self.controls[lane])
        self.copy.setText(f"Copy all from lane {NAMES[0 if lane else 1]}")
        self.refresh()

    def copy_other(self) -> None:
        """Make the shown lane the same as A, or A the same as B."""
        self.controls[self.chosen].take(self.controls[0 if self.chosen else 1].request())

    def remove_lane(self) -> None:
        """Take the shown lane away, and what it has run."""
        self._drop(self.timeline.lanes[self.chosen : self.chosen + 1])
        self.set.remove(self.chosen)
        self.choose(min(self.chosen, self.set.count - 1))

    def _drop(self, gone: list[Run]) -> None:
        """Go on without these runs."""
        if gone:
            self._keep([run for run in self.timeline.lanes if run not in gone])

    def _keep(self, runs: list[Run]) -> None:
        """Have these on the timeline, and let go of the others."""
        others = [run for run in self.timeline.lanes if run not in runs]
        self.timeline.show(runs)
        for run in others:
            self.runs.release(run)
        self._gone += [run.request for run in others]
        self.apart.follow(runs)

    def have(self, count: int) -> None:
        """Have so many lanes, as undo has set them: each with what ran in it, if need be once more."""
        if count != self.set.count:
            old = self.timeline.lanes
            found = matched([controls.request() for controls in self.set.all[:count]], old, self._gone)
            runs = [self.begin(run) if isinstance(run, Request) else run for run in found]
            for run in runs:
                if run not in old:
                    run.ended.connect(self._on_ended)
            here = [run.request for run in runs]
            self._gone = [request for request in self._gone if request not in here]
            self._keep(runs)
            self.judging.follow(runs)
            self.inspector.set_running(self.running, self.verb)
        self.set.have(count)

    def receive(self, requests: list[Request]) -> None:
        """Compare these; one alone with itself on the other side of λ."""
        self.set.take(requests)
        self.choose(0)

    def use_preset(self, name: str) -> None:
        """Make the lanes those of a preset, from the shown lane, and run them."""
        try:
            requests = presets.apply(name, self.controls[self.chosen].request())
        except RequestError as error:
            self.problem.emit(str(error))
            return
        self.receive(requests)
        self.chart.choose(presets.PRESETS[name].measure)
        self.start()

    def begin(self, request: Request) -> Run:
        return self.clouds.start(request) if in_plane(request.model) else super().begin(request)

    # --- shown ---

    def set_mode(self, mode: str) -> None:
        """Show the lanes side by side, divided by a line, in turn, or their difference."""
        self.mode = mode
        self.modes.choose(mode)
        self.refresh()

    def turn(self, step: int) -> None:
        self.panels[0].grid.turn(step)

    def press_space(self) -> None:
        if self.mode != "flip":
            super().press_space()
        elif not self.flipped:
            self.flipped = True
            self.refresh()

    def release_space(self) -> None:
        if self.flipped:
            self.flipped = False
            self.refresh()

    def expect(self, runs: list[Run]) -> None:
        self._gone = []
        self.judging.follow(runs)
        self.summary.setText(words.heading(runs[0].request))
        self.apart.follow(runs)
        for panel, run in zip(self.panels, runs, strict=False):
            panel.forget(run.request.count, *words.image_size(run.request))

    def refresh(self) -> None:
        lanes = self.timeline.lanes
        self.progress.setText(self.progress_text())
        self.stack.setCurrentWidget(self.pages["empty" if not lanes else "side" if self.mode == "side" else "pair"])
        shown: dict[int, NDArray[np.uint8]] = {}
        for index, (panel, run) in enumerate(zip(self.panels, lanes, strict=False)):
            at = self.timeline.frame_of(run)
            if at < 0:
                continue
            if isinstance(run, Cloud):
                panel.show_cloud(run.places[at])
                panel.quality.setText(f"{run.distance[at]:.3f} from pₜ")
            else:
                shown[index] = run.pictures(self.view, at)
                panel.show_pictures(shown[index])
                panel.quality.setText(self.judging.words(run))
            panel.cost.setText(f"{run.nfe[at]} evals  {run.seconds[at]:.2f} s")
        if self.mode != "side" and len(lanes) > self.other:
            self._show_two(shown)

    def _show_two(self, shown: dict[int, NDArray[np.uint8]]) -> None:
        """Lane A and the other in one picture."""
        other = self.other
        clouds = [
            (np.asarray(run.places[self.timeline.frame_of(run)]), self.panels[lane].colour)
            for lane in (0, other)
            if isinstance(run := self.timeline.lanes[lane], Cloud) and run.frames
        ]
        if len(clouds) == 2:
            self.pair.show_clouds(self.mode, clouds[0], clouds[1], NAMES[other], self.flipped)
        elif 0 in shown and other in shown:
            self.pair.show_images(self.mode, shown[0], shown[other], NAMES[other], self.flipped)
        elif clouds and shown.keys() & {0, other}:
            self.pair.show_neither(self.mode, NAMES[other])

    def _on_lanes(self) -> None:
        self._drop(self.timeline.lanes[self.set.count :])
        if self.chosen >= self.set.count:
            self.choose(self.set.count - 1)
        self._describe()
        self.lanes_changed.emit()

    def _describe(self) -> None:
        """Say what the lanes are: those that run, and until then those that are set."""
        count = self.set.count
        for index in range(len(NAMES)):
            self.lane_choice.button(str(index)).setVisible(index < count)
        self.more.setEnabled(count < len(NAMES))
        self.less.setEnabled(count > LEAST)
        self.path.setEnabled(bool(self.set.follows))
        self.noise.setText(self.set.about_noise())
        self.path.setToolTip(self.noise.text())
        self._place_panels()
        self.inspector.show_only(self.set.differing(self.set.requests()) if self.only.isChecked() else None)
        requests = [run.request for run in self.timeline.lanes[:count]]
        requests += self.set.requests()[len(requests) :]
        fields = self.set.differing(requests)
        for panel, kind, request in zip(self.panels, presets.kinds(requests), requests, strict=False):
            panel.tell(kind, words.difference(request, fields))
        for panel in self.panels[len(self.timeline.lanes) : count]:
            panel.forget(requests[0].count, *words.image_size(requests[0]))
