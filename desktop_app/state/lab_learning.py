"""A small network that learns the score of the distribution that is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from desktop_app.engine_client import RefusedError
from engine import wire

STEPS = 20_000
WIDTH = 128


class Client(Protocol):
    """What is needed of the engine client."""

    def ask(
        self, what: str, values: dict[str, Any], *arrays: NDArray[np.generic]
    ) -> AsyncGenerator[tuple[dict[str, Any], wire.Arrays], None]: ...


class Learning(QObject):
    """Denoising score matching under way, paused, or done; its curve, and the name under which it is kept."""

    changed = Signal()
    named = Signal(str)  # the network so far is kept under this name
    refused = Signal(str)

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._task: asyncio.Task[None] | None = None
        self.model = ""
        self.name: str | None = None
        self.width, self.seed = WIDTH, 0
        self.steps: list[int] = []
        self.errors: list[float] = []  # of what the best guess without a network is wrong by, the share that is left
        self.loss, self.floor = 0.0, 0.0  # of the last report, and that of the exact denoiser

    @property
    def running(self) -> bool:
        """Whether it is learning now."""
        return self._task is not None

    def start(self, model: str) -> None:
        """Learn, going on with the network of this distribution where there is one."""
        if self._task is None:
            if model != self.model:
                self.forget()
            self.model = model
            self._task = asyncio.ensure_future(self._follow(model))
            self.changed.emit()

    def pause(self) -> None:
        """Stop here; what has been learned is kept."""
        if self._task is not None:
            self._task.cancel()

    def forget(self) -> None:
        """Begin anew with the next start."""
        self.pause()
        self.model, self.name, self.steps, self.errors = "", None, [], []
        self.width, self.seed = WIDTH, 0
        self.changed.emit()

    def adopt(self, values: dict[str, Any]) -> None:
        """Take over a network that was loaded, to go on with."""
        self.forget()
        self.model, self.width, self.seed = values["of"], values["width"], values["seed"]
        self._hear(values)

    async def _follow(self, model: str) -> None:
        done = self.steps[-1] if self.steps else 0
        asked = {"model": model, "steps": STEPS * (done // STEPS + 1), "learned": self.name}
        try:
            async with aclosing(self._client.ask("learn", {**asked, "width": self.width, "seed": self.seed})) as pieces:
                async for values, _ in pieces:
                    self._hear(values)
        except RefusedError as error:
            self.refused.emit(str(error))
        finally:
            self._task = None
            self.changed.emit()

    def _hear(self, values: dict[str, Any]) -> None:
        self.steps.append(values["step"])
        self.errors.append(values["error"])
        self.loss, self.floor = values["loss"], values["floor"]
        self.name = values["model"]
        self.named.emit(self.name)
        self.changed.emit()
