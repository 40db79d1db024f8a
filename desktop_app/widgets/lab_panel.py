"""The lab's panel: which distribution, and which layers of it are seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from desktop_app.theme import theme
from desktop_app.widgets.layout import FocusRing, Segments, column, fill, keep_scroll_bar, label, line, row
from desktop_app.widgets.switch import Switch
from engine.catalog import DISTRIBUTIONS

WIDTH = 216
COLUMNS = 4
TILE = 40  # px
REACH = 1.7  # of a thumbnail, in data units

LAYERS = {  # name → (label, tooltip, on at first)
    "density": ("Density", "p̄(x̄), the density of all noised data at this level", True),
    "contours": ("Contours", "Lines of equal density", False),
    "arrows": ("Score", "∇ log p at a grid of points: where the density rises fastest", True),
    "streamlines": ("Streamlines", "Lines along the score", False),
    "particles": ("Particles", "The cloud: every particle obeys the same equation from a start of its own", True),
    "trajectories": ("Trajectories", "The paths of a few particles: ODE solid, SDE dashed", False),
    "data": ("Data", "Samples of the distribution itself", False),
    "axes": ("Axes", "x̄ and ȳ = x / √(α² + std²): 1 is the size of data and noise together at every level", True),
}
ARROWS = {
    "magnitude": ("|s|", "As long as the score"),
    "log": ("log", "As long as the logarithm of the score: the weak ones can be seen"),
    "denoised": ("D − x", "To where the denoiser takes the clean point to be"),
}


class Tile(FocusRing, QAbstractButton):
    """A distribution, as a few hundred of its points."""

    def __init__(self, name: str, title: str, help_: str) -> None:
        super().__init__()
        self.name = name
        self.points = QPolygonF()
        self.setCheckable(True)
        self.setAccessibleName(title)
        self.setToolTip(f"<b>{title}</b><br>{help_}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedSize(QSize(TILE, TILE))
        theme().changed.connect(self.update)

    def show_points(self, points: NDArray[np.float32]) -> None:
        """Draw these [n, 2] from now on."""
        places = (points * [1, -1] / REACH + 1) / 2 * (TILE - 8) + 4
        self.points = QPolygonF([QPointF(x, y) for x, y in places.tolist()])
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours = QPainter(self), theme()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        here = self.isChecked()
        edge = "text" if self.focus_visible else "accent" if here else "outline" if self.underMouse() else "line"
        painter.setPen(QPen(colours.colour(edge), 2 if here or self.focus_visible else 1))
        painter.setBrush(colours.colour("canvas"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        pen = QPen(colours.colour("text" if here else "text_soft", 0.8), 1.2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawPoints(self.points)


class Tiles(QWidget):
    """All distributions, to choose one."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Distribution")
        self.tiles: dict[str, Tile] = {}
        self._group = QButtonGroup(self)
        self._grid = QGridLayout()
        fill(self._grid, spacing=8)
        self.setLayout(self._grid)
        for choice in DISTRIBUTIONS.values():
            self.add(choice.name, choice.label, choice.help)

    def add(self, name: str, title: str, help_: str) -> Tile:
        """One more distribution to choose."""
        tile = self.tiles[name] = Tile(name, title, help_)
        tile.clicked.connect(lambda: self.chosen.emit(name))
        self._group.addButton(tile)
        self._grid.addWidget(tile, (len(self.tiles) - 1) // COLUMNS, (len(self.tiles) - 1) % COLUMNS)
        return tile

    def show_own(self, name: str, points: NDArray[np.float32]) -> None:
        """A person's own points, in the place of those before."""
        if name not in self.tiles:
            for old in [tile for tile in self.tiles.values() if tile.name not in DISTRIBUTIONS]:
                del self.tiles[old.name]
                self._group.removeButton(old)
                self._grid.removeWidget(old)
                old.deleteLater()
            self.add(name, "Your points", "Painted, typed, or read from a file; the denoiser of exactly these points.")
        self.tiles[name].show_points(points)
        self.show_chosen(name)

    def show_chosen(self, name: str) -> None:
        """Mark this one."""
        self._group.setExclusive(False)
        for tile in self.tiles.values():
            tile.setChecked(tile.name == name)
        self._group.setExclusive(True)


class LayerRow(QWidget):
    """A layer's name and its switch; a click on the name is one on the switch."""

    def __init__(self, text: str, tip: str) -> None:
        super().__init__()
        self.switch = Switch(text)
        self.setToolTip(tip)
        self.setLayout(row(label(text, "soft"), None, self.switch))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.switch.click()


class LabPanel(QWidget):
    """The distributions above, the layers below. `foot` is for what else the workspace puts there."""

    layers_changed = Signal()

    def __init__(self, layers: dict[str, bool]) -> None:
        """`layers`: those that are known to be on or off; the rest is as at first."""
        super().__init__()
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        self.tiles = Tiles()
        self.layers = {name: LayerRow(text, tip) for name, (text, tip, _) in LAYERS.items()}
        for name, layer in self.layers.items():
            layer.switch.setChecked(layers.get(name, LAYERS[name][2]))
            layer.switch.toggled.connect(self.layers_changed)
        self.log = LayerRow("Log scale", "Colours by log p̄: what is improbable can be seen, too")
        self.log.switch.setChecked(layers.get("log", False))
        self.log.switch.toggled.connect(self.layers_changed)
        self.arrows = Segments("Length of the arrows", ARROWS)
        self.arrow_mode = "log"
        self.arrows.choose(self.arrow_mode)
        self.arrows.chosen.connect(self._choose_arrows)
        self.make = QVBoxLayout()
        self.foot = QVBoxLayout()
        fill(self.make, spacing=8)
        fill(self.foot, spacing=8)
        rows = list(self.layers.values())
        body = column(label("DISTRIBUTION", "section"), self.tiles, spacing=8)
        body.addLayout(self.make)
        for widget in (line(), label("LAYERS", "section"), rows[0], self.log, *rows[1:3], self.arrows, *rows[3:]):
            body.addWidget(widget)
        body.addLayout(self.foot)
        body.addStretch(1)
        fill(body, (16, 14, 8, 16), 8)
        inner = QWidget()
        inner.setLayout(body)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        keep_scroll_bar(scroll)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setLayout(column(scroll, spacing=0))

    def on(self, layer: str) -> bool:
        """Whether a layer is to be seen."""
        return (self.log if layer == "log" else self.layers[layer]).switch.isChecked()

    def switched(self) -> dict[str, bool]:
        """Every layer, and whether it is on."""
        return {name: self.on(name) for name in (*self.layers, "log")}

    def _choose_arrows(self, mode: str) -> None:
        self.arrow_mode = mode
        self.arrows.choose(mode)
        self.layers_changed.emit()
