"""Saving what is shown, into the gallery or where one is asked for, and copying it as a command."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from desktop_app.state import saving
from desktop_app.state.gallery_files import default_folder
from desktop_app.state.runs import Run
from desktop_app.state.saving import NotSavedError, Page
from desktop_app.widgets.save_dialog import ask_where
from engine.spelling import as_command

if TYPE_CHECKING:
    from desktop_app.window import Window

Shown = tuple[Run, str, int]  # a run, a view, a position


class Keeping(QObject):
    """What Ctrl+S, Ctrl+Shift+S and Ctrl+Shift+C do."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def folder(self) -> Path:
        """Where pictures are kept."""
        chosen = self.window.preferences.settings.gallery
        return Path(chosen) if chosen else default_folder()

    def save(self) -> None:
        """Save what is shown into the gallery, without a question; the lab and a sweep ask what to save."""
        if not self._by_itself() and (shown := self._shown()):
            self._start(self._keep(shown))

    def save_as(self) -> None:
        """Ask for a place, and save what is shown there."""
        if self._by_itself() or not (shown := self._shown()):
            return
        kinds = {"png": "PNG images (*.png)"}
        ask_where(
            self.window, "Save the pictures", "scorescope.png", kinds, lambda to: self._start(self._write(shown, to))
        )

    def copy_command(self) -> None:
        """The command line that makes what is shown, or what the controls are set to."""
        if self.window.current is self.window.gallery:
            self.window.gallery.act("command")
            return
        if not self.window.current.sets:
            self.window.toasts.show("There is nothing here that a command would make.", error=False)
            return
        runs = [run for run in self.window.current.saved if isinstance(run, Run)]
        request = runs[0].request if runs else self.window.current.bound.request()
        QGuiApplication.clipboard().setText(as_command(request))
        self.window.toasts.show("The command is copied.", error=False)

    def _by_itself(self) -> bool:
        """Whether the workspace saves what it shows by itself."""
        current = self.window.current
        if current in (self.window.lab, self.window.sweep):
            current.save_what_is_shown()
            return True
        if current is self.window.gallery:
            self.window.gallery.act("export")
            return True
        return False

    def _shown(self) -> list[Shown]:
        """What is on screen in this moment, of each run."""
        runs = [run for run in self.window.current.saved if isinstance(run, Run) and run.frames]
        if not runs:
            clouds = bool(self.window.current.saved)
            said = "Clouds are saved in Lab 2D." if clouds else "There is no picture to save yet."
            self.window.toasts.show(said, error=False)
        view, timeline = self.window.current.view, self.window.current.timeline
        return [(run, view, timeline.frame_of(run)) for run in runs]

    async def _pages(self, shown: list[Shown]) -> list[Page]:
        return [await saving.page(*one, self.window.client.about) for one in shown]

    async def _keep(self, shown: list[Shown]) -> None:
        paths = await saving.keep(await self._pages(shown), self.folder)
        names = [path.name for path in paths]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        self.window.toasts.show(f"Saved {names[0]}{more}.", "", ("Show", partial(self._show, names)), error=False)
        if self.window.gallery is not None:
            self.window.gallery.gallery.refresh()

    async def _write(self, shown: list[Shown], path: Path) -> None:
        await saving.write(await self._pages(shown), path)
        self.window.toasts.show(f"Saved as {path.name}.", error=False)

    def _show(self, names: list[str]) -> None:
        self.window.open("gallery")
        assert self.window.gallery is not None
        self.window.gallery.reveal(names)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        async def told() -> None:
            try:
                await work
            except NotSavedError as error:
                self.window.toasts.show(str(error))

        task = asyncio.ensure_future(told())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
