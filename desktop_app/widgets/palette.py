"""The command palette: everything that can be done, and what was run before, found by typing a few letters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QSizePolicy, QWidget

from desktop_app.widgets.layout import ElidedLabel, column, fill, row
from desktop_app.widgets.overlay import Overlay

WIDTH, ROWS, ROW_HEIGHT = 560, 11, 32
DETAIL = 220  # px, the least for what else there is to say, if it is as long
TOP = 96  # px, below the window's edge


@dataclass(frozen=True)
class Entry:
    """Something that can be done: in words, with its keys or what else there is to say, and how."""

    text: str
    detail: str
    act: Callable[[], object]


class Palette(Overlay):
    """Enter does what is marked, Esc or a click outside leaves."""

    def __init__(self, window: QWidget, entries: Callable[[], list[Entry]]) -> None:
        super().__init__(window, "Commands")
        self._entries = entries
        self._all: list[Entry] = []  # what could be done when it was opened
        self._found: list[Entry] = []
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
        self.sheet.setFixedWidth(WIDTH)
        inside = column(self.edit, self.list, spacing=8)
        fill(inside, (12, 12, 12, 12), 8)
        self.sheet.setLayout(inside)
        layout = column(self.sheet, None)
        layout.setAlignment(self.sheet, Qt.AlignmentFlag.AlignHCenter)
        fill(layout, (0, TOP, 0, 0))
        self.setLayout(layout)

    def open(self) -> None:
        """Show it over the whole window, with nothing typed."""
        if self.isVisible():
            return
        self._all = self._entries()
        self.edit.clear()
        self._search("")
        self.cover(self.edit)

    def stops(self) -> list[QWidget]:
        return [self.edit]

    def _search(self, text: str) -> None:
        """Those entries that have every typed word, first those that begin with the first."""
        words = text.casefold().split()
        found = [e for e in self._all if all(word in f"{e.text} {e.detail}".casefold() for word in words)]
        if words:
            found.sort(key=lambda entry: not entry.text.casefold().startswith(words[0]))
        self._found = found
        self.list.clear()
        for entry in found:
            item = QListWidgetItem()
            item.setData(Qt.ItemDataRole.AccessibleTextRole, entry.text)
            item.setToolTip("\n".join(filter(None, (entry.text, entry.detail))))
            self.list.addItem(item)
            item.setSizeHint(QSize(0, ROW_HEIGHT))
            self.list.setItemWidget(item, self._row(entry))
        self.list.setFixedHeight(min(max(len(found), 1), ROWS) * ROW_HEIGHT)
        self.list.setCurrentRow(0)

    def _row(self, entry: Entry) -> QWidget:
        text, detail = ElidedLabel(), ElidedLabel("faint")
        text.setText(entry.text)
        detail.setText(entry.detail)
        detail.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        detail.setMinimumWidth(min(detail.sizeHint().width(), DETAIL))
        text.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        layout = row(text)
        layout.addWidget(detail, 1)
        fill(layout, (4, 0, 4, 0), 12)
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
        if watched is self.edit and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._pressed(Qt.Key(event.key()))
        return super().eventFilter(watched, event)

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
