"""One lane of Compare: how it is drawn, what it is, in which fields it differs, and its images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QStackedWidget, QWidget

from desktop_app.theme import theme
from desktop_app.widgets.cloud_picture import CloudPicture
from desktop_app.widgets.image_grid import ImageGrid
from desktop_app.widgets.layout import ElidedLabel, column, fill, label, row
from engine.sweep.folder import FIGURES

LONG = 20  # letters of a difference, which comes last: what is at the end is cut first
DASHES: dict[bool, list[list[float]]] = {  # of the ODE, solid first; of the SDE, dashed first
    False: [[], [6, 2], [6, 2, 1.5, 2], [1.5, 1.5]],
    True: [[2.2, 1.2], [5, 1.5, 1, 1.5], [1, 1.2], [7, 3]],
}
SHADES = {False: ("ode", "lane_1", "lane_2", "lane_3"), True: ("sde", "lane_3", "lane_2", "lane_1")}


def lane_colour(kind: tuple[bool, int]) -> str:
    """The token of a lane's colour."""
    stochastic, place = kind
    return SHADES[stochastic][place]


def lane_pen(kind: tuple[bool, int], width: float) -> QPen:
    """How a lane is drawn: the ODE blue and solid, the SDE orange and dashed; further ones differ by hue and dash."""
    stochastic, place = kind
    pen = QPen(theme().colour(lane_colour(kind)), width)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    if dashes := DASHES[stochastic][place]:
        pen.setDashPattern(dashes)
    return pen


class Stroke(QWidget):
    """A lane's line, as the chart draws it."""

    def __init__(self) -> None:
        super().__init__()
        self.kind = (False, 0)
        self.setFixedSize(QSize(28, 16))
        theme().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(lane_pen(self.kind, 3))
        painter.drawLine(QPointF(0, 8), QPointF(28, 8))


class LanePanel(QWidget):
    """Shows one lane; a click on it asks for its controls."""

    wanted = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setProperty("surface", "canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.stroke = Stroke()
        self.title = label(name, "title")
        self.kind = label("", "soft")
        self.quality = label("", "soft")
        self.differs = ElidedLabel("soft")
        self.cost = ElidedLabel("number")
        first = row(self.stroke, self.title, self.kind, spacing=10)
        first.addWidget(self.differs, 1)
        head = column(spacing=2)
        head.addLayout(first)
        second = row(spacing=10)
        second.addWidget(self.cost, 1)
        self.quality.setToolTip(FIGURES["agreement"][1])
        second.addWidget(self.quality)
        head.addLayout(second)
        fill(head, (20, 8, 20, 0), 2)
        self.grid = ImageGrid(f"Samples of lane {name}")
        self.cloud = CloudPicture(f"Cloud of lane {name}")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.grid)
        self._stack.addWidget(self.cloud)
        layout = column(spacing=0)
        layout.addLayout(head)
        layout.addWidget(self._stack, 1)
        self.setLayout(layout)

    @property
    def colour(self) -> str:
        """The token of the lane's colour."""
        return lane_colour(self.stroke.kind)

    def show_pictures(self, pictures: NDArray[np.uint8]) -> None:
        """Draw images [B, H, W, C]."""
        self._stack.setCurrentWidget(self.grid)
        self.grid.show_pictures(pictures)

    def show_cloud(self, points: NDArray[np.float32]) -> None:
        """Draw points of the plane [n, 2], in x̄."""
        self._stack.setCurrentWidget(self.cloud)
        self.cloud.show_clouds((points, self.colour))

    def forget(self, count: int, height: int, width: int) -> None:
        """Show empty places for pictures of this size."""
        self.grid.expect(count, height, width)
        self.cloud.show_clouds()
        self.cost.setText("–")
        self.quality.setText("")

    def tell(self, kind: tuple[bool, int], differences: list[str]) -> None:
        """What the lane is, and in which fields it differs from the others."""
        self.stroke.kind = kind
        self.stroke.update()
        self.kind.setText("SDE" if kind[0] else "ODE")
        differences = sorted(differences, key=lambda text: len(text) > LONG)
        self.differs.setText("   ".join(differences) or "no difference")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.wanted.emit()
