"""Asking while a hand moves: the newest question counts, and at most one of a kind is under way."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from desktop_app.engine_client import RefusedError
from engine import wire

Question = tuple[str, dict[str, Any], tuple[NDArray[np.generic], ...]]


class Client(Protocol):
    """What is needed of the engine client."""

    async def answer(
        self, what: str, values: dict[str, Any], *arrays: NDArray[np.generic]
    ) -> tuple[dict[str, Any], wire.Arrays]: ...


class Latest(QObject):
    """Channels, each with one ask under way: a newer want replaces one that waits, and is sent when that is answered.

    So what is shown follows the hand as fast as the engine can, and ends where the hand ends.
    """

    answered = Signal(str, object, object)  # the channel, values, arrays
    refused = Signal(str, object)  # the channel, a RefusedError

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._waiting: dict[str, Question] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def want(self, channel: str, what: str, values: dict[str, Any], *arrays: NDArray[np.generic]) -> None:
        """Ask on a channel, as soon as what is under way there is answered."""
        self._waiting[channel] = what, values, arrays
        if channel not in self._tasks:
            self._tasks[channel] = asyncio.ensure_future(self._follow(channel))

    def is_busy(self, channel: str) -> bool:
        """Whether an answer is still to come on this channel."""
        return channel in self._tasks

    def forget(self, channel: str) -> None:
        """Want nothing more on this channel: what is under way is dropped, and no signal tells of it."""
        self._waiting.pop(channel, None)
        if task := self._tasks.pop(channel, None):
            task.cancel()

    def stop(self) -> None:
        """Want nothing more at all."""
        for channel in list(self._tasks):
            self.forget(channel)

    async def _follow(self, channel: str) -> None:
        """Ask what waits, until nothing does."""
        try:
            while channel in self._waiting:
                what, values, arrays = self._waiting.pop(channel)
                try:
                    answer = await self._client.answer(what, values, *arrays)
                except RefusedError as error:
                    if isValid(self):  # else the window has gone meanwhile
                        self.refused.emit(channel, error)
                else:
                    self.answered.emit(channel, *answer)
        finally:
            if self._tasks.get(channel) is asyncio.current_task():  # else forgotten
                del self._tasks[channel]
