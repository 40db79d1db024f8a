"""The colours of a sweep's map, and how its figures are written."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor

from engine.sweep.folder import FIGURES, Result

DARK_INK, LIGHT_INK = QColor("#0d0f12"), QColor("#ffffff")


@lru_cache(maxsize=1)
def viridis() -> list[QColor]:
    """The map, from its least to its greatest."""
    shades = pg.colormap.get("viridis").getLookupTable(nPts=256)[:, :3]
    return [QColor(*map(int, shade)) for shade in shades]


def colour(share: float) -> QColor:
    """A colour of the map, 0 to 1."""
    return viridis()[round(255 * min(max(share, 0.0), 1.0))]


def ink(share: float) -> QColor:
    """What can be read on it."""
    return DARK_INK if share > 0.55 else LIGHT_INK


class Shades:
    """From the values of a figure to shares of the map: in ratios where they span more than a decade."""

    def __init__(self, results: dict[int, Result], figure: str) -> None:
        found = [value for result in results.values() if (value := result.figures.get(figure)) is not None]
        values = np.array(found or [0.0, 1.0], float)
        self.low, self.high = float(values.min()), float(values.max())
        if figure == "agreement":
            self.low, self.high = min(self.low, 0.0), 1.0
        self.logarithmic = self.low > 0 and self.high > 10 * self.low

    def share(self, value: float) -> float:
        if self.high <= self.low:
            return 0.5
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, share: float) -> float:
        """The value of a share."""
        if self.logarithmic:
            return float(self.low ** (1 - share) * self.high**share)
        return self.low + share * (self.high - self.low)


def figure_text(name: str, value: float) -> str:
    """A figure as it is shown."""
    if name == "nfe":
        return f"{value:.0f}"
    if name == "agreement":
        return f"{100 * value:.0f} %"
    return f"{value:.2f} s" if name == "seconds" else f"{value:.3g}"


def figures_text(result: Result) -> str:
    """All figures of a cell."""
    texts = {name: figure_text(name, result.figures[name]) for name in FIGURES if name in result.figures}
    said = {"nfe": "{} evals", "seconds": "{}"}
    return "   ".join(said.get(name, f"{FIGURES[name][0].lower()} {{}}").format(text) for name, text in texts.items())
