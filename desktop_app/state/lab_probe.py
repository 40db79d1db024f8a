"""What the engine has answered about a level, and about a point at it."""

from __future__ import annotations

from typing import Any

import numpy as np

from desktop_app.state.lab_cloud import Array, Level
from engine import wire

Values = dict[str, Any]


class Field:
    """The density and the arrows at one level, in x̄."""

    def __init__(self, level: Level, arrays: wire.Arrays) -> None:
        self.level = level
        self.density, self.score, self.denoised = arrays[:3]  # [m, m], [a, a, 2], [a, a, 2]
        self.error = arrays[3] if len(arrays) > 3 else None  # [e, e], where it is the difference of two


class Probe:
    """A point at a level: what pulls at it, the one ODE path through it, and a fan of SDE paths from it."""

    def __init__(self, index: int, point: tuple[float, float]) -> None:
        self.put = self.now = index, point  # where it was put, and where its ODE path has gone since
        self.values: Values = {}
        self.weights: Array = np.zeros(0, np.float32)  # [K]
        self.targets, self.path = np.zeros((2, 0, 2), np.float32)  # [K, 2], [N + 1, 2]
        self.fan: Array = np.zeros((0, 0, 2), np.float32)  # [32, N + 1 − index, 2]

    def learn(self, values: Values, arrays: wire.Arrays, path: bool = True) -> None:
        """Take in an answer about it; of one about a place further on its path, all but the path."""
        self.values = values
        self.weights, self.targets, _, self.fan = arrays
        if path:
            self.path = arrays[2]

    def move_to(self, index: int) -> None:
        """Follow its ODE path to another position of the timeline."""
        if index == self.put[0]:
            self.now = self.put
        elif index < len(self.path):
            self.now = index, (float(self.path[index, 0]), float(self.path[index, 1]))
