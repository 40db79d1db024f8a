"""The colours of the plane's layers: what each means is the same in every view, in both themes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtGui import QColor

from desktop_app.theme import theme

INKS = {
    "dark": {
        "exact": "#3ddc97",
        "learned": "#c9a2ff",
        "data": "#f4f5f7",
        "neutral": "#dfe3e8",
        "casing": "#0d0f12",
        "contour": "#dfe3e8",
    },
    "light": {
        "exact": "#00724f",
        "learned": "#7a2fd0",
        "data": "#15181d",
        "neutral": "#3c434d",
        "casing": "#ffffff",
        "contour": "#3c434d",
    },
}
CLASSES = {
    "dark": ("#ff9fcf", "#f7f3a1", "#7fe3f0", "#f4f5f7", "#ff8a65", "#b7e07a", "#cdb4ff", "#c9b29b"),
    "light": ("#b0107a", "#7a5c00", "#006f80", "#15181d", "#c23a12", "#3f7000", "#6a35c9", "#6b5238"),
}
BLEND = 0.16  # the part of a map over which it rises out of the ground
PASTEL = 0.6  # of the light theme's map: dark marks are seen on all of it


def ink(name: str) -> QColor:
    """The colour of a kind of mark: a layer's own, or a token of the theme (ode, sde, accent …)."""
    own = INKS[theme().palette.name].get(name)
    return QColor(own) if own else theme().colour(name)


def class_ink(label: int) -> QColor:
    """The colour of a class."""
    inks = CLASSES[theme().palette.name]
    return QColor(inks[label % len(inks)])


@lru_cache(maxsize=8)
def _lut(name: str, light: bool, ground: str) -> NDArray[np.uint8]:
    share = np.linspace(0, 1, 256)
    colours = pg.colormap.get(name).mapToFloat(1 - share if light else share)[:, :3]
    tint = QColor(ground)
    base = np.array([tint.redF(), tint.greenF(), tint.blueF()])
    rise = np.clip(share / BLEND, 0, 1)[:, None] if not light else PASTEL * np.clip(share / (3 * BLEND), 0, 1)[:, None]
    return np.asarray(255 * (base + (colours - base) * rise) + 0.5, np.uint8)


def lut(name: str) -> NDArray[np.uint8]:
    """A map's colours [256, 3], from the ground to its strongest; in the light theme the strongest is the darkest."""
    palette = theme().palette
    return _lut(name, palette.name == "light", INKS[palette.name]["casing"])
