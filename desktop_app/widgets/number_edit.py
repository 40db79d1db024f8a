"""Numbers as text: one, and a list of noise levels."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit

NUMBER_WIDTH = 60
LEVELS_HEIGHT = 76  # four lines


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
        self.editingFinished.connect(self._finished)
        self.textEdited.connect(lambda _: self.mark(False))

    def mark(self, invalid: bool) -> None:
        """Outline the field as wrong, or as right again."""
        if self.property("invalid") != invalid:
            self.setProperty("invalid", invalid)
            self.style().polish(self)

    def _finished(self) -> None:
        if self.isModified():  # what is shown has fewer digits than what it stands for
            self.committed.emit(self.text().strip())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_PageUp: 10, Qt.Key.Key_PageDown: -10}
        if event.key() in steps:
            self.bump(steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)


class LevelsEdit(QPlainTextEdit):
    """A few lines of numbers: Enter or leaving commits them, if they were changed."""

    committed = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setProperty("role", "number")
        self.setAccessibleName(name)
        self.setFixedHeight(LEVELS_HEIGHT)
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self.invalid = False
        self.textChanged.connect(lambda: self.mark(False))

    def mark(self, invalid: bool) -> None:
        """Outline the list as wrong, or as right again."""
        if self.invalid != invalid:
            self.invalid = invalid
            self.setProperty("invalid", invalid)
            self.style().polish(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.committed.emit(self.toPlainText())
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if self.document().isModified():
            self.committed.emit(self.toPlainText())
        super().focusOutEvent(event)
