"""The lab's clouds as files of numbers."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from desktop_app.state.lab_cloud import Array, Cloud, scale


def positions(cloud: Cloud) -> Array:
    """x_t of every level, [N + 1, n, 2]."""
    sizes = np.array([scale(level) for level in cloud.levels], np.float32)
    found: Array = cloud.places * sizes[:, None, None]
    return found


def write_npz(path: Path, cloud: Cloud, data: Array) -> None:
    """x [N + 1, n, 2], levels [N + 1, 3] (t, α, std), data [m, 2], distance and the request. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        np.savez_compressed(
            file,
            x=positions(cloud),
            levels=np.array(cloud.levels),
            data=data,
            distance=np.array(cloud.distance),
            request=np.array(cloud.request.to_json()),
        )
    os.replace(draft, path)


def write_csv(path: Path, cloud: Cloud) -> None:
    """A line for each particle at each level: step, t, alpha, std, particle, x, y. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("step", "t", "alpha", "std", "particle", "x", "y"))
        for step, (level, places) in enumerate(zip(cloud.levels, positions(cloud).tolist(), strict=True)):
            rows.writerows((step, *level, particle, *place) for particle, place in enumerate(places))
    os.replace(draft, path)
