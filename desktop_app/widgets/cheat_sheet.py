"""The cheat-sheet: every key, over the window, until any key or click."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QWidget

from desktop_app.widgets.layout import column, fill, label

KEYS = {
    "RUN": {
        "Ctrl+Enter": "Generate, or run all lanes",
        "Esc": "Stop; or show all samples again",
        "R": "Random seed",
        "L": "Lock or unlock the seed",
        "[   ]": "Less or more stochasticity λ",
    },
    "TIMELINE": {
        "Space": "Play, pause",
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
        "Ctrl+Z   Ctrl+Shift+Z": "Undo, redo a stroke",
    },
    "WINDOW": {
        "Ctrl+1   Ctrl+2   …": "The workspaces, as they are at the left",
        "C": "Send to Compare; in the lab, split the view",
        "Ctrl+S   Ctrl+Shift+S": "Save into the gallery, or where you say",
        "Ctrl+Shift+C   Ctrl+V": "Copy as command; apply what is copied, or drop it",
        "/   S   Enter   Delete": "In the gallery: search, star, look, delete",
        "I   ?": "About the model; this sheet",
    },
}


class CheatSheet(QWidget):
    """Dims the window and lists the keys."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAccessibleName("Keyboard")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        card = QFrame()
        card.setProperty("role", "sheet")
        card.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
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
        card.setLayout(grid)
        layout = column(None, card, None)
        layout.setAlignment(card, Qt.AlignmentFlag.AlignHCenter)
        self.setLayout(layout)
        self.hide()
        self._over = window
        self._before: QWidget | None = None
        window.installEventFilter(self)

    def open(self) -> None:
        """Show the sheet over the whole window."""
        self._before = self._over.focusWidget()
        self.setGeometry(self._over.rect())
        self.show()
        self.raise_()
        self.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._over.rect())
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._leave()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._leave()

    def _leave(self) -> None:
        self.hide()
        if self._before is not None:
            self._before.setFocus()

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), QColor(0, 0, 0, 150))
