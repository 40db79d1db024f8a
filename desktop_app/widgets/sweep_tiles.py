"""Where the tiles of a sweep lie, what is written beside them, and what is shown on one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QWidget

from engine.pictures import sheet
from engine.sweep import Sweep

MARGIN, GAP = 20, 6
LARGEST = 240  # px of a tile
LABEL = 150  # px of a row's label, at most
LEGEND = 96  # px, beside a map


class Tiles:
    """The labels of a sweep, and the places of its cells; both are worked out once for each size."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        rows, columns = sweep.shape
        self.rows = [sweep.axes[0].label(row) for row in range(rows)] if len(sweep.axes) == 2 else []
        self.columns = [sweep.axes[-1].label(column) for column in range(columns)]
        self.numbers = [sweep.axes[-1].number(column) for column in range(columns)]
        self._laid: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None

    def place(self, index: int, on: QWidget, beside: int = 0) -> QRect:
        """The tile of a cell, in px."""
        left, top, side = self.frame(on, beside)
        row, column = self.sweep.place(index)
        return QRect(left + column * (side + GAP), top + row * (side + GAP), side, side)

    def frame(self, on: QWidget, beside: int = 0) -> tuple[int, int, int]:
        """Left, top and side of the tiles, which are in the middle; `beside` px are for something else."""
        size = on.width(), on.height(), beside
        if self._laid is None or self._laid[0] != size:
            rows, columns = self.sweep.shape
            metrics = on.fontMetrics()
            widest = max(map(metrics.horizontalAdvance, self.rows), default=0)
            room = min(widest, LABEL) + (12 if self.rows else 0)
            head = metrics.height() + 8
            across, down = on.width() - 2 * MARGIN - room - beside, on.height() - 2 * MARGIN - head
            side = max(min((across + GAP) // columns - GAP, (down + GAP) // rows - GAP, LARGEST), 8)
            left = MARGIN + room + (across - columns * (side + GAP) + GAP) // 2
            self._laid = size, (left, MARGIN + head + (down - rows * (side + GAP) + GAP) // 2, side)
        return self._laid[1]


def values_text(sweep: Sweep, index: int) -> str:
    """The values that make a cell."""
    places = sweep.place(index)[-len(sweep.axes) :]
    return "   ".join(axis.label(place) for axis, place in zip(sweep.axes, places, strict=True))


def samples(pictures: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """As many samples as fit on a square of `side` pixels at twice their size or more; one, where none does."""
    count, height, width, _ = pictures.shape

    def fits(across: int) -> int:
        return (side - 2 * (across - 1)) // (across * int(max(height, width)))

    across = next((n for n in range(int(count**0.5), 1, -1) if fits(n) >= 2), 1)
    return np.ascontiguousarray(sheet(pictures[: across**2], across, max(fits(across), 1), 2))
