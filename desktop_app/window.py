"""The window: the rail, the workspaces, the keys, the toasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QStackedWidget, QWidget

from desktop_app.commands import entries
from desktop_app.drops import Drops
from desktop_app.engine_client import EngineClient
from desktop_app.keeping import Keeping
from desktop_app.keys import REPEATED, add_shortcuts, key_map, name_of
from desktop_app.rooms import ROOMS
from desktop_app.state.cloud_lanes import Clouds, in_plane
from desktop_app.state.controls import Controls
from desktop_app.state.preferences import Preferences
from desktop_app.state.runs import Run, Runs
from desktop_app.state.session import Session
from desktop_app.state.undo import Undo
from desktop_app.theme import theme
from desktop_app.widgets.cheat_sheet import CheatSheet
from desktop_app.widgets.layout import line, row
from desktop_app.widgets.model_card import ModelCard
from desktop_app.widgets.overlay import leave_all
from desktop_app.widgets.palette import Palette
from desktop_app.widgets.rail import WORKSPACES, Rail
from desktop_app.widgets.toast import Toasts
from desktop_app.workspaces.compare import CompareWorkspace
from desktop_app.workspaces.generate import GenerateWorkspace
from desktop_app.workspaces.workspace import Workspace
from engine.catalog import SAMPLERS
from engine.request import Request

if TYPE_CHECKING:
    from desktop_app.workspaces.gallery import GalleryWorkspace
    from desktop_app.workspaces.lab import LabWorkspace
    from desktop_app.workspaces.sweep import SweepWorkspace

SAVE_AFTER_MS = 800
LANES = "abcd"  # of Compare, as their requests are remembered


class Window(QWidget):
    """Puts state, workspaces and preferences together."""

    closing = Signal()

    def __init__(self, client: EngineClient, preferences: Preferences) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle("Scorescope")
        self.setMinimumSize(1024, 680)
        self.resize(1280, 820)
        self.client, self.preferences = client, preferences
        self._controls: dict[str, Controls] = {}  # by the name under which their request is remembered
        self.runs = Runs(client, self)
        client.keep(preferences.settings.history << 20)
        settings = preferences.settings
        self.generate = GenerateWorkspace(self.runs, client, preferences.request("generate", Request()))
        lanes = [preferences.request(name, Request(lam=float(name != "a"))) for name in LANES]
        self.compare = CompareWorkspace(self.runs, Clouds(client, self.runs), lanes, settings.lanes)
        self.lab: LabWorkspace | None = None
        self.sweep: SweepWorkspace | None = None
        self.gallery: GalleryWorkspace | None = None
        self.workspaces: dict[str, Workspace] = {}
        self.stack = QStackedWidget()
        self.rail = Rail()
        self.rail.chosen.connect(self.open)
        self.rail.theme_changed.connect(self.remember)
        self.setLayout(row(self.rail, line(vertical=True), self.stack, spacing=0))
        self.undo = Undo(lambda: self.current_name, self)
        self.undo.unseen.connect(self._on_unseen)
        self.toasts = Toasts(self, lambda: self.current.floor)
        self.cheat_sheet = CheatSheet(self)
        self.rail.help_wanted.connect(self.cheat_sheet.open)
        self.model_card = ModelCard(self)
        self.session = Session(preferences.path.with_name("session.json"), self)
        self.session.failed.connect(lambda text: self.toasts.show(text))
        self.command_palette = Palette(self, lambda: entries(self))
        self.keeping, self.drops = Keeping(self), Drops(self)
        self._keys = key_map(self)
        add_shortcuts(self)
        self._saving = QTimer(self, interval=SAVE_AFTER_MS, singleShot=True)
        self._saving.timeout.connect(self._save_settings)
        self._restore(settings.geometry)
        self.add("generate", self.generate, {"generate": self.generate.controls})
        self.generate.timeline.set_mode(film=settings.film)
        self.add("compare", self.compare, dict(zip(LANES, self.compare.set.all, strict=True)))
        lanes_set = self.compare.set
        self.undo.watch_value("lanes", "compare", lambda: lanes_set.count, self.compare.have, lanes_set.changed)
        self.compare.path.setChecked(settings.one_path)
        self.compare.lanes_changed.connect(self.remember)
        for controls in self._controls.values():
            controls.lock_seed(settings.seed_locked)
        for asking in (self.generate.training_images, self.compare.judging, self.compare.clouds):
            self.closing.connect(asking.stop)
        self.runs.failed.connect(self._on_failed)
        client.died.connect(lambda text, words: self.toasts.show(text, words))
        client.gave_up.connect(lambda text, words: self.toasts.show(text, words, ("Start it again", client.start)))
        theme().choose(settings.theme)
        self.open(settings.workspace)
        for problem in preferences.problems:
            self.toasts.show(problem)

    def add(self, name: str, workspace: Workspace, controls: dict[str, Controls]) -> None:
        """Put a workspace in its place; its controls are remembered, and their changes can be undone."""
        settings = self.preferences.settings
        self.workspaces[name] = workspace
        self.stack.addWidget(workspace)
        workspace.bar.installEventFilter(self.toasts)
        workspace.problem.connect(lambda text: self.toasts.show(text, error=False))
        workspace.set_view(settings.view)
        workspace.timeline.set_mode(axis=settings.axis, speed=settings.speed, loop=settings.loop)
        workspace.undoable.connect(self.undo.push)
        workspace.view_changed.connect(self._share_view)
        workspace.timeline.mode_changed.connect(self.remember)
        workspace.timeline.lanes_changed.connect(lambda: self._note_runs(name, workspace))
        workspace.inspector.unfold(settings.more)
        workspace.inspector.unfolded.connect(self._unfold)
        workspace.inspector.about_wanted.connect(self.model_card.open)
        self._controls |= controls
        self.undo.watch(controls, name)
        for lane in controls.values():
            lane.changed.connect(self.remember)

    def offer_models(self) -> None:
        """Look again, everywhere, which models there are."""
        for workspace in self.workspaces.values():
            workspace.inspector.offer_models()

    def open_requests(self, requests: list[Request], name: str) -> None:
        """Run requests in Generate (one; "branch" offers to branch from it), or in the lanes of Compare."""
        if not requests:
            self.open(name)
            return
        if name != "compare":
            self.show_request(requests[0])
            if name == "branch" and self.current is self.generate:
                self.generate.offer_branch()
            return
        self._compare(requests)

    def _compare(self, requests: list[Request]) -> None:
        """Run requests in the lanes of Compare, with their seed: what was sent is what is seen."""
        self.compare.receive(requests)
        self.open("compare")
        self.compare.start_exactly()

    @property
    def current_name(self) -> str:
        """The name of the workspace that is shown."""
        return next(name for name, workspace in self.workspaces.items() if workspace is self.stack.currentWidget())

    @property
    def current(self) -> Workspace:
        """The workspace that is shown."""
        return self.workspaces[self.current_name]

    def make(self, name: str) -> None:
        """Have a workspace, without showing it."""
        if name not in self.workspaces:
            ROOMS[name](self)

    def open(self, name: str) -> None:
        """Show a workspace."""
        leave_all(self)
        self.make(name)
        if name != self.current_name:
            self.current.rest()
        self.stack.setCurrentWidget(self.workspaces[name])
        self.rail.choose(name)
        self.current.bar.track.setFocus()
        self.current.open()
        self.toasts.arrange()
        self.remember()

    def _share_view(self, view: str) -> None:
        for workspace in self.workspaces.values():
            if workspace.view != view:
                workspace.set_view(view)
        self.remember()

    def _unfold(self, title: str, on: bool) -> None:
        more = self.preferences.settings.more
        self.preferences.settings.more = [*(other for other in more if other != title), *([title] if on else [])]
        for workspace in self.workspaces.values():
            workspace.inspector.unfold(self.preferences.settings.more)
        self.remember()

    def send_to_compare(self) -> None:
        """Run what Generate is set to beside the other λ; the lab splits its view, the gallery sends its pictures."""
        if self.current is self.lab:
            self.lab.set_page("one" if self.lab.page == "split" else "split")
        elif self.current is self.gallery:
            self.gallery.act("compare")
        elif self.current is not self.compare:  # where the lanes are what is compared
            self._compare([self.generate.controls.request()])

    def use_preset(self, name: str) -> None:
        """Run a comparison that is always worth making."""
        self.open("compare")
        self.compare.use_preset(name)

    def keep_history(self, size: int) -> None:
        """Let the engine remember so many MiB of steps."""
        self.preferences.settings.history = size
        self.client.keep(size << 20)
        self.remember()

    def show_request(self, request: Request) -> None:
        """Run a request again, in Generate, or where it belongs."""
        if in_plane(request.model):
            self._compare([request])
            return
        self.open("generate")
        self.generate.controls.take(request)
        self.generate.start_exactly()

    def restore(self) -> None:
        """What was open when the program was closed; where nothing was, a first look at what it does."""
        for name, workspace in self.workspaces.items():
            requests = self.session.open.get(name, [])
            if name == "compare":
                requests = requests[: self.compare.set.count]  # the file is anyone's
            if name == "generate" and not requests:
                workspace.start()
            elif name == self.current_name or name == "generate":
                workspace.show_again(requests)

    def _note_runs(self, name: str, workspace: Workspace) -> None:
        if name != "lab":
            self.session.note(name, [run.request for run in workspace.held])

    # --- keys ---

    def keyPressEvent(self, event: QKeyEvent) -> None:
        name = name_of(event)
        if name not in self._keys:
            super().keyPressEvent(event)
        elif name in REPEATED or not event.isAutoRepeat():
            self._keys[name]()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.current.release_space()
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.current.release_space()  # which is released in another window
        super().changeEvent(event)

    def start(self) -> None:
        """Run what is shown."""
        leave_all(self)
        focus = QGuiApplication.focusObject()
        if isinstance(focus, QLineEdit | QPlainTextEdit):
            focus.clearFocus()  # a number being typed counts
        self.current.start()
        if self.focusWidget() is None:
            self.current.bar.track.setFocus()  # and the keys are for what it has started

    def escape(self) -> None:
        """Put the newest toast away, and stop what runs; where there is neither, show all samples."""
        if not self.current.running:
            if self.toasts.shown:
                self.toasts.shown[-1].close_me()
            else:
                self.current.turn(0)
        self.current.stop()

    def nudge_lam(self, steps: int) -> None:
        """A little more or less stochasticity."""
        bound = self.current.bound
        if bound.has("lam"):
            self.current.inspector.fields["lam"].bump(steps)  # type: ignore[attr-defined]
        else:
            self.toasts.show(f"{SAMPLERS[bound['sampler']].label} has no stochasticity λ.", error=False)

    # --- what is remembered ---

    def remember(self, *_: object) -> None:
        """Write the settings, a moment after the last change."""
        self._saving.start()

    def _save_settings(self) -> None:
        settings, timeline = self.preferences.settings, self.current.timeline
        settings.theme = theme().choice  # type: ignore[assignment]
        settings.workspace = self.current_name  # type: ignore[assignment]
        settings.view = self.current.view  # type: ignore[assignment]
        settings.axis, settings.speed, settings.loop = timeline.axis, timeline.speed, timeline.loop  # type: ignore[assignment]
        settings.film = self.generate.timeline.film
        settings.seed_locked = self.generate.controls.seed_locked
        settings.one_path, settings.lanes = self.compare.path.isChecked(), self.compare.set.count
        settings.geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        settings.requests |= {name: controls.request().to_dict() for name, controls in self._controls.items()}
        if self.lab is not None:
            settings.layers = self.lab.panel.switched()
        problem = self.preferences.save()
        if problem:
            self.toasts.show(problem)

    def _restore(self, geometry: str) -> None:
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))

    def _on_unseen(self, what: str, names: list[str]) -> None:
        where = " and ".join(WORKSPACES[name][1] for name in names)
        self.toasts.show(f"{what}, in {where}.", error=False)

    def _on_failed(self, run: Run) -> None:
        assert run.error is not None
        if run.error.message != self.client.death:  # of which the window tells once
            self.toasts.show(run.error.message, run.error.details)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._saving.stop()
        self._save_settings()
        self.session.save()
        self.runs.stop_all()
        self.hide()  # what is closing may take a while: a training writes its checkpoint
        self.closing.emit()
        event.accept()
