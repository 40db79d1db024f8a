"""Sweep: one request, one or two of its fields over several values, and every combination of them at a glance."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget

from desktop_app.state.cloud_lanes import in_plane
from desktop_app.state.controls import Controls
from desktop_app.state.models import all_models
from desktop_app.state.runs import Runs
from desktop_app.state.sweep import Client, SweepControls, SweepRun
from desktop_app.widgets.combo_box import ComboBox
from desktop_app.widgets.layout import IconButton, Segments, column, line, tab_at
from desktop_app.widgets.sweep_axes import sentence
from desktop_app.widgets.sweep_chart import SweepChart
from desktop_app.widgets.sweep_foot import SweepFoot
from desktop_app.widgets.sweep_grid import SweepGrid
from desktop_app.widgets.sweep_plan import SweepPlan, duration
from desktop_app.widgets.sweep_tiles import values_text
from desktop_app.workspaces.sweep_export import SweepExport
from desktop_app.workspaces.workspace import EmptyState, Workspace
from engine.fields import RequestError
from engine.request import Request
from engine.sweep import chart
from engine.sweep.folder import FIGURES

PAGES = {
    "pictures": ("Pictures", "What came of every cell"),
    "map": ("Map", "Every cell in the colour of a figure"),
    "chart": ("Chart", "Quality against evaluations of the network"),
}


class SweepWorkspace(Workspace):
    """The base is in the inspector, and above it what varies. Nothing of it is in the timeline, which is hidden."""

    open_wanted = Signal(object, str)  # list[Request], and the workspace: "generate" or "compare"
    verb = "Start"
    models = staticmethod(all_models)

    def __init__(self, client: Client, runs: Runs, request: Request) -> None:
        super().__init__(runs)
        self.run = SweepRun(client, self)
        shown = self.run.sweep
        self.controls = SweepControls(shown.base if shown else request, self)
        self.plan = SweepPlan(shown)
        self.inspector.top.addWidget(self.plan)
        tab_at(self.inspector, self.plan.tab_stops)
        self.inspector.top.addSpacing(4)
        self.inspector.top.addWidget(line())
        self.inspector.bind(self.controls)
        self.page = "pictures"
        self.grid, self.chart = SweepGrid(self.run), SweepChart(self.run)
        self._add_header()
        self._add_centre()
        self.summary.setText("Sweep")
        self.views.hide()
        self.bar.hide()
        self.seams[1].hide()
        self.bar.setFixedHeight(self.foot.sizeHint().height())  # what toasts keep clear of
        self.plan.changed.connect(self._on_plan)
        self.plan.error.toggled.connect(self._take_path)
        self.controls.changed.connect(self._on_control)
        self.run.changed.connect(self._on_run)
        self.run.cell_changed.connect(self._on_cell)
        self.run.refused.connect(self.problem)
        self._on_control("model")
        self.export = SweepExport(self.run, self)
        self.export.said.connect(self.problem)
        self._on_run()

    # --- laid out ---

    def _add_header(self) -> None:
        self.pages = Segments("Show", PAGES)
        self.pages.choose(self.page)
        self.pages.chosen.connect(self.set_page)
        self.figure = ComboBox()
        self.figure.setAccessibleName("Figure")
        self.figure.setFixedWidth(116)
        self.figure.activated.connect(self._choose_figure)
        self._wanted = ""  # the figure that was chosen by hand
        self.pause = IconButton("pause", "Pause after this cell", checkable=True)
        self.pause.toggled.connect(self.run.pause)
        self.save = IconButton("download", "Save the grid, the chart or the table", "Ctrl+S")
        self.save.clicked.connect(self.save_what_is_shown)
        for widget in (self.figure, self.pages, self.pause, self.save):
            self.header.addWidget(widget)
        self.header.setSpacing(8)
        self.pages.setMinimumWidth(self.pages.sizeHint().width())

    def _add_centre(self) -> None:
        self.empty = EmptyState("Every combination of two fields’ values, side by side.", "Start")
        self.empty.button.clicked.connect(self.start)
        self.stack = QStackedWidget()
        for page in (self.empty, self.grid, self.chart):
            self.stack.addWidget(page)
        self.foot = SweepFoot()
        whole = column(spacing=0)
        whole.addWidget(self.stack, 1)
        whole.addWidget(line())
        whole.addWidget(self.foot)
        self.centre.addLayout(whole, 1)
        self.foot.wanted.connect(self.open_cells)
        self.grid.selected.connect(self._describe)
        self.grid.opened.connect(lambda: self.open_cells("generate"))
        self.chart.chosen.connect(self.grid.select)

    # --- what every workspace does ---

    def lanes(self) -> list[Controls]:
        return [self.controls]

    @property
    def running(self) -> bool:
        return self.run.running

    def open(self) -> None:
        """It is being looked at: read what is kept, the first time."""
        if (
            self.run.sweep is not None
            and not self.run.complete
            and not any(len(result.pictures) for result in self.run.results.values())
        ):
            self.run.restore()

    def start(self) -> None:
        """Do what is not yet done of the sweep that is set."""
        try:
            plan = self.plan.sweep(self.controls.request())
        except RequestError as error:
            self.problem.emit(sentence(error))
            return
        if plan == self.run.sweep and (self.run.running or self.run.complete):
            return
        self.run.start(plan)

    def stop(self) -> None:
        self.run.stop()

    def show_again(self, requests: list[Request]) -> None:
        """What was open is in the folder, and is shown when the workspace is."""

    def refresh(self) -> None:
        """Nothing here is at a position of the timeline."""

    # --- shown ---

    def set_page(self, page: str) -> None:
        """Pictures, a map, or the chart."""
        self.page = page
        self.pages.choose(page)
        self._offer_figures()
        self._show_page()

    def _show_page(self) -> None:
        self.figure.setVisible(self.page != "pictures" and self.figure.count() > 0)
        if self.run.sweep is None:
            self.stack.setCurrentWidget(self.empty)
        else:
            self.stack.setCurrentWidget(self.chart if self.page == "chart" else self.grid)
        there = self.pages.button("chart") if self.page == "chart" else self.grid
        self.bar.track.setFocusProxy(self.empty.button if self.run.sweep is None else there)
        self._show_figure()

    def _offer_figures(self) -> None:
        """The figures that there are: of quality for the chart, and of cost as well for the map."""
        known = chart.qualities(self.run.results)
        names = known if self.page == "chart" else [*known, "nfe", "seconds"]
        if names != [self.figure.itemData(place) for place in range(self.figure.count())]:
            self.figure.clear()
            for name in names:
                self.figure.add_choice(FIGURES[name][0], name, FIGURES[name][1])
            self.figure.setCurrentIndex(max(self.figure.findData(self._wanted), 0))

    def _choose_figure(self) -> None:
        self._wanted = str(self.figure.currentData())
        self._show_figure()

    def _show_figure(self) -> None:
        figure = str(self.figure.currentData() or "")
        self.grid.show_figure(figure if self.page == "map" else "")
        self.chart.show_figure(figure if self.page == "chart" else "")

    def _on_control(self, name: str) -> None:
        if name == "model" and in_plane(self.controls["model"]):
            self.controls.set("count", 1)  # a cloud is one sample
        self._on_plan()

    def _take_path(self, on: bool) -> None:
        """An error is known only along one path."""
        if on and self.controls.has("noise"):
            self.controls.set("noise", "path")

    def _on_plan(self) -> None:
        """Say how many cells there are, how long they are likely to take, and what the button does."""
        self.controls.vary(self.plan.varied())
        base, shown = self.controls.request(), self.run.sweep
        alike = shown is not None and (shown.base.model, shown.base.count) == (base.model, base.count)
        plan = self.plan.check(base, list(self.run.results.values()) if alike else [])
        same = plan is not None and plan == shown
        self.inspector.set_running(self.running, "Go on" if same and not self.run.complete else "Start")
        if plan is None or (same and self.run.complete):
            why = "Every cell of this sweep is done." if same else "What varies cannot be."
            self.inspector.button.setEnabled(self.running)
            self.inspector.button.setToolTip(why)
        else:
            self.inspector.button.setEnabled(True)

    def _on_run(self) -> None:
        running = self.run.running
        self.pause.setEnabled(running)
        self.pause.setChecked(self.run.pausing)
        self.pause.rename(
            "Go on" if self.run.pausing else "Pause after this cell", "play" if self.run.pausing else "pause"
        )
        self.save.setEnabled(self.run.sweep is not None)
        self._offer_figures()
        self._show_page()
        self._on_plan()
        self._say_progress()
        self._describe()

    def _on_cell(self, index: int) -> None:
        if self.run.live is None:
            self._offer_figures()
            self._show_page()
        self._say_progress()
        if index in self.grid.selection:
            self._describe()

    def _say_progress(self) -> None:
        sweep = self.run.sweep
        if sweep is None:
            self.progress.setText("")
            return
        words = [f"{len(self.run.results)} of {len(sweep.cells)}"]
        left = self.run.remaining()
        if self.run.running and left is not None and left >= 1.0:
            words.append(f"{duration(left)} left")
        if self.run.pausing:
            words.append("pausing")
        elif not self.run.running and not self.run.complete:
            words.append("paused")
        self.progress.setText("  ·  ".join(words))

    def _describe(self) -> None:
        """What is known of the selected cells, and what can be done with them."""
        sweep, chosen = self.run.sweep, self.grid.selection
        if sweep is None:
            text = ""
        elif not chosen:
            text = "Click a cell; with Ctrl up to four, to compare them."
        elif len(chosen) == 1:
            text = self.grid.describe(chosen[0])
        else:
            text = f"{len(chosen)} cells:  " + "   |   ".join(values_text(sweep, at) for at in chosen)
        self.foot.tell(text, len(self._requests()))

    # --- handed on ---

    def _requests(self) -> list[Request]:
        """Those of the selected cells."""
        if self.run.sweep is None:
            return []
        cells = [self.run.sweep.cells[index] for index in self.grid.selection]
        return [cell.request for cell in cells if cell.request is not None]

    def open_cells(self, workspace: str) -> None:
        """Open the selected cells elsewhere."""
        if requests := self._requests():
            self.open_wanted.emit(requests[:1] if workspace == "generate" else requests, workspace)

    def save_what_is_shown(self) -> None:
        """Let a place be chosen for the page that is shown, or the table."""
        self.export.figure = self.chart.figure if self.page == "chart" else ""
        self.export.ask()
