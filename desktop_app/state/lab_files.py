"""The lab's clouds as files of numbers."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from desktop_app.state.lab_cloud import Array, Cloud, scale


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside a file, which takes its place once it is whole; it is gone where it never is."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def positions(cloud: Cloud) -> Array:
    """x_t of every level, [N + 1, n, 2]."""
    sizes = np.array([scale(level) for level in cloud.levels], np.float32)
    found: Array = cloud.places * sizes[:, None, None]
    return found


def write_npz(path: Path, cloud: Cloud, data: Array) -> None:
    """x [N + 1, n, 2], levels [N + 1, 3] (t, α, std), data [m, 2], distance and the request. Raises OSError."""
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez_compressed(
            file,
            x=positions(cloud),
            levels=np.array(cloud.levels),
            data=data,
            distance=np.array(cloud.distance),
            request=np.array(cloud.request.to_json()),
        )


def write_csv(path: Path, cloud: Cloud) -> None:
    """A line for each particle at each level: step, t, alpha, std, particle, x, y. Raises OSError."""
    with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("step", "t", "alpha", "std", "particle", "x", "y"))
        for step, (level, places) in enumerate(zip(cloud.levels, positions(cloud).tolist(), strict=True)):
            rows.writerows((step, *level, particle, *place) for particle, place in enumerate(places))
