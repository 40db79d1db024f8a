"""Two lanes in one picture: divided by a line, in turn, as their difference; clouds over each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedWidget, QWidget

from desktop_app.theme import theme
from desktop_app.widgets.cloud_picture import CloudPicture, Points
from desktop_app.widgets.image_grid import ImageGrid
from desktop_app.widgets.layout import column, fill, label, row
from desktop_app.widgets.wipe import WipeGrid

Pictures = NDArray[np.uint8]  # [B, H, W, C]
Cloud = tuple[Points, str]  # and the token of its colour


class LanePair(QStackedWidget):
    """A page for each way of showing lane A and one other, with a line of words above it."""

    def __init__(self) -> None:
        super().__init__()
        self.wipe = WipeGrid("Lane A and another, divided by a line")
        self.flip = ImageGrid("Lane A, or another while Space is held")
        self.difference = ImageGrid("Difference between lane A and another")
        self.clouds = CloudPicture("Two clouds over each other")
        self.grids = (self.wipe, self.flip, self.difference)
        pages = {"wipe": self.wipe, "flip": self.flip, "difference": self.difference, "clouds": self.clouds}
        self._notes = {name: label("", "soft") for name in pages}
        self._pages = {name: _page(self._notes[name], picture) for name, picture in pages.items()}
        for page in self._pages.values():
            self.addWidget(page)

    def show_images(self, mode: str, a: Pictures, b: Pictures, name: str, flipped: bool) -> None:
        """Show lane A and the lane of this name as "wipe", "flip" (A, or the other if flipped) or "difference"."""
        if a.shape != b.shape:
            self._show_none(mode, f"A and {name} make pictures of different sizes or numbers.")
        elif mode == "wipe":
            self.wipe.show_both(a, b)
            self._show(mode, f"A left of the line, {name} right of it")
        elif mode == "flip":
            self.flip.show_pictures(b if flipped else a)
            self._show(mode, _turn(name, flipped))
        else:
            self.difference.show_pictures(difference(a, b))
            apart = float(np.abs(a.astype(np.int16) - b).mean()) / 255
            self._show(
                mode,
                f"{_mark('ode')} A brighter &nbsp; {_mark('sde')} {name} brighter &nbsp; &nbsp; "
                f"mean |A − {name}| = {apart:.4f} of the range from black to white",
            )

    def show_clouds(self, mode: str, a: Cloud, b: Cloud, name: str, flipped: bool) -> None:
        """Show the clouds of lane A and of the lane of this name, in turn or over each other."""
        if mode == "flip":
            self.clouds.show_clouds(b if flipped else a)
            self._show("clouds", _turn(name, flipped))
        else:
            self.clouds.show_clouds(a, b)
            self._show("clouds", f"{_mark(a[1])} A &nbsp; {_mark(b[1])} {name}, over each other")

    def show_neither(self, mode: str, name: str) -> None:
        """Say that one lane makes pictures and the other points."""
        self._show_none(mode, f"A and {name} cannot be laid over each other: one makes pictures, the other points.")

    def _show_none(self, page: str, note: str) -> None:
        """Only words: no pictures, and none of before."""
        {"wipe": self.wipe, "flip": self.flip, "difference": self.difference}[page].expect(0, 1, 1)
        self._show(page, note)

    def _show(self, page: str, note: str) -> None:
        self._notes[page].setText(note)
        self.setCurrentWidget(self._pages[page])


def _turn(name: str, flipped: bool) -> str:
    return f"{name if flipped else 'A'} · hold Space for {name}"


def _mark(token: str) -> str:
    return f"<span style='color:{theme().colour(token).name()}'>■</span>"


def _page(note: QWidget, picture: QWidget) -> QWidget:
    page = QWidget()
    page.setProperty("surface", "canvas")
    page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    above = row()
    above.addWidget(note, 1)
    fill(above, (20, 10, 20, 0))
    layout = column(spacing=0)
    layout.addLayout(above)
    layout.addWidget(picture, 1)
    page.setLayout(layout)
    return page


def difference(a: Pictures, b: Pictures) -> Pictures:
    """A − B as colour, [B, H, W, 3]: blue where A is brighter, orange where B is, black where they agree."""
    signed = a.astype(np.float32).mean(axis=-1, keepdims=True) - b.astype(np.float32).mean(axis=-1, keepdims=True)
    blue, orange = theme().colour("ode"), theme().colour("sde")
    coloured = np.zeros((*signed.shape[:3], 3), np.float32)
    for share, colour in ((np.maximum(signed, 0), blue), (np.maximum(-signed, 0), orange)):
        coloured += share * np.array([colour.redF(), colour.greenF(), colour.blueF()], np.float32)
    return np.clip(coloured, 0, 255).astype(np.uint8)
