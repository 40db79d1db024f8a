"""The cheat-sheet: every key, over the window, until any key or click."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from desktop_app.widgets.layout import column, fill, label
from desktop_app.widgets.overlay import Overlay

KEYS = {
    "RUN": {
        "Ctrl+Enter": "Generate, or run all lanes",
        "Esc": "Stop; or show all samples again",
        "R   L": "Random seed; lock or unlock it",
        "[   ]": "Less or more stochasticity λ",
    },
    "TIMELINE": {
        "Space": "Play, pause; in Compare’s flip, held, the other lane",
        "←   →": "One step",
        "Shift+←   Shift+→": "Ten steps",
        "Home   End": "First step, last step",
        "E   Shift+E": "Enlarge the next sample, the one before",
        "B": "Branch here: change something from this step on",
        "↑   ↓   Delete": "On the timeline: another branch, delete it",
    },
    "LAB 2D": {
        "Click   Shift+Click": "Probe here, or at the noise end",
        "Tab to the plane, Enter": "Hold the probe, or let it go: ← → ↑ ↓ move it, Delete",
        "+   −   0": "Closer, further, all of the plane",
    },
    "WINDOW": {
        "Ctrl+K": "Everything that can be done, found by its words",
        "Ctrl+1   Ctrl+2   …": "The workspaces, as they are at the left",
        "Ctrl+Z   Ctrl+Shift+Z": "Undo, redo: parameters, strokes, branches, deletions",
        "C": "Send to Compare; in the lab, split the view",
        "Ctrl+S   Ctrl+Shift+S": "Save into the gallery, or where you say",
        "Ctrl+Shift+C   Ctrl+V": "Copy as command; apply what is copied, or drop it",
        "/   S   Enter   Delete": "In the gallery: search, star, look, delete",
        "I   ?": "About the model; this sheet",
    },
}


class CheatSheet(Overlay):
    """Lists the keys."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window, "Keyboard")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        grid = QGridLayout()
        fill(grid, (28, 24, 28, 24), 6)
        grid.setHorizontalSpacing(28)
        line = 0
        for title, keys in KEYS.items():
            head = label(title, "section")
            head.setContentsMargins(0, 10 if line else 0, 0, 2)
            grid.addWidget(head, line, 0, 1, 2)
            for keys_text, what in keys.items():
                line += 1
                grid.addWidget(label(keys_text, "number"), line, 0)
                grid.addWidget(label(what), line, 1)
            line += 1
        self.sheet.setLayout(grid)
        layout = column(None, self.sheet, None)
        layout.setAlignment(self.sheet, Qt.AlignmentFlag.AlignHCenter)
        self.setLayout(layout)

    def open(self) -> None:
        """Show the sheet over the whole window."""
        self.cover(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.leave()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.leave()
