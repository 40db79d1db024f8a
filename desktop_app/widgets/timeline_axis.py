"""Where a run's positions lie on the timeline, and what is written there: by step, t, log σ or log-SNR."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from desktop_app.state.runs import Run
from desktop_app.state.timeline import Timeline

GAP = 0.04  # of the width, on a logarithmic axis: before the clean level, and after one without signal

AXES = {
    "step": ("Step", "Every step as wide as the next"),
    "t": ("t", "Steps by the time t of the forward process, from 1 (noise) to 0"),
    "logsigma": ("log σ", "Steps where their noise levels lie: uneven, as the solver takes them"),
    "logsnr": ("log-SNR", "The same places, labelled by log α²/σ² = −2 log σ"),
}


def level_text(sigma: float, figures: int) -> str:
    """A noise level as it is written on the timeline."""
    return "clean" if sigma == 0.0 else "∞" if math.isinf(sigma) else f"{sigma:.{figures}g}"


class Axis:
    """The places of the rows of a timeline, from 0 (noise) to 1 (clean)."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self._known: object = None  # what the places are those of
        self._places: dict[Run, NDArray[np.float64]] = {}

    @property
    def by_step(self) -> bool:
        """Whether it counts steps: where asked, before levels are known, and where all stay at one."""
        rows = self.timeline.rows
        known = all(run.levels for run in rows) and not all(run.is_level for run in rows)
        return self.timeline.axis == "step" or not known

    def places(self, run: Run) -> NDArray[np.float64]:
        """The places of all positions of a run."""
        known = (self.timeline.axis, tuple((row, row.levels, row.steps) for row in self.timeline.rows))
        if known != self._known:
            self._known, self._places = known, {}
        if run not in self._places:
            self._places[run] = self._of(run)
        return self._places[run]

    def text(self, run: Run, index: int) -> str:
        """What is written at a position."""
        if self.by_step:
            return str(index)
        sigma = run.sigma(index)
        if self.timeline.axis == "t":
            return f"{run.levels[index][0]:.2f}"
        if self.timeline.axis == "logsnr" and sigma and math.isfinite(sigma):
            return f"{-2.0 * math.log(sigma):.1f}".replace("-", "−")
        return level_text(sigma, 3)

    def _of(self, run: Run) -> NDArray[np.float64]:
        rows = self.timeline.rows
        if self.by_step:
            tree = any(row.stem is not None for row in rows)  # what runs have in common lies at one place
            most = max(row.steps for row in rows) if tree else run.steps
            return np.arange(run.steps + 1) / max(most, 1)
        if self.timeline.axis == "t":
            high, low = max(row.levels[0][0] for row in rows), min(row.levels[-1][0] for row in rows)
            return np.array([(high - t) / max(high - low, 1e-9) for t, _, _ in run.levels])
        spans = [row.span for row in rows if row.span]
        high, low = max((span[0] for span in spans), default=1.0), min((span[1] for span in spans), default=0.0)
        left = GAP if any(math.isinf(row.sigma(0)) for row in rows) else 0.0
        wide = (1.0 - GAP - left) / max(high - low, 1e-9)
        sigmas = [run.sigma(k) for k in range(run.steps + 1)]
        return np.array(
            [
                1.0 if sigma == 0.0 else 0.0 if math.isinf(sigma) else left + wide * (high - math.log(sigma))
                for sigma in sigmas
            ]
        )
