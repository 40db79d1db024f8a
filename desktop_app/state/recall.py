"""Fetching the pictures that the window no longer holds from the engine's history, the newest want first.

A run that the engine does not remember, as after a restart, is walked again from its request: the same pixels. One
that would be in another precision now is lost instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, SignalInstance

from desktop_app.engine_client import RefusedError
from desktop_app.state.latest import Latest
from engine import wire
from engine.request import Request

if TYPE_CHECKING:
    from desktop_app.state.runs import Run

EIGHT_BITS, NOT_KEPT = "8-bit", "not kept"


class Client(Protocol):
    """What is needed of the engine client."""

    ready: SignalInstance

    def run(self, request: Request) -> AsyncIterator[tuple[wire.Event, wire.Arrays]]: ...

    async def answer(
        self, what: str, values: dict[str, Any], *arrays: NDArray[np.generic]
    ) -> tuple[dict[str, Any], wire.Arrays]: ...


class Recall(QObject):
    """Asks for what runs want, one question of a kind and run at a time."""

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self.latest = Latest(client, self)
        self.latest.answered.connect(self._on_answer)
        self.latest.refused.connect(self._on_refusal)
        self._runs: dict[str, Run] = {}  # by channel
        self._wants: dict[str, tuple[str, dict[str, Any]]] = {}  # by channel: the question without the run's number
        self._again: dict[Run, asyncio.Task[None]] = {}
        client.ready.connect(self._ask_again)

    def follow(self, run: Run) -> None:
        """Fetch what this run wants."""
        run.wanted.connect(partial(self._want_pictures, run))
        run.strip_wanted.connect(partial(self._want_strip, run))

    def forget(self, run: Run) -> None:
        """Want nothing more for a run."""
        for channel in [channel for channel, its in self._runs.items() if its is run]:
            self.latest.forget(channel)
            del self._runs[channel]
            self._wants.pop(channel, None)
        if task := self._again.pop(run, None):
            task.cancel()

    def stop(self) -> None:
        """Want nothing more at all."""
        for run in {*self._runs.values(), *self._again}:
            self.forget(run)

    def _want_pictures(self, run: Run, view: str, place: int) -> None:
        self._want(run, "picture", {"view": view, "place": place})

    def _want_strip(self, run: Run, view: str, sample: int, places: list[int]) -> None:
        self._want(run, "strip", {"view": view, "sample": sample, "places": places})

    def _want(self, run: Run, what: str, values: dict[str, Any]) -> None:
        channel = f"{what} {id(run)}"
        if self._wants.get(channel) == (what, values):  # asked already
            return
        self._runs[channel], self._wants[channel] = run, (what, values)
        self._ask(channel)

    def _ask(self, channel: str) -> None:
        run, (what, values) = self._runs[channel], self._wants[channel]
        if run.number and run not in self._again:  # else it is asked when it has been walked again
            self.latest.want(channel, what, {"run": run.number, **values})

    def _ask_again(self) -> None:
        """What was asked of an engine that has ended, of the one in its place."""
        for channel in self._wants:
            self._ask(channel)

    def _on_answer(self, channel: str, values: dict[str, Any], arrays: wire.Arrays) -> None:
        run = self._runs.get(channel)
        if run is None:
            return
        _, asked = self._wants.get(channel, ("", {}))
        if asked and all(values[name] == value for name, value in asked.items()):
            del self._wants[channel]
        pictures = arrays[0] if arrays else None
        if "place" in values:
            note = "" if values["exact"] else EIGHT_BITS if arrays else NOT_KEPT
            run.take(values["view"], values["place"], pictures, note, values["scale"])
        else:
            run.take_stills(values["view"], values["sample"], values["places"], values["found"], pictures)

    def _on_refusal(self, channel: str, error: RefusedError) -> None:
        run = self._runs.get(channel)
        if run is None or channel not in self._wants or not error.field:  # without a field: the engine has ended
            return
        if error.field == "run":
            if run not in self._again:
                self._again[run] = asyncio.ensure_future(self._walk(run))
            return
        what, values = self._wants.pop(channel)
        if what == "picture":
            run.take(values["view"], values["place"], None, NOT_KEPT)

    async def _walk(self, run: Run) -> None:
        """Walk a run again, as far as it had come: its pictures pass by, and the engine remembers it anew."""
        own, number = run.frames - run.begins, 0
        events = self._client.run(run.request)
        try:
            async for event, arrays in events:
                match event:
                    case wire.Started():
                        if event.precision != run.precision:
                            run.lose("The engine calculates in another precision by now.")
                            break
                        number = event.run
                    case wire.Stepped():
                        run.put(event.index, arrays[0], arrays[1])
                        if event.index + 1 == own:
                            break
                    case wire.Finished():
                        run.put(own - 1, arrays[0], arrays[0])
                    case wire.Failed():
                        run.lose(event.message)
        finally:
            await events.aclose()  # type: ignore[attr-defined]
            if self._again.get(run) is asyncio.current_task():
                del self._again[run]
        run.number = number
        for channel in [channel for channel, its in self._runs.items() if its is run and channel in self._wants]:
            self._ask(channel)
