"""Runs: what was asked, what is known of every step, and how it ended."""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from desktop_app.state.pictured import Pictured
from desktop_app.state.recall import Client, Recall
from desktop_app.state.shelf import Pictures, Shelf
from engine import wire
from engine.request import Branch, Request

MEASURES = ("score", "change")


class Run(Pictured):
    """One run. Its steps stay scrubbable however it ends. A branch leads from noise to its result as any run."""

    started = Signal()
    stepped = Signal(int)  # the position of the newest frame
    ended = Signal()

    def __init__(
        self, request: Request, parent: QObject | None = None, stem: Run | None = None, shelf: Shelf | None = None
    ) -> None:
        super().__init__(request, parent, stem, shelf)
        self.number = 0  # by which the engine knows it
        self.levels: list[tuple[float, float, float]] = []  # (t, alpha, std)
        self.precision: dict[str, str] = {}  # what its networks run in
        self._falling: list[float] = []  # −log σ of every noisy level, ascending
        self.span: tuple[float, float] | None = None  # log σ of the noisiest level that has signal, and of the last
        self.nfe: list[int] = []
        self.seconds: list[float] = []
        self.measures: dict[str, list[NDArray[np.float32]]] = {name: [] for name in MEASURES}  # of each place [B]
        self.status = "waiting"  # then running, and one of finished, stopped, failed
        self.error: wire.Failed | None = None
        if stem is not None:
            assert isinstance(request.start, Branch)
            self.begins = stem.begins + request.start.step
            self._lead_in(stem.levels)  # its stem's, until its own are known

    @property
    def frames(self) -> int:
        """How many positions can be shown: one for each step begun, and one for the result."""
        return len(self.nfe)

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

    def measure(self, name: str, index: int, sample: int = -1) -> float:
        """The size of the score, or of the change of x̂₀, of a sample, or the mean of all; NaN where there is none."""
        run, place = self.owner(index)
        if place >= len(run.measures[name]):
            return math.nan
        sizes = run.measures[name][place]
        return float(sizes[sample] if 0 <= sample < len(sizes) else sizes.mean())

    # --- what arrives ---

    def remaining(self) -> float:
        """Seconds that the rest is likely to take; 0 where that is not known."""
        done = self.frames - self.begins
        before = self.seconds[self.begins - 1] if self.begins and self.seconds else 0.0
        return (self.seconds[-1] - before) / done * (self.steps - self.frames) if done > 0 and not self.over else 0.0

    def receive(self, event: wire.Event, arrays: wire.Arrays) -> None:
        """Take in a frame of this run."""
        match event:
            case wire.Started():
                self._start(event)
            case wire.Stepped():
                self._append(arrays[0], arrays[1], arrays[2], event.nfe, event.seconds)
            case wire.Finished():
                self._append(arrays[0], arrays[0], arrays[1], event.nfe, event.seconds)
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

    def _start(self, event: wire.Started) -> None:
        self.number, self.precision, self.status = event.run, event.precision, "running"
        self._lead_in(event.levels if self.stem is None else self.stem.levels[: self.begins] + event.levels)
        self.started.emit()

    def _lead_in(self, levels: list[tuple[float, float, float]]) -> None:
        """Take these levels, and what is known of the positions before its own."""
        self.levels = levels
        if self.stem is not None:
            self.nfe, self.seconds = self.stem.nfe[: self.begins], self.stem.seconds[: self.begins]
        sigmas = [self.sigma(k) for k in range(len(self.levels))]
        self._falling = [-math.log(sigma) if math.isfinite(sigma) else -math.inf for sigma in sigmas if sigma]
        finite = [-place for place in self._falling if math.isfinite(place)]
        self.span = (finite[0], finite[-1]) if finite else None

    def _append(
        self, noisy: Pictures, denoised: Pictures, measures: NDArray[np.float32], nfe: int, seconds: float
    ) -> None:
        place = self.frames - self.begins
        self.shelf.put(self, "noisy", place, noisy)
        self.shelf.put(self, "denoised", place, denoised)
        for name, sizes in zip(MEASURES, measures, strict=True):
            self.measures[name].append(sizes)
        self.nfe.append(nfe)
        self.seconds.append(seconds + (self.seconds[self.begins - 1] if self.begins else 0.0))
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
        self.shelf = Shelf()
        self.recall = Recall(client, self)
        self._tasks: dict[Run, asyncio.Task[None]] = {}

    def start(self, request: Request, stem: Run | None = None) -> Run:
        """Begin a run; its signals tell how it goes. One that is a branch has the run it leaves as its stem."""
        run = Run(request, self, stem, self.shelf)
        self.recall.follow(run)
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
        self.recall.stop()

    def release(self, run: Run) -> None:
        """Let go of a run that is no longer shown."""
        self.stop(run)
        self.recall.forget(run)
        self.shelf.drop(run)
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
