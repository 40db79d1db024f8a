"""The lab's clouds as files of numbers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from desktop_app.state.lab_cloud import Array, Cloud, Level, scale
from engine.files import replacing
from engine.request import Request


class Numbers(NamedTuple):
    """What a cloud is at one moment; it may become another while this is written."""

    request: Request
    levels: list[Level]
    places: Array  # x̄, [N + 1, n, 2]
    distance: list[float]

    @property
    def positions(self) -> Array:
        """x_t of every level, [N + 1, n, 2]."""
        sizes = np.array([scale(level) for level in self.levels], np.float32)
        found: Array = self.places * sizes[:, None, None]
        return found


def numbers(cloud: Cloud) -> Numbers:
    """What there is of a cloud now: none of it changes, it is only replaced."""
    return Numbers(cloud.request, cloud.levels, cloud.places, cloud.distance)


def write_npz(path: Path, cloud: Numbers, data: Array) -> None:
    """x [N + 1, n, 2], levels [N + 1, 3] (t, α, std), data [m, 2], distance and the request. Raises OSError."""
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez_compressed(
            file,
            x=cloud.positions,
            levels=np.array(cloud.levels),
            data=data,
            distance=np.array(cloud.distance),
            request=np.array(cloud.request.to_json()),
        )


def write_csv(path: Path, cloud: Numbers) -> None:
    """A line for each particle at each level: step, t, alpha, std, particle, x, y. Raises OSError."""
    with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("step", "t", "alpha", "std", "particle", "x", "y"))
        for step, (level, places) in enumerate(zip(cloud.levels, cloud.positions.tolist(), strict=True)):
            rows.writerows((step, *level, particle, *place) for particle, place in enumerate(places))
