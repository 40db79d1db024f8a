"""What varies in a sweep: the axes, whether the error is measured, and what that comes to."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from desktop_app.state.sweep import estimate
from desktop_app.widgets.layout import column, label, row
from desktop_app.widgets.sweep_axes import AxisChooser, sentence
from desktop_app.widgets.switch import Switch
from engine.fields import RequestError
from engine.request import Request
from engine.sweep import Axis, Result, Sweep

REFERENCE = 500  # steps
FIRST = (Axis("lam", (0.0, 0.5, 1.0)), Axis("steps", (5, 10, 20, 50)))


class SweepPlan(QWidget):
    """The rows, the columns, and the number of cells; with the request of the inspector they are a sweep."""

    changed = Signal()

    def __init__(self, shown: Sweep | None) -> None:
        super().__init__()
        axes = FIRST if shown is None else shown.axes
        self.rows, self.columns = AxisChooser("Rows", optional=True), AxisChooser("Columns")
        self.rows.show_axis(axes[0] if len(axes) == 2 else None)
        self.columns.show_axis(axes[-1])
        self.error = Switch("Measure the error")
        self.error.setChecked(shown is not None and shown.reference > 0)
        told = label("Measure the error", "soft")
        for widget in (told, self.error):
            widget.setToolTip(
                f"How far each cell is from the solution of its equation: in {REFERENCE} steps, from the same noise "
                "and along the same Brownian path"
            )
        self.count = label("", "faint")
        self.count.setWordWrap(True)
        layout = column(label("WHAT VARIES", "section"), self.rows, self.columns, spacing=10)
        layout.addLayout(row(told, None, self.error))
        layout.addWidget(self.count)
        self.setLayout(layout)
        self.tab_stops = (self.rows.field, self.rows.text, self.columns.field, self.columns.text, self.error)
        for signal in (self.rows.changed, self.columns.changed, self.error.toggled):
            signal.connect(self.changed)

    def varied(self) -> dict[str, str]:
        """The fields that vary, and which axis each is."""
        return {self.rows.name: "rows", self.columns.name: "columns"}

    def sweep(self, base: Request) -> Sweep:
        """The sweep of this request. Raises RequestError."""
        axes = tuple(axis for axis in (self.rows.axis(), self.columns.axis()) if axis is not None)
        return Sweep(base=base, axes=axes, reference=REFERENCE if self.error.isChecked() else 0)

    def check(self, base: Request, done: list[Result]) -> Sweep | None:
        """The sweep, and how much it is, in words; None where there is none, which is said where it is wrong."""
        try:
            sweep = self.sweep(base)
        except RequestError as error:
            if error.field == "axes":
                self.rows.say(sentence(error))
            self.count.hide()
            return None
        self.rows.say("")
        wanted = [request for cell in sweep.cells for request in (cell.request, cell.reference) if request is not None]
        possible = sum(cell.request is not None for cell in sweep.cells)
        seconds = estimate(list(dict.fromkeys(wanted)), done)
        words = ["1 cell" if len(sweep.cells) == 1 else f"{len(sweep.cells)} cells"]
        words += [f"{len(sweep.cells) - possible} not possible"] if possible < len(sweep.cells) else []
        words += [f"about {duration(seconds)}"] if seconds is not None else []
        self.count.setText("  ·  ".join(words))
        self.count.show()
        return sweep


def duration(seconds: float) -> str:
    """A time, as roughly as it is known."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
