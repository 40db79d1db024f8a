"""How far the lanes are apart along σ: the first lane against each other one, as their steps arrive."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from desktop_app.state.lab_cloud import Array, Cloud
from desktop_app.state.runs import Run
from desktop_app.state.timeline import Timeline

Samples = NDArray[np.uint8] | Array  # images, or the x̄ of a cloud
SAMPLES = 16  # that are compared of each lane: enough for a mean, and few enough for 1,000 steps
NOTHING_YET = "Run the lanes to see how far they part."
MEASURES = {
    "distance": (
        "Distance",
        "Root mean square of x̂₀ of lane A − x̂₀ of the other, where black is −1 and white 1; of clouds, of their x̄.",
    ),
    "correlation": ("Correlation", "Of the pixels of x̂₀ of lane A with those of the other, the mean over the samples."),
}


class Apart(QObject):
    """Follows the lanes of a timeline. `curves[measure][k]` holds (log σ, value) of lane A against lane k + 1."""

    changed = Signal()

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self.timeline = timeline
        self.curves: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in MEASURES}
        self.why = NOTHING_YET  # there is nothing, where there is nothing
        self._kept: dict[Run, dict[int, Samples]] = {}  # of each lane the places that are still to be compared
        self._done: list[int] = []  # positions of the shorter run that are done, for each pair

    def follow(self, lanes: list[Run]) -> None:
        """Forget what was, and follow these runs."""
        others = len(lanes) - 1
        self.curves = {name: [[] for _ in range(others)] for name in MEASURES}
        self.why = NOTHING_YET
        self._kept = {run: {} for run in lanes}
        self._done = [0] * others
        for run in lanes:
            run.stepped.connect(lambda index, run=run: self._on_step(run, index))
            for index in range(run.frames):
                self._on_step(run, index)
        self.changed.emit()

    def _on_step(self, run: Run, index: int) -> None:
        kept = self._kept.get(run)
        if kept is None or not run.levels:  # of lanes that were here before
            return
        if isinstance(run, Cloud):  # all its steps are there at once
            kept.update({k: places[None] for k, places in enumerate(run.places)})
        else:
            kept[index] = run.pictures("denoised", index)[:SAMPLES].copy()  # the shelf may forget the rest
        first, *others = self._kept
        for number, other in enumerate(others):
            self._compare(number, first, other)
        needs = [self._needs(number, first, other) for number, other in enumerate(others)]
        self._forget(first, min((need for need, _ in needs), default=0))
        for other, (_, need) in zip(others, needs, strict=True):
            self._forget(other, need)
        self.changed.emit()

    def _compare(self, number: int, first: Run, other: Run) -> None:
        """Take in the pair at every position of the shorter run that both have reached, at its noise level."""
        if not (first.levels and other.levels):
            return
        longer, shorter = (first, other) if first.steps > other.steps else (other, first)
        while (at := self._done[number]) in self._kept[shorter]:
            sigma = shorter.sigma(at)
            there = longer.nearest(sigma)
            if there not in self._kept[longer]:
                return
            a, b = self._kept[shorter][at], self._kept[longer][there]
            if a.shape != b.shape:
                self.why = f"There is no distance between {_unlike(a, b)}."
            elif 0.0 < sigma < math.inf:
                for name, value in zip(MEASURES, compare(a, b), strict=True):
                    self.curves[name][number].append((math.log(sigma), value))
            self._done[number] += 1

    def _needs(self, number: int, first: Run, other: Run) -> tuple[int, int]:
        """The first place of lane A, and of the other, that this pair may still look at."""
        if not (first.levels and other.levels):
            return 0, 0
        longer, shorter = (first, other) if first.steps > other.steps else (other, first)
        at = min(self._done[number], shorter.steps)
        there = longer.nearest(shorter.sigma(at))
        return (there, at) if longer is first else (at, there)

    def _forget(self, run: Run, before: int) -> None:
        kept = self._kept[run]
        for place in [place for place in kept if place < before]:
            del kept[place]


def _unlike(a: Samples, b: Samples) -> str:
    if a.dtype != b.dtype:
        return "pictures and points"
    return "pictures of different sizes" if a.dtype == np.uint8 else "clouds of different numbers of particles"


def compare(a: Samples, b: Samples) -> tuple[float, float]:
    """RMS distance and mean correlation of samples [B, ...]; of images on the scale of [−1, 1], of points in x̄."""
    x, y = (_values(samples) for samples in (a, b))
    distance = float(np.sqrt(np.mean((x - y) ** 2)))
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    same = np.where(scale > 0, (x * y).sum(axis=1) / np.maximum(scale, 1e-12), 1.0)
    return distance, float(same.mean())


def _values(samples: Samples) -> NDArray[np.float64]:
    values = samples.reshape(len(samples), -1).astype(np.float64)  # [B, D]
    return values / 127.5 - 1.0 if samples.dtype == np.uint8 else values
