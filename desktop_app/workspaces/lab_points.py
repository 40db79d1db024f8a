"""How a person's own points come into the lab: by brush, by word, by file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog

from desktop_app.state.lab import Lab
from desktop_app.state.lab_cloud import Array
from desktop_app.state.lab_painting import ERASER, Painting, Places
from desktop_app.state.latest import Latest
from desktop_app.widgets.lab_make import MakePoints
from desktop_app.widgets.plane_view import PlaneView
from engine import wire
from engine.data import points
from engine.files import FileError

RADIUS = 0.14  # of the brush, as it is shown
FILES = "Points and images (*.csv *.tsv *.txt *.npy *.npz *.png *.jpg *.jpeg *.gif *.bmp);;All files (*)"


class OwnPoints(QObject):
    """Keeps points in the engine, and makes the lab's distribution of them."""

    said = Signal(str)
    painted = Signal(bool)  # the hand is a brush now, or a probe again

    def __init__(self, lab: Lab, latest: Latest, make: MakePoints, view: PlaneView) -> None:
        super().__init__(lab)
        self.lab, self.make, self.view = lab, make, view
        self.painting = Painting(self)
        self.on = False
        self.tool = "brush"
        self._latest = latest
        self._reading: asyncio.Task[None] | None = None
        self._instead_of = ""  # the distribution whose place the points take; where it has another by then, they do not
        make.paint_wanted.connect(self.paint)
        make.tool_chosen.connect(self.choose_tool)
        make.undo.clicked.connect(lambda: self.step(self.painting.undo))
        make.redo.clicked.connect(lambda: self.step(self.painting.redo))
        make.clear.clicked.connect(lambda: self.step(self.painting.clear))
        make.word_given.connect(self.take_word)
        make.file_wanted.connect(self.ask_for_file)
        view.brush.connect(self._touch)
        view.brush_ended.connect(self._lift)
        self.painting.changed.connect(self._show)
        latest.answered.connect(self._on_kept)
        latest.refused.connect(lambda channel, error: self.said.emit(str(error)) if channel == "points" else None)

    def paint(self, on: bool) -> None:
        """Begin to paint, on what was painted before, or stop."""
        if on:
            own = str(self.lab.lanes[0]["model"]).startswith("points-")
            self.painting.begin(self.lab.points if own else np.zeros((0, 2), np.float32))
            self.lab.timeline.seek(self.lab.timeline.length)
            self.lab.put_probe(None)
        elif not len(self.painting.points):
            self.said.emit("Nothing is painted yet: draw with the mouse first.")
        elif self.painting.can_undo:
            self._keep(self.painting.points)  # for good, and not as one of many strokes
        self.on = on
        self.painted.emit(on)
        self.make.show_painting(on)
        self.choose_tool(self.tool)
        self._show()

    def choose_tool(self, tool: str) -> None:
        """Brush or eraser."""
        self.tool = tool
        self.make.tools.choose(tool)
        self.view.set_brush((ERASER if tool == "eraser" else RADIUS) if self.on else None, tool == "eraser")

    def step(self, act: Callable[[], None]) -> None:
        """Undo, redo or clear, and take over what is left."""
        act()
        self._lift()

    def take_word(self, word: str) -> None:
        """Points in the form of a word."""
        self._take(lambda: points.from_text(word))

    def ask_for_file(self) -> None:
        """Let a file be chosen."""
        dialog = QFileDialog(self.make, "Open points or an image", "", FILES)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.take_file(Path(path)))
        dialog.open()

    def take_file(self, path: Path) -> None:
        """Points from a file."""
        self._take(lambda: points.read(path))

    def _take(self, read: Callable[[], points.Points]) -> None:
        async def reading() -> None:
            try:
                found = await asyncio.to_thread(read)  # a million rows take a second, in which the window lives on
            except (FileError, ValueError) as error:
                sentence = str(error)
                self.said.emit(sentence[0].upper() + sentence[1:].rstrip(".") + ".")
                return
            self.said.emit(found.message)
            self._keep(found.points)

        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(reading())

    def _keep(self, found: Array, passing: bool = False) -> None:
        needed = [name for lane in self.lab.lanes if (name := lane["model"]).startswith("points-")]
        asked = {"passing": passing, "needed": needed}
        self._instead_of = self.lab.lanes[0]["model"]
        self._latest.want("points", "points", asked, np.ascontiguousarray(found, np.float32))

    def _on_kept(self, channel: str, values: dict[str, Any], _: wire.Arrays) -> None:
        if channel == "points":
            if values["message"]:
                self.said.emit(values["message"])
            if self.lab.lanes[0]["model"] == self._instead_of:
                self.lab.lanes[0].set("model", values["model"])
                self._instead_of = values["model"]  # another answer may be on its way

    def _touch(self, places: Places, erase: bool) -> None:
        self.painting.touch(places, erase)

    def _lift(self) -> None:
        self.painting.end()
        if len(self.painting.points):
            self._keep(self.painting.points, passing=True)

    def _show(self) -> None:
        if self.on:
            self.view.show_layer("data", True)
            self.view.set_data(self.painting.points)
        self.make.show_state(len(self.painting.points), self.painting.can_undo, self.painting.can_redo)
