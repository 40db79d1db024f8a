"""A number as text."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit

NUMBER_WIDTH = 60


class NumberEdit(QLineEdit):
    """A number as text: Enter or leaving commits it, ↑ and ↓ change it, what is not allowed is marked and undone."""

    committed = Signal(str)

    def __init__(self, name: str, width: int = NUMBER_WIDTH) -> None:
        super().__init__()
        self.setProperty("role", "number")
        self.setAccessibleName(name)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFixedWidth(width)
        self.bump: Callable[[int], None] = lambda _: None
        self.editingFinished.connect(lambda: self.committed.emit(self.text().strip()))
        self.textEdited.connect(lambda _: self.mark(False))

    def mark(self, invalid: bool) -> None:
        """Outline the field as wrong, or as right again."""
        if self.property("invalid") != invalid:
            self.setProperty("invalid", invalid)
            self.style().polish(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_PageUp: 10, Qt.Key.Key_PageDown: -10}
        if event.key() in steps:
            self.bump(steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)
