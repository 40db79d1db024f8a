"""Saving a sweep: the page that is shown, on paper, or the table of its cells."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from desktop_app.state.sweep import SweepRun
from desktop_app.widgets.save_dialog import ask_where
from engine.files import write
from engine.sweep import chart, sheet
from engine.sweep.folder import table

FILTERS = {"png": "What is shown, on paper (*.png)", "csv": "Table of all cells (*.csv)"}


class SweepExport(QObject):
    """Asks for a place, and writes what its name says."""

    said = Signal(str)

    def __init__(self, run: SweepRun, shown: QWidget) -> None:
        super().__init__(run)
        self.run, self.shown = run, shown
        self.figure = ""  # of the chart, where that is shown
        self.task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Let a place be chosen."""
        if not any(len(result.pictures) for result in self.run.results.values()):
            self.said.emit("There is nothing to save yet.")
            return
        ask_where(self.shown, "Save the sweep", "sweep.png", FILTERS, self.save)

    def save(self, path: Path) -> None:
        """Write a file of the kind that its name says."""
        if path.suffix.lower()[1:] not in FILTERS:
            self.said.emit(f"{path.name} must end in one of {', '.join(f'.{kind}' for kind in FILTERS)}.")
        else:
            self.task = asyncio.ensure_future(self._write(path))

    async def _write(self, path: Path) -> None:
        sweep, results, figure = self.run.sweep, dict(self.run.results), self.figure
        assert sweep is not None

        def work() -> None:
            if path.suffix.lower() == ".csv":
                write(path, table(sweep, results).encode())
            else:
                page = chart.draw(sweep, results, figure) if figure else sheet.page(sweep, results)
                write(path, sheet.png(page, sweep))

        try:
            await asyncio.to_thread(work)  # a large grid takes seconds
        except OSError as error:
            self.said.emit(f"The sweep could not be saved: {error.strerror or error}.")
        else:
            self.said.emit(f"Saved as {path.name}.")
