"""The command palette: everything that can be done, and what was run before, found by typing a few letters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QListWidgetItem, QWidget

from desktop_app.widgets.layout import column, fill, label, row

WIDTH, ROWS, ROW_HEIGHT = 560, 11, 32
TOP = 96  # px, below the window's edge


@dataclass(frozen=True)
class Entry:
    """Something that can be done: in words, with its keys or what else there is to say, and how."""

    text: str
    detail: str
    act: Callable[[], object]


class Palette(QWidget):
    """Dims the window; Enter does what is marked, Esc or a click outside leaves."""

    def __init__(self, window: QWidget, entries: Callable[[], list[Entry]]) -> None:
        super().__init__(window)
        self.setAccessibleName("Commands")
        self._over, self._entries = window, entries
        self._found: list[Entry] = []
        self._before: QWidget | None = None
        self.edit = QLineEdit()
        self.edit.setPlaceholderText("What is to be done?")
        self.edit.setAccessibleName("Search the commands")
        self.edit.textChanged.connect(self._search)
        self.edit.installEventFilter(self)
        self.list = QListWidget()
        self.list.setProperty("role", "palette")
        self.list.setAccessibleName("Commands")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(lambda _: self._do())
        self.card = QFrame()
        self.card.setProperty("role", "sheet")
        self.card.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.card.setFixedWidth(WIDTH)
        inside = column(self.edit, self.list, spacing=8)
        fill(inside, (12, 12, 12, 12), 8)
        self.card.setLayout(inside)
        layout = column(self.card, None)
        layout.setAlignment(self.card, Qt.AlignmentFlag.AlignHCenter)
        fill(layout, (0, TOP, 0, 0))
        self.setLayout(layout)
        self.hide()
        window.installEventFilter(self)

    def open(self) -> None:
        """Show it over the whole window, with nothing typed."""
        if self.isVisible():
            return
        self._before = self._over.focusWidget()
        self.setGeometry(self._over.rect())
        self.edit.clear()
        self._search("")
        self.show()
        self.raise_()
        self.edit.setFocus()

    def leave(self) -> None:
        """Put it away, and the focus back."""
        self.hide()
        if self._before is not None:
            self._before.setFocus()

    def _search(self, text: str) -> None:
        """Those entries that have every typed word, first those that begin with the first."""
        words = text.casefold().split()
        found = [e for e in self._entries() if all(word in f"{e.text} {e.detail}".casefold() for word in words)]
        if words:
            found.sort(key=lambda entry: not entry.text.casefold().startswith(words[0]))
        self._found = found
        self.list.clear()
        for entry in found:
            item = QListWidgetItem()
            item.setData(Qt.ItemDataRole.AccessibleTextRole, entry.text)
            self.list.addItem(item)
            item.setSizeHint(QSize(0, ROW_HEIGHT))
            self.list.setItemWidget(item, self._row(entry))
        self.list.setFixedHeight(min(max(len(found), 1), ROWS) * ROW_HEIGHT)
        self.list.setCurrentRow(0)

    def _row(self, entry: Entry) -> QWidget:
        text, detail = label(entry.text), label(entry.detail, "faint")
        layout = row(text, None, detail)
        fill(layout, (8, 0, 12, 0), 12)
        widget = QWidget()
        widget.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        widget.setLayout(layout)
        return widget

    def _do(self) -> None:
        at = self.list.currentRow()
        if 0 <= at < len(self._found):
            self.leave()
            self._found[at].act()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._over:
            self.setGeometry(self._over.rect())
        if watched is self.edit and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._pressed(Qt.Key(event.key()))
        return False

    def _pressed(self, key: Qt.Key) -> bool:
        """Whether a key in the text field is the list's."""
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: ROWS, Qt.Key.Key_PageUp: -ROWS}
        if key in steps and self._found:
            to = self.list.currentRow() + steps[key]
            last = len(self._found) - 1
            self.list.setCurrentRow(min(max(to, 0), last) if abs(steps[key]) > 1 else to % (last + 1))
        elif key == Qt.Key.Key_Escape:
            self.leave()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._do()
        else:
            return False
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.card.geometry().contains(event.position().toPoint()):
            self.leave()

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), QColor(0, 0, 0, 150))
