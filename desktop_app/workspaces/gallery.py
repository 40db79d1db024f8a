"""Gallery: what was made, newest first, with search by parameters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPushButton, QStackedWidget, QWidget

from desktop_app.engine_client import EngineClient
from desktop_app.state.gallery import Gallery
from desktop_app.state.gallery_files import Picture
from desktop_app.state.gallery_search import HELP
from desktop_app.state.runs import Runs
from desktop_app.state.undo import Undo
from desktop_app.widgets.gallery_bar import Progress
from desktop_app.widgets.gallery_detail import Detail
from desktop_app.widgets.gallery_grid import PictureGrid
from desktop_app.widgets.gallery_large import LargePicture
from desktop_app.widgets.layout import IconButton, column, fill, label, line, row
from desktop_app.workspaces.gallery_actions import GalleryActions
from desktop_app.workspaces.workspace import EmptyState, Workspace

TYPED_MS = 150


class GalleryWorkspace(Workspace):
    """A grid, or one picture large; at the right what is known of it. It has no lanes, and so no timeline."""

    open_wanted = Signal(list, str)  # requests, and where: "generate", "branch", "compare"
    told = Signal(str, str, object)  # a sentence, what a button says, and what it does
    folder_changed = Signal(str)
    has_lanes = False

    def __init__(self, client: EngineClient, runs: Runs, undo: Undo, folder: Path) -> None:
        super().__init__(runs)
        self.gallery = Gallery(folder, self)
        self.deeds = GalleryActions(client, self.gallery, undo, self)
        self.grid = PictureGrid(self.gallery)
        self.large = LargePicture()
        self.detail = Detail()
        self.progress_bar = Progress()
        self.search = QLineEdit()
        self.search.setAccessibleName("Search")
        self.search.setPlaceholderText('lam=1  steps>20  model:digits  seed=3  "three"')
        self.search.setToolTip(HELP)
        self.search.setMinimumWidth(320)
        self.trash_button = IconButton("archive-x", "Empty the trash…")
        self.folder_button = IconButton("folder-open", "Choose the gallery’s folder…")
        for widget in (self.search, self.trash_button, self.folder_button):
            self.header.addWidget(widget)
        self.bar.track.setFocusProxy(self.search)
        self.summary.setText("Gallery")
        self.empty = EmptyState("Pictures that you save in Generate with Ctrl+S are kept here.", "Go to Generate")
        self.none = NothingFound()
        self.pages = QStackedWidget()
        for page in (self.empty, self.grid, self.large, self.none):
            self.pages.addWidget(page)
        left = column(self.pages, self.progress_bar, spacing=0)
        left.setStretch(0, 1)
        centre = row(spacing=0)
        centre.addLayout(left, 1)
        centre.addWidget(line(vertical=True))
        centre.addWidget(self.detail)
        self.centre.addLayout(centre, 1)
        self._typing = QTimer(self, interval=TYPED_MS, singleShot=True)
        self._connect()
        self._show()

    def _connect(self) -> None:
        self._typing.timeout.connect(lambda: self.gallery.look_for(self.search.text()))
        self.search.textChanged.connect(lambda: self._typing.start())
        self.search.returnPressed.connect(self.grid.setFocus)
        self.none.button.clicked.connect(self.search.clear)
        self.trash_button.clicked.connect(self.deeds.offer_trash)
        self.folder_button.clicked.connect(
            lambda: self.deeds.ask_folder().fileSelected.connect(lambda to: self.choose_folder(Path(to)))
        )
        self.empty.button.clicked.connect(lambda: self.open_wanted.emit([], "generate"))
        self.gallery.changed.connect(self._show)
        self.gallery.progressed.connect(self.progress.setText)
        self.gallery.problem.connect(self.problem)
        self.deeds.said.connect(self.problem)
        self.deeds.told.connect(self.told)
        self.deeds.open_wanted.connect(self.open_wanted)
        self.deeds.judged.connect(self._judge)
        self.deeds.exporting.progressed.connect(self.progress_bar.tell)
        self.progress_bar.stop.clicked.connect(self.deeds.exporting.stop)
        self.grid.selection_changed.connect(self._tell)
        self.grid.opened.connect(self.enlarge)
        self.grid.star_wanted.connect(lambda: self.act("star"))
        self.grid.delete_wanted.connect(lambda: self.act("delete"))
        self.grid.search_wanted.connect(self.search.setFocus)
        self.large.left.connect(self.leave)
        self.detail.wanted.connect(self.act)

    # --- what a workspace is asked ---

    def refresh(self) -> None:
        """Nothing here follows a timeline."""

    def start(self) -> None:
        """Run what is selected."""
        self.act("open")

    def stop(self) -> None:
        """Stop an export, go back to the grid, and let a search be."""
        self.deeds.exporting.stop()
        if self.search.hasFocus():
            self.search.clear()
        self.leave()

    def open(self) -> None:
        """The workspace is shown: look what is in the folder."""
        if not self.gallery.loaded:
            self.gallery.empty_trash()
        self.gallery.refresh()
        self._focus()

    def close_gallery(self) -> None:
        """Wait for nothing more: the window closes."""
        self.gallery.close()
        self.deeds.close()
        self.large.stop()

    # --- what is shown ---

    def enlarge(self, name: str) -> None:
        """Show one picture large; it alone is selected then, and what is done is done with it."""
        self.grid.select([name])
        self._show_large(name)
        self.pages.setCurrentWidget(self.large)
        self.large.setFocus()

    def _show_large(self, name: str) -> None:
        self.large.show_file(self.gallery.folder / name, self.gallery.thumbnail(name))

    def leave(self) -> None:
        """Back to the grid."""
        if self.pages.currentWidget() is self.large:
            self._show_page()
            self._focus()

    def reveal(self, names: list[str]) -> None:
        """Show pictures of the folder, selected, when they have been read."""
        self.leave()
        self.search.clear()
        self.gallery.look_for("")

        def select() -> None:
            if all(name in self.grid.pictures.row_of for name in names):
                self.gallery.changed.disconnect(select)
                self.grid.select(names)

        self.gallery.changed.connect(select)
        self.gallery.refresh()
        select()

    @property
    def chosen(self) -> list[Picture]:
        """The pictures that are selected."""
        return [self.gallery.pictures[name] for name in self.grid.selected() if name in self.gallery.pictures]

    def _show(self) -> None:
        """What there is has changed."""
        shown, total = len(self.gallery.shown), len(self.gallery.pictures)
        stars = f" · {len(self.gallery.starred)} starred" if self.gallery.starred else ""
        many = f"{total} picture{'' if total == 1 else 's'}"
        self.facts.setText(f"{shown} of {many}" if shown != total else f"{many}{stars}" if total else "")
        self.search.setEnabled(total > 0)
        self.search.setProperty("invalid", "true" if self.gallery.search.problem else "false")
        self.search.style().polish(self.search)
        self.none.text.setText(self.gallery.search.problem or "No picture is like that.")
        if self.pages.currentWidget() is not self.large or not self.chosen:
            self._show_page()
        elif self.large.path is None or self.large.path.name != self.chosen[0].name:  # deleted, or searched for others
            self._show_large(self.chosen[0].name)
        self._tell()

    def _show_page(self) -> None:
        if not self.gallery.pictures:
            self.pages.setCurrentWidget(self.empty)
        elif not self.gallery.shown or self.gallery.search.problem:
            self.pages.setCurrentWidget(self.none)
        else:
            self.pages.setCurrentWidget(self.grid)

    def _tell(self) -> None:
        self.detail.show_pictures(self.chosen, self.gallery.starred)

    def _judge(self, name: str, verdict: str) -> None:
        if [name] == self.grid.selected():
            self.detail.tell_verdict(verdict)

    def _focus(self) -> None:
        page = self.pages.currentWidget()
        target = {self.empty: self.empty.button, self.none: self.none.button}.get(page, page)  # type: ignore[arg-type]
        (target or self.grid).setFocus()

    # --- what is done ---

    def act(self, name: str) -> None:
        """Do what a button or a key is for, with what is selected."""
        chosen, button = self.chosen, self.detail.buttons.get(name)
        if not chosen:
            self.problem.emit("No picture is selected.")
        elif button is None or button.isEnabled():
            self.deeds.act(name, chosen)

    def choose_folder(self, folder: Path) -> None:
        """Show, and save into, another folder."""
        self.gallery.open(folder)
        self.folder_changed.emit(str(folder))

    # --- keys ---

    def keyPressEvent(self, event: QKeyEvent) -> None:
        act = self._key(event)
        if act is None:
            super().keyPressEvent(event)
        else:
            act()

    def _key(self, event: QKeyEvent) -> Callable[[], object] | None:
        """What a key is for here; one that is for a timeline does nothing."""
        key, modifiers = Qt.Key(event.key()), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if modifiers & ~Qt.KeyboardModifier.ShiftModifier:
            return None
        if self.pages.currentWidget() is self.large:
            by = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(key)
            if by is not None:
                return lambda: self._turn(by)
            if key in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
                return self.leave
        names = {Qt.Key.Key_S: "star", Qt.Key.Key_Delete: "delete", Qt.Key.Key_B: "branch", Qt.Key.Key_C: "compare"}
        if key in names:
            return lambda: self.act(names[key])
        if key == Qt.Key.Key_Slash:
            return self.search.setFocus
        return None if key in (Qt.Key.Key_Escape, Qt.Key.Key_Question) else lambda: None

    def _turn(self, by: int) -> None:
        """The picture before or after the one that is shown large."""
        row = self.grid.currentIndex().row() + by
        if 0 <= row < len(self.grid.pictures.rows):
            self.enlarge(self.grid.pictures.rows[row].name)


class NothingFound(QWidget):
    """Where a search finds nothing, or is not understood."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.text = label("", "soft")
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.button = QPushButton("Clear the search")
        layout = column(None, self.text, self.button, None, spacing=16)
        layout.setAlignment(self.button, Qt.AlignmentFlag.AlignHCenter)
        fill(layout, (60, 0, 60, 0), 16)
        self.setLayout(layout)
