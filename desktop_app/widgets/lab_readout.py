"""What the numbers are at the shown level."""

from __future__ import annotations

import math

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from desktop_app.state.lab_cloud import Level
from desktop_app.widgets.layout import fill, label, row
from engine.schedules import SCHEDULES

CELLS = {
    "t": "Time of the schedule, from 0 (data) to 1 (noise)",
    "σ": "Noise to signal: std / α",
    "α": "How much of the data is left: x = α x₀ + std ε",
    "β": "How fast the signal decays: dx = −½ β x dt + √β dW. Schedules that only add noise have none",
    "log-SNR": "−2 log σ",
    "log p": "Of the point under the pointer, in x̄",
}
CELL = 112  # px


class LabReadout(QWidget):
    """Names and numbers, in as many columns as there is room for."""

    def __init__(self) -> None:
        super().__init__()
        self.values = {}
        self._cells = []
        for name, tip in CELLS.items():
            value = self.values[name] = label("–", "number")
            value.setAccessibleName(name)
            cell = QWidget()
            cell.setToolTip(tip)
            cell.setLayout(row(label(name, "faint"), value, None, spacing=6))
            self._cells.append(cell)
        self._grid = QGridLayout()
        fill(self._grid, (20, 8, 20, 8), 4)
        self.setLayout(self._grid)
        self._columns = 0

    def resizeEvent(self, event: QResizeEvent) -> None:
        columns = len(self._cells) if self.width() >= CELL * len(self._cells) + 40 else len(self._cells) // 2
        if columns != self._columns:
            self._columns = columns
            for index, cell in enumerate(self._cells):
                self._grid.addWidget(cell, index // columns, index % columns)
        super().resizeEvent(event)

    def show_level(self, level: Level | None, schedule: str | None) -> None:
        """The numbers of a level of a schedule."""
        texts = dict.fromkeys(list(CELLS)[:-1], "–")
        if level is not None:
            t, alpha, std = level
            sigma = std / alpha if alpha else math.inf
            beta = SCHEDULES[schedule or "edm"]().beta(t)
            logsnr = -2 * math.log(sigma) if 0.0 < sigma < math.inf else math.inf if sigma == 0.0 else -math.inf
            texts = {
                "t": f"{t:.4f}",
                "σ": number(sigma),
                "α": f"{alpha:.4f}",
                "β": "–" if beta is None else number(beta),
                "log-SNR": number(logsnr),
            }
        for name, text in texts.items():
            self.values[name].setText(text)

    def show_density(self, density: float | None) -> None:
        """The density under the pointer, as its logarithm."""
        self.values["log p"].setText(number(math.log(density)) if density else "–")


def number(value: float) -> str:
    """Four figures, with a true minus and ∞."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}".replace("-", "−")
