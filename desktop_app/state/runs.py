"""Runs: what was asked, the pictures of every step received so far, and how it ended."""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from engine import wire
from engine.request import Request

Pictures = NDArray[np.uint8]  # [B, H, W, C]


class Client(Protocol):
    """What runs need of the engine client."""

    def run(self, request: Request) -> AsyncIterator[tuple[wire.Event, wire.Arrays]]: ...


class Run(QObject):
    """One run. Its steps stay scrubbable however it ends."""

    started = Signal()
    stepped = Signal(int)  # the index of the newest frame
    ended = Signal()

    def __init__(self, request: Request, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.request = request
        self.levels: list[tuple[float, float, float]] = []  # (t, alpha, std)
        self._falling: list[float] = []  # −log σ of every noisy level, ascending
        self.span: tuple[float, float] | None = None  # log σ of the noisiest level that has signal, and of the last
        self.noisy: list[Pictures] = []
        self.denoised: list[Pictures] = []
        self.nfe: list[int] = []
        self.seconds: list[float] = []
        self.status = "waiting"  # then running, and one of finished, stopped, failed
        self.error: wire.Failed | None = None

    @property
    def frames(self) -> int:
        """How many positions can be shown: one for each step begun, and one for the result."""
        return len(self.noisy)

    @property
    def steps(self) -> int:
        """The number of steps; the request's, which can be fewer, until the engine has said."""
        return len(self.levels) - 1 if self.levels else self.request.steps

    @property
    def is_level(self) -> bool:
        """Whether it stays at one noise level, as Langevin's dynamics does."""
        return bool(self.levels) and self.sigma(0) == self.sigma(self.steps)

    @property
    def over(self) -> bool:
        return self.status in ("finished", "stopped", "failed")

    def sigma(self, index: int) -> float:
        """The noise-to-signal ratio at a position."""
        _, alpha, std = self.levels[index]
        return std / alpha if alpha else float("inf")

    def nearest(self, sigma: float) -> int:
        """The position whose noise level is nearest in log σ, the last of several; a clean level is the result's."""
        if sigma == 0.0:
            return self.steps
        if not math.isfinite(sigma):
            return 0
        here = -math.log(sigma)
        right = min(bisect_left(self._falling, here), len(self._falling) - 1)
        left = max(right - 1, 0)
        nearest = left if here - self._falling[left] <= self._falling[right] - here else right
        return bisect_right(self._falling, self._falling[nearest]) - 1

    def pictures(self, view: str, index: int) -> Pictures:
        """x_t ("noisy") or x̂₀ ("denoised") at a position."""
        return (self.noisy if view == "noisy" else self.denoised)[index]

    def remaining(self) -> float:
        """Seconds that the rest is likely to take; 0 where that is not known."""
        done = len(self.seconds)
        return self.seconds[-1] / done * (self.steps - done) if done and not self.over else 0.0

    def receive(self, event: wire.Event, arrays: wire.Arrays) -> None:
        """Take in a frame of this run."""
        match event:
            case wire.Started():
                self.levels, self.status = event.levels, "running"
                sigmas = [self.sigma(k) for k in range(len(self.levels))]
                self._falling = [-math.log(sigma) if math.isfinite(sigma) else -math.inf for sigma in sigmas if sigma]
                finite = [-place for place in self._falling if math.isfinite(place)]
                self.span = (finite[0], finite[-1]) if finite else None
                self.started.emit()
            case wire.Stepped():
                self._append(arrays[0], arrays[1], event.nfe, event.seconds)
            case wire.Finished():
                self._append(arrays[0], arrays[0], event.nfe, event.seconds)
                self._end("finished")
            case wire.Cancelled():
                self._end("stopped")
            case wire.Failed():
                self.error = event
                self._end("failed")

    def stop(self) -> None:
        """It was cancelled here; what has arrived is all there will be."""
        if not self.over:
            self._end("stopped")

    def _append(self, noisy: Any, denoised: Any, nfe: int, seconds: float) -> None:
        self.noisy.append(noisy)
        self.denoised.append(denoised)
        self.nfe.append(nfe)
        self.seconds.append(seconds)
        self.stepped.emit(self.frames - 1)

    def _end(self, status: str) -> None:
        self.status = status
        self.ended.emit()


class Runs(QObject):
    """Starts runs and stops them; keeps hold of their tasks."""

    failed = Signal(object)  # the Run

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._tasks: dict[Run, asyncio.Task[None]] = {}

    def start(self, request: Request) -> Run:
        """Begin a run; its signals tell how it goes."""
        run = Run(request, self)
        task = asyncio.ensure_future(self._follow(run))
        self._tasks[run] = task
        task.add_done_callback(lambda _: self._tasks.pop(run, None))
        return run

    def stop(self, run: Run) -> None:
        """Cancel a run; it ends before its next step."""
        task = self._tasks.get(run)
        if task is not None:
            task.cancel()
        run.stop()

    def stop_all(self) -> None:
        """Cancel everything under way."""
        for run in list(self._tasks):
            self.stop(run)

    def release(self, run: Run) -> None:
        """Let go of a run that is no longer shown."""
        self.stop(run)
        run.deleteLater()

    async def _follow(self, run: Run) -> None:
        events = self._client.run(run.request)
        try:
            async for event, arrays in events:
                run.receive(event, arrays)
        finally:
            await events.aclose()  # type: ignore[attr-defined]
        if run.status == "failed":
            self.failed.emit(run)
