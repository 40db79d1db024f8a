"""The exact values of the step under the mouse, in a bubble of one size above the timeline."""

from __future__ import annotations

import math

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QWidget

from desktop_app.state.timeline import Timeline
from desktop_app.widgets.layout import fill, label
from desktop_app.widgets.timeline_axis import level_text

WIDTH = 188
ROWS = ("Step", "t", "σ", "log-SNR", "Evaluations", "‖score‖", "‖Δx̂₀‖", "Time")


def number(value: float, figures: int = 3) -> str:
    """A measured value; – where there is none."""
    return f"{value:.{figures}g}" if math.isfinite(value) else "–"


class StepBubble(QFrame):
    """Lies over the window; never under the mouse, and never of another size."""

    def __init__(self, timeline: Timeline, bar: QWidget) -> None:
        super().__init__(bar)
        self.timeline, self.bar = timeline, bar
        self.setProperty("role", "toast")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        grid = QGridLayout()
        fill(grid, (12, 8, 12, 8), 3)
        self.values = {}
        for line, name in enumerate(ROWS):
            value = self.values[name] = label("–", "number")
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(label(name.replace("‖", "\u200a‖\u200a").strip("\u200a"), "faint"), line, 0)
            grid.addWidget(value, line, 1)
        self.setLayout(grid)
        self.setFixedWidth(WIDTH)
        self.hide()

    def tell(self, index: int, x: float, images: bool) -> None:
        """Show what is known of a position of the selected run, above x of the bar; nothing for −1."""
        run = self.timeline.selected
        if index < 0 or run is None or index >= run.frames or not images:
            self.hide()
            return
        t, _, _ = run.levels[index]
        sigma, sample = run.sigma(index), self.timeline.sample
        snr = -2.0 * math.log(sigma) if sigma and math.isfinite(sigma) else math.nan
        texts = (
            f"{index} / {run.steps}",
            f"{t:.5f}",
            level_text(sigma, 6),
            f"{snr:.4f}".replace("-", "−") if math.isfinite(snr) else "∞" if sigma == 0.0 else "−∞",
            str(run.nfe[index]),
            number(run.measure("score", index, sample), 5),
            number(run.measure("change", index, sample), 5),
            f"{run.seconds[index]:.3f} s",
        )
        for value, text in zip(self.values.values(), texts, strict=True):
            value.setText(text)
        window = self.bar.window()
        if self.parentWidget() is not window:  # it lies over all of it
            self.setParent(window)
        self.adjustSize()
        origin = self.bar.mapTo(window, QPoint(0, 0))
        left = origin.x() + round(x) - WIDTH // 2
        self.move(min(max(left, origin.x() + 4), window.width() - WIDTH - 4), origin.y() - self.height() - 6)
        self.show()
        self.raise_()
