"""A sweep in the window: its cells, one after another through the engine, kept in a folder as they are done."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import platformdirs
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from desktop_app.engine_client import RefusedError
from desktop_app.state.controls import Controls
from desktop_app.state.turns import Turns
from engine import catalog, wire
from engine.fields import RequestError
from engine.request import Request
from engine.sweep import Cell, Folder, Result, Sweep

ATTEMPTS = 3  # at a cell whose worker dies
OTHERS = 2_000  # cells of other sweeps that are kept
AT_ONCE = 8  # files that are read in one go


class Client(Protocol):
    """What is needed of the engine client."""

    def ask(
        self, what: str, values: dict[str, Any], *arrays: NDArray[np.generic]
    ) -> AsyncGenerator[tuple[dict[str, Any], wire.Arrays], None]: ...


def folder() -> Path:
    """Where the last sweep is kept; SCORESCOPE_CONFIG names another place."""
    own = os.environ.get("SCORESCOPE_CONFIG")
    return (Path(own) if own else Path(platformdirs.user_data_dir("scorescope", appauthor=False))) / "sweep"


class SweepControls(Controls):
    """The base of a sweep. The fields that vary have no value of their own."""

    def __init__(self, request: Request, parent: QObject | None = None) -> None:
        super().__init__(request, parent)
        self.varied: dict[str, str] = {}  # field → which axis it is

    def why_disabled(self, name: str) -> str:
        if name in self.varied:
            return f"The {self.varied[name]} of the sweep."
        return super().why_disabled(name)

    def vary(self, varied: dict[str, str]) -> None:
        """These fields vary from now on."""
        told = self.varied.keys() ^ varied.keys()
        self.varied = varied
        for name in told:
            self.changed.emit(name)


@dataclass
class Live:
    """The cell under way."""

    index: int
    step: int = 0
    steps: int = 0
    pictures: NDArray[np.uint8] | None = None


class SweepRun(QObject):
    """The sweep that is shown: what is done of it, and the work on the rest."""

    changed = Signal()  # another sweep, or another status
    cell_changed = Signal(int)
    refused = Signal(str)

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._folder = Folder(folder())
        self._turns = Turns()  # in which it is read and written, also after a sweep was stopped
        self._task: asyncio.Task[None] | None = None
        self._pausing = False
        self.sweep: Sweep | None = None
        self.results: dict[int, Result] = {}
        self.live: Live | None = None
        self._spent, self._evaluated = 0.0, 0  # seconds on the clock, since it was started, and what for
        try:
            self.sweep = self._folder.plan()
        except RequestError:  # none, or not one that this version reads: there is none to show
            return
        self.results = {cell.index: Result(reason=cell.reason) for cell in self.sweep.cells if cell.request is None}

    @property
    def running(self) -> bool:
        """Whether cells are at work, or being read."""
        return self._task is not None

    @property
    def pausing(self) -> bool:
        """Whether it stops after the cell under way."""
        return self.running and self._pausing

    @property
    def complete(self) -> bool:
        """Whether every cell is done."""
        return self.sweep is not None and len(self.results) == len(self.sweep.cells)

    def restore(self) -> None:
        """Read what is kept of the last sweep."""
        if self.sweep is not None and not self.running:
            self._begin(self._read())

    def start(self, sweep: Sweep) -> None:
        """Do what is not yet done of a sweep."""
        self.stop()
        if sweep != self.sweep:
            self.sweep = sweep
            self.results = {cell.index: Result(reason=cell.reason) for cell in sweep.cells if cell.request is None}
        self._begin(self._work(sweep))

    def pause(self, on: bool) -> None:
        """Stop after the cell under way, or go on after all."""
        self._pausing = on and self.running
        self.changed.emit()

    def stop(self) -> None:
        """Stop at once: the cell under way is done again when the sweep goes on."""
        if self._task is not None:
            self._task.cancel()
            self._over()

    def remaining(self) -> float | None:
        """Seconds that the rest is likely to take; None where nothing tells."""
        if self.sweep is None:
            return None
        rest = [cell for cell in self.sweep.cells if cell.index not in self.results]
        requests = [cell.request for cell in rest if cell.request]
        if self._evaluated:
            return self._spent / self._evaluated * sum(map(evaluations, requests))
        return estimate(requests, list(self.results.values()))

    def _begin(self, work: Any) -> None:
        self._pausing, self._spent, self._evaluated = False, 0.0, 0
        self._task = asyncio.ensure_future(work)
        self.changed.emit()

    def _over(self) -> None:
        self._task, self.live, self._pausing = None, None, False
        self.changed.emit()

    async def _read(self) -> None:
        """Take what the folder has; nothing is computed."""
        assert self.sweep is not None
        await self._load(self.sweep)
        self._over()

    async def _load(self, sweep: Sweep) -> None:
        rest = [cell for cell in sweep.cells if cell.index not in self.results]
        for at in range(0, len(rest), AT_ONCE):
            some = rest[at : at + AT_ONCE]
            for cell, found in zip(some, await self._turns.take(self._kept, some), strict=True):
                if found:
                    self._take(cell, found)

    def _kept(self, cells: list[Cell]) -> list[Result | None]:
        return [self._folder.load(cell) for cell in cells]

    async def _work(self, sweep: Sweep) -> None:
        try:
            await self._turns.take(self._folder.begin, sweep)
            await self._turns.take(self._folder.prune, sweep, OTHERS)
            await self._load(sweep)
            for cell in sweep.cells:
                if self._pausing:
                    break
                if cell.index not in self.results:
                    before = time.perf_counter()
                    result = await self._patiently(cell)
                    self._spent += time.perf_counter() - before
                    self._evaluated += int(result.figures.get("nfe", 0))
                    if not result.reason:
                        await self._turns.take(self._folder.save, cell, result)
                    self._take(cell, result)
        except RefusedError as error:
            self.refused.emit(f"The sweep stopped: {error}")
        except OSError as error:
            self.refused.emit(f"The sweep stopped, because it cannot be kept: {error.strerror or error}.")
        self._over()

    def _take(self, cell: Cell, result: Result) -> None:
        self.results[cell.index] = result
        self.live = None
        self.cell_changed.emit(cell.index)

    async def _patiently(self, cell: Cell) -> Result:
        """A cell; once more, where the worker has died of it. Raises RefusedError."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._compute(cell)
            except RefusedError as error:
                if error.field:
                    return Result(reason=str(error))
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(0.2 * attempt)  # it is being started again
        raise AssertionError

    async def _compute(self, cell: Cell) -> Result:
        assert cell.request is not None
        self.live = Live(cell.index)
        self.cell_changed.emit(cell.index)
        values = {
            "request": cell.request.to_dict(),
            "reference": None if cell.reference is None else cell.reference.to_dict(),
        }
        async with aclosing(self._client.ask("cell", values)) as pieces:
            async for told, arrays in pieces:
                if "step" not in told:
                    return Result(arrays[0], told["figures"], told["reason"])
                self.live.step, self.live.steps = told["step"], told["steps"]
                if arrays:
                    self.live.pictures = arrays[0]
                self.cell_changed.emit(cell.index)
        raise AssertionError("an answer ends with its last piece")


def estimate(requests: list[Request], done: list[Result]) -> float | None:
    """Seconds that runs are likely to take: by those that are done, or by what was measured of their models."""
    known = [result.figures for result in done if result.figures.get("nfe")]
    pace = sum(at["seconds"] for at in known) / sum(at["nfe"] for at in known) if known else None
    cards, total = catalog.cards(), 0.0
    for request in requests:
        each = pace
        card = cards.get(request.model)
        if each is None and card is not None and "ms_batch16_fp32" in card.measured:
            doubled = 1.0 + (request.guidance not in (0.0, 1.0))
            each = 1e-3 * card.measured["ms_batch16_fp32"] * doubled * max(request.count, 2) / 16
        if each is None:
            return None
        total += each * evaluations(request)
    return total


def evaluations(request: Request) -> int:
    """About how often a run evaluates the network."""
    match request.sampler:
        case "heun":
            return 2 * request.steps - 1
        case "rk45":
            return 60
        case "annealed_langevin" | "predictor_corrector":
            return request.steps * (request.langevin_steps or 1) + request.steps
        case _:
            return request.steps
