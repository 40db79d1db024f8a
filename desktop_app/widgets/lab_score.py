"""The score: exact, or as a small network has learned it; and the network's progress."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from desktop_app.state.lab_learning import Learning
from desktop_app.theme import theme
from desktop_app.widgets.layout import IconButton, Segments, column, label, row

SOURCES = {
    "exact": ("Exact", "The score by its formula"),
    "learned": ("Learned", "The network’s score, and the cloud that it makes"),
    "difference": ("Error", "Learned − exact, with the size of the error as a map: large where there are no data"),
}
PURPLE = {"dark": "#c9a2ff", "light": "#7a2fd0"}  # what is learned, in every view


class ErrorCurve(QWidget):
    """How far the learned score is from the exact one, over the steps of training, both logarithmic."""

    def __init__(self, learning: Learning) -> None:
        super().__init__()
        self.learning = learning
        self.setAccessibleName("Error of the learned score")
        self.setToolTip(
            "How much is still to be learned: ‖D_θ − D‖² over what it is without a network, D₀ = c_skip x. 100 % "
            "untrained; both axes are logarithmic"
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        learning.changed.connect(self.update)
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(160, 48)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours = QPainter(self), theme()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.colour("canvas"))
        painter.drawRoundedRect(self.rect(), 6, 6)
        if len(self.learning.errors) < 2:
            return
        x = np.log(np.maximum(self.learning.steps, 1))
        y = np.log(np.maximum(self.learning.errors, 1e-9))
        x = (x - x[0]) / max(x[-1] - x[0], 1e-9) * (self.width() - 16) + 8
        y = (y.max() - y) / max(float(np.ptp(y)), 1e-9) * (self.height() - 16) + 8
        painter.setPen(QPen(QColor(PURPLE[colours.palette.name]), 1.6))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([QPointF(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]))


class ScorePanel(QWidget):
    """Chooses the source of the score, and trains the network."""

    source_chosen = Signal(str)
    train_wanted = Signal()

    def __init__(self, learning: Learning) -> None:
        super().__init__()
        self.learning = learning
        self.sources = Segments("Source of the score", SOURCES)
        self.sources.choose("exact")
        self.sources.chosen.connect(self.source_chosen)
        self.button, self.save, self.load = QPushButton(), QPushButton("Save…"), QPushButton("Load…")
        self.button.setToolTip("A small network learns the score from samples alone, by denoising score matching")
        self.save.setToolTip("Save the network, with all that going on with it needs")
        self.load.setToolTip("Load a network that was saved, with the distribution that it learned from")
        for button, name in ((self.button, ""), (self.save, "Save network…"), (self.load, "Load network…")):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(name)
        self.button.clicked.connect(self.train_wanted)
        self.again = IconButton("x", "Forget the network")
        self.again.clicked.connect(learning.forget)
        self.curve = ErrorCurve(learning)
        self.step, self.error, self.loss = label("", "faint"), label("", "faint"), label("", "faint")
        self.loss.setToolTip("The loss of the last batches, and that of the exact denoiser: the least it can be")
        self._told = QWidget()
        told = column(spacing=2)
        told.addLayout(row(self.step, None, self.error))
        told.addWidget(self.loss)
        self._told.setLayout(told)
        layout = column(label("SCORE", "section"), self.sources, spacing=8)
        layout.addLayout(row(self.button, self.again, spacing=2))
        layout.addWidget(self.curve)
        layout.addWidget(self._told)
        layout.addLayout(row(self.save, self.load, spacing=8))
        self.setLayout(layout)
        learning.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show how the learning goes."""
        learning = self.learning
        begun = bool(learning.steps)
        self.button.setText("Pause" if learning.running else "Go on learning" if begun else "Learn it")
        for widget in (self.again, self.curve, self._told):
            widget.setVisible(begun)
        self.save.setEnabled(learning.name is not None)
        if begun:
            self.step.setText(f"step {learning.steps[-1]:,}")
            self.error.setText(f"error {learning.errors[-1]:.1%}")
            self.loss.setText(f"loss {learning.loss:.3f}  (≥ {learning.floor:.3f})")
        for source in ("learned", "difference"):
            self.sources.button(source).setEnabled(learning.name is not None)
