"""The window: the rail, the workspaces, the keys, the toasts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QStackedWidget, QToolButton, QWidget

from desktop_app.engine_client import EngineClient
from desktop_app.state.controls import Controls
from desktop_app.state.preferences import Preferences
from desktop_app.state.runs import Run, Runs
from desktop_app.theme import theme
from desktop_app.widgets.cheat_sheet import CheatSheet
from desktop_app.widgets.layout import IconButton, column, fill, line, row
from desktop_app.widgets.toast import Toasts
from desktop_app.workspaces.compare import CompareWorkspace
from desktop_app.workspaces.generate import GenerateWorkspace
from desktop_app.workspaces.workspace import Workspace
from engine.catalog import SAMPLERS
from engine.pictures import save_png, sheet
from engine.request import Request

if TYPE_CHECKING:
    from desktop_app.workspaces.lab import LabWorkspace

RAIL = {
    "generate": ("sparkles", "Generate"),
    "lab": ("chart-scatter", "Lab 2D"),
    "compare": ("columns-2", "Compare"),
}
THEMES = {"system": ("sun-moon", "light"), "light": ("sun", "dark"), "dark": ("moon", "system")}  # icon, next
SAVE_AFTER_MS = 800


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
        self.runs = Runs(client, self)
        settings = preferences.settings
        self.generate = GenerateWorkspace(self.runs, preferences.request("generate", Request()))
        lane_b = preferences.request("b", Request(lam=1.0))
        self.compare = CompareWorkspace(self.runs, preferences.request("a", Request()), lane_b)
        self.lab: LabWorkspace | None = None  # made when it is first opened: its plots take a while to import
        self.workspaces: dict[str, Workspace] = {"generate": self.generate, "compare": self.compare}
        self.stack = QStackedWidget()
        self._rail_buttons: dict[str, QToolButton] = {}
        layout = row(self._rail(), line(vertical=True), self.stack, spacing=0)
        self.setLayout(layout)
        self.toasts = Toasts(self, lambda: self.height() - self.current.bar.height())
        self.cheat_sheet = CheatSheet(self)
        self._keys = self._key_map()
        QShortcut(QKeySequence("Ctrl+Return"), self, self._start)
        QShortcut(QKeySequence("Ctrl+Enter"), self, self._start)
        QShortcut(QKeySequence("Ctrl+S"), self, self.save_picture)
        for number, name in enumerate(RAIL, 1):
            QShortcut(QKeySequence(f"Ctrl+{number}"), self, lambda name=name: self.open(name))
        self._restore(settings.geometry)
        for workspace in self.workspaces.values():
            self._add(workspace)
        self.compare.path.setChecked(settings.one_path)
        self.compare.path.toggled.connect(self._remember)
        for controls in self._controls().values():
            controls.seed_locked = settings.seed_locked
            controls.changed.connect(self._remember)
        self._saving = QTimer(self, interval=SAVE_AFTER_MS, singleShot=True)
        self._saving.timeout.connect(self._save_settings)
        self.runs.failed.connect(self._on_failed)
        client.died.connect(lambda text: self.toasts.show(text))
        client.gave_up.connect(lambda text, words: self.toasts.show(text, words, ("Start it again", client.start)))
        theme().changed.connect(self._paint_rail)
        theme().choose(settings.theme)
        self.open(settings.workspace)
        for problem in preferences.problems:
            self.toasts.show(problem)

    def _add(self, workspace: Workspace) -> None:
        settings = self.preferences.settings
        self.stack.addWidget(workspace)
        workspace.problem.connect(lambda text: self.toasts.show(text, error=False))
        workspace.set_view(settings.view)
        workspace.timeline.set_mode(axis=settings.axis, speed=settings.speed, loop=settings.loop)
        workspace.view_changed.connect(self._share_view)
        workspace.timeline.mode_changed.connect(self._remember)
        workspace.inspector.unfold(settings.more)
        workspace.inspector.unfolded.connect(self._unfold)

    def _make_lab(self) -> LabWorkspace:
        """The lab, with what is remembered of it."""
        from desktop_app.state.lab import FIRST
        from desktop_app.workspaces.lab import LabWorkspace

        first = self.preferences.request("lab", FIRST)
        second = self.preferences.request("lab-b", first.replace(sampler="bridge", lam=1.0))
        lab = LabWorkspace(self.client, self.runs, (first, second), self.preferences.settings.layers)
        self._add(lab)
        lab.layers_changed.connect(self._remember)
        for controls in lab.controls:
            controls.changed.connect(self._remember)
        return lab

    @property
    def current_name(self) -> str:
        """The name of the workspace that is shown."""
        return next(name for name, workspace in self.workspaces.items() if workspace is self.stack.currentWidget())

    @property
    def current(self) -> Workspace:
        """The workspace that is shown."""
        return self.workspaces[self.current_name]

    def open(self, name: str) -> None:
        """Show a workspace."""
        if name == "lab":
            if self.lab is None:
                self.lab = self.workspaces["lab"] = self._make_lab()
            self.lab.open()
        self.stack.setCurrentWidget(self.workspaces[name])
        self._rail_buttons[name].setChecked(True)
        self.current.bar.track.setFocus()
        self._paint_rail()
        self._remember()

    def _share_view(self, view: str) -> None:
        for workspace in self.workspaces.values():
            if workspace.view != view:
                workspace.set_view(view)
        self._remember()

    def _unfold(self, title: str, on: bool) -> None:
        more = self.preferences.settings.more
        self.preferences.settings.more = [*(other for other in more if other != title), *([title] if on else [])]
        for workspace in self.workspaces.values():
            workspace.inspector.unfold(self.preferences.settings.more)
        self._remember()

    def send_to_compare(self) -> None:
        """Put what Generate is set to beside itself with the other λ, and run both."""
        self.compare.receive(self.generate.controls.request())
        self.open("compare")
        self.compare.start()

    def save_picture(self) -> None:
        """Ask for a place and save the pictures shown, with the request that made them."""
        if self.current is self.lab:
            self.lab.save_what_is_shown()
            return
        run = next(iter(self.current.timeline.lanes), None)
        if run is None or not run.frames:
            self.toasts.show("There is no picture to save yet.", error=False)
            return
        dialog = QFileDialog(self, "Save the pictures", "scorescope.png", "PNG images (*.png)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._save_to(Path(path)))
        dialog.open()

    def _save_to(self, path: Path) -> None:
        workspace = self.current
        pages = [
            sheet(run.pictures(workspace.view, workspace.timeline.frame_of(run))) for run in workspace.timeline.lanes
        ]
        try:
            for page, run, name in zip(pages, workspace.timeline.lanes, ("", "-b"), strict=False):
                save_png(path.with_stem(path.stem + name), page, run.request)
        except OSError as error:
            self.toasts.show(f"The picture could not be saved: {error.strerror or error}.")
            return
        self.toasts.show(f"Saved as {path.name}.", error=False)

    # --- keys ---

    def _key_map(self) -> dict[tuple[str, bool], Callable[[], object]]:
        return {
            ("Left", False): lambda: self.current.timeline.step(-1),
            ("Right", False): lambda: self.current.timeline.step(1),
            ("Left", True): lambda: self.current.timeline.step(-10),
            ("Right", True): lambda: self.current.timeline.step(10),
            ("Home", False): lambda: self.current.timeline.seek(0),
            ("End", False): lambda: self.current.timeline.seek(self.current.timeline.length),
            ("Space", False): lambda: self.current.timeline.play(),
            ("[", False): lambda: self._nudge_lam(-1),
            ("]", False): lambda: self._nudge_lam(1),
            ("R", False): lambda: self._bound().randomise_seed(),
            ("L", False): lambda: self.current.inspector.fields["seed"].lock.click(),  # type: ignore[attr-defined]
            ("C", False): self._compare,
            ("Esc", False): self._escape,
            ("?", True): self.cheat_sheet.open,
            ("?", False): self.cheat_sheet.open,
        }

    def keyPressEvent(self, event: QKeyEvent) -> None:
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        others = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        act = self._keys.get((QKeySequence(event.key()).toString(), shift))
        if act is None or others:
            super().keyPressEvent(event)
        else:
            act()

    def _start(self) -> None:
        focus = QGuiApplication.focusObject()
        if isinstance(focus, QWidget):
            focus.clearFocus()  # a number being typed counts
        self.current.start()

    def _compare(self) -> None:
        if self.current is self.lab:
            self.lab.set_page("one" if self.lab.page == "split" else "split")
        else:
            self.send_to_compare()

    def _escape(self) -> None:
        if self.toasts.shown and not self.current.running:
            self.toasts.shown[-1].close_me()
        self.current.stop()

    def _bound(self) -> Controls:
        controls = self.current.inspector.controls
        assert controls is not None
        return controls

    def _nudge_lam(self, steps: int) -> None:
        control = self.current.inspector.fields["lam"]
        if self._bound().has("lam"):
            control.bump(steps)  # type: ignore[attr-defined]
        else:
            self.toasts.show(f"{SAMPLERS[self._bound()['sampler']].label} has no stochasticity λ.", error=False)

    # --- the rail ---

    def _rail(self) -> QWidget:
        rail = QWidget()
        rail.setProperty("surface", "panel")
        rail.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        rail.setFixedWidth(74)
        group = QButtonGroup(rail)
        buttons = []
        for number, (name, (_, text)) in enumerate(RAIL.items(), 1):
            button = QToolButton()
            button.setProperty("role", "rail")
            button.setProperty("quiet", "true")
            button.setText(text)
            button.setCheckable(True)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setIconSize(QSize(20, 20))
            button.setFixedSize(66, 54)
            button.setAccessibleName(text)
            button.setToolTip(f"{text}  ·  Ctrl+{number}")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, name=name: self.open(name))
            group.addButton(button)
            self._rail_buttons[name] = button
            buttons.append(button)
        self._theme_button = IconButton("moon", "Theme")
        self._theme_button.clicked.connect(self._next_theme)
        self._help_button = IconButton("circle-question-mark", "Keyboard", "?")
        self._help_button.clicked.connect(lambda: self.cheat_sheet.open())
        layout = column(*buttons, None, self._theme_button, self._help_button, spacing=4)
        for widget in (*buttons, self._theme_button, self._help_button):
            layout.setAlignment(widget, Qt.AlignmentFlag.AlignHCenter)
        fill(layout, (4, 10, 4, 10), 4)
        rail.setLayout(layout)
        return rail

    def _paint_rail(self) -> None:
        for name, button in self._rail_buttons.items():
            button.setIcon(theme().icon(RAIL[name][0], "accent" if button.isChecked() else "text_soft", 20))
        icon, following = THEMES[theme().choice]
        self._theme_button.rename(f"Theme: {theme().choice}. Change to {following}", icon)

    def _next_theme(self) -> None:
        theme().choose(THEMES[theme().choice][1])
        self._remember()

    # --- what is remembered ---

    def _controls(self) -> dict[str, Controls]:
        found = {"generate": self.generate.controls, "a": self.compare.controls[0], "b": self.compare.controls[1]}
        if self.lab is not None:
            found |= {"lab": self.lab.controls[0], "lab-b": self.lab.controls[1]}
        return found

    def _remember(self, *_: object) -> None:
        if hasattr(self, "_saving"):
            self._saving.start()

    def _save_settings(self) -> None:
        settings, timeline = self.preferences.settings, self.current.timeline
        settings.theme = theme().choice  # type: ignore[assignment]
        settings.workspace = self.current_name  # type: ignore[assignment]
        settings.view = self.current.view  # type: ignore[assignment]
        settings.axis, settings.speed, settings.loop = timeline.axis, timeline.speed, timeline.loop  # type: ignore[assignment]
        settings.seed_locked = self.generate.controls.seed_locked
        settings.one_path = self.compare.path.isChecked()
        settings.geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        settings.requests |= {name: controls.request().to_dict() for name, controls in self._controls().items()}
        if self.lab is not None:
            settings.layers = self.lab.panel.switched()
        problem = self.preferences.save()
        if problem:
            self.toasts.show(problem)

    def _restore(self, geometry: str) -> None:
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))

    def _on_failed(self, run: Run) -> None:
        assert run.error is not None
        self.toasts.show(run.error.message, run.error.details)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._saving.stop()
        self._save_settings()
        self.runs.stop_all()
        if self.lab is not None:
            self.lab.close_lab()
        self.closing.emit()
        event.accept()
