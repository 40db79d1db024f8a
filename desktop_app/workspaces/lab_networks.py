"""A network that was learned, in a file of a person's own: saved, and loaded again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog

from desktop_app.engine_client import EngineClient, RefusedError
from desktop_app.state.lab import Lab
from desktop_app.state.lab_learning import Learning
from desktop_app.widgets.lab_score import ScorePanel
from engine.files import write

FILES = "Networks (*.safetensors)"
MAX_BYTES = 1 << 27  # of a file; the widest network has a fifth of it


class Networks(QObject):
    """Asks for a place; what is in a file is looked at by the engine alone."""

    said = Signal(str)
    loaded = Signal()

    def __init__(self, client: EngineClient, lab: Lab, learning: Learning, panel: ScorePanel) -> None:
        super().__init__(lab)
        self._client, self.lab, self.learning, self.panel = client, lab, learning, panel
        self.task: asyncio.Task[None] | None = None
        panel.save.clicked.connect(self.ask_where)
        panel.load.clicked.connect(self.ask_which)

    def ask_where(self) -> None:
        """Let a place be chosen."""
        dialog = QFileDialog(self.panel, "Save the network", f"{self.learning.model}.safetensors", FILES)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("safetensors")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.save(Path(path)))
        dialog.open()

    def ask_which(self) -> None:
        """Let a file be chosen."""
        dialog = QFileDialog(self.panel, "Load a network", "", f"{FILES};;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.load(Path(path)))
        dialog.open()

    def save(self, path: Path) -> None:
        """Write the network as it is now."""
        if self.learning.name is not None:
            self._do(path, "saved", self._save(path, self.learning.name))

    def load(self, path: Path) -> None:
        """Go on with the network in a file, over the distribution that it learned from."""
        self._do(path, "loaded", self._load(path))

    def _do(self, path: Path, done: str, doing: Coroutine[Any, Any, str]) -> None:
        async def said() -> None:
            try:
                self.said.emit(await doing)
            except OSError as error:
                self.said.emit(f"{path.name} could not be {done}: {error.strerror or error}.")
            except RefusedError as error:
                self.said.emit(f"{path.name} could not be {done}: {error}")

        if self.task is None or self.task.done():
            self.task = asyncio.ensure_future(said())
        else:
            doing.close()

    async def _save(self, path: Path, name: str) -> str:
        _, (data,) = await self._client.answer("save-network", {"learned": name})
        await asyncio.to_thread(write, path, data.tobytes())
        return f"Saved as {path.name}."

    async def _load(self, path: Path) -> str:
        data = await asyncio.to_thread(read, path)
        values, _ = await self._client.answer("load-network", {}, np.frombuffer(data, np.uint8))
        self.learning.pause()
        self.lab.lanes[0].set("model", values["of"])
        self.learning.adopt(values)
        self.loaded.emit()
        return f"{path.name}: step {values['step']:,}, error {values['error']:.1%}."


def read(path: Path) -> bytes:
    """A file's bytes. Raises OSError, also where it is too large to be a network."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(f"it has more than {MAX_BYTES >> 20} MB")
    return data
