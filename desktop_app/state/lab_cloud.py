"""A cloud of particles, at every level from noise to data; and the data, noised to the same levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from desktop_app.state.runs import Run
from engine import wire
from engine.request import Request

Array = NDArray[np.float32]
Level = tuple[float, float, float]  # t, alpha, std
SMOOTH = 0.06  # in x̄: two thousand particles are too few for finer


def scale(level: Level) -> float:
    """√(α² + std²): x over it is x̄, in which data and noise are of one size at every level of every schedule."""
    _, alpha, std = level
    return float((alpha**2 + std**2) ** 0.5)


def noised(points: Array, noise: Array, level: Level) -> Array:
    """x̄ [n, 2] of x_t = α x_0 + std ε."""
    _, alpha, std = level
    return np.asarray((alpha * points + std * noise) / scale(level), np.float32)


def density_along(places: Array, bins: int, half: float) -> Array:
    """p̄ of the first coordinate of particles [N + 1, n, 2] at every level, on equal cells of [−half, half].

    As many as there are, smoothed by a Gaussian of SMOOTH: [N + 1, bins].
    """
    width = 2 * half / bins
    reach = int(np.ceil(4 * SMOOTH / width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * width / SMOOTH) ** 2)
    kernel /= kernel.sum()
    cells = np.floor((places[..., 0] + half) / width).astype(np.intp)  # [N + 1, n]
    found = np.zeros((len(places), bins), np.float32)
    for row, there in zip(found, cells, strict=True):
        counts = np.bincount(there[(there >= 0) & (there < bins)], minlength=bins)
        row[:] = np.convolve(counts, kernel, "same") / (places.shape[1] * width)
    return found


class Cloud(Run):
    """One sample of n particles. All its steps arrive at once, and again whenever the controls have moved."""

    images = False

    def __init__(self, request: Request, parent: Any = None) -> None:
        super().__init__(request, parent)
        self.places: Array = np.zeros((0, 0, 2), np.float32)  # [N + 1, n, 2], x̄
        self.distance: list[float] = []  # sliced Wasserstein distance to p_t, of every level

    @property
    def frames(self) -> int:
        return len(self.places)

    def become(self, request: Request, values: dict[str, Any], positions: Array) -> None:
        """Take in an answer: x_t of every level, [N + 1, n, 2]."""
        levels = [(float(t), float(alpha), float(std)) for t, alpha, std in values["levels"]]
        sizes = np.array([scale(level) for level in levels], np.float32)
        self.request = request
        self.places = positions / sizes[:, None, None]
        self.distance = list(values.get("distance", []))
        steps = len(levels)
        nfe = list(values["nfe"])
        self.nfe = [*([0] * (steps - len(nfe))), *nfe]
        self.seconds = [values["seconds"] * k / max(steps - 1, 1) for k in range(steps)]
        self.receive(wire.Started(0, levels), [])
        self.status = "finished"
        self.stepped.emit(steps - 1)
