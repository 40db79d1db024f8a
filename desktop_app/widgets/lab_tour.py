"""A short tour: cards that say one thing each, and move the lab so that it is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from desktop_app.widgets.layout import IconButton, column, fill, label, row

WIDTH = 340


class Card(NamedTuple):
    """What is said, and what is shown meanwhile."""

    title: str
    text: str
    show: Callable[[], object]


class Tour(QFrame):
    """One card at a time, in the lower left of what it explains."""

    def __init__(self, over: QWidget, cards: list[Card]) -> None:
        super().__init__(over)
        self.cards, self.at = cards, 0
        self._over = over
        self.setProperty("role", "sheet")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        self.title, self.text, self.count = label("", "title"), label("", "soft"), label("", "faint")
        self.text.setWordWrap(True)
        self.skip = IconButton("x", "Leave the tour", "Esc")
        self.back, self.forth = QPushButton("Back"), QPushButton("Next")
        self.skip.clicked.connect(self.hide)
        self.back.clicked.connect(lambda: self.go(self.at - 1))
        self.forth.clicked.connect(lambda: self.go(self.at + 1))
        for button in (self.back, self.forth):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        layout = column(spacing=10)
        layout.addLayout(row(self.title, None, self.skip))
        layout.addWidget(self.text)
        layout.addLayout(row(self.count, None, self.back, self.forth))
        fill(layout, (18, 12, 12, 14), 10)
        self.setLayout(layout)
        over.installEventFilter(self)
        self.hide()

    def go(self, number: int) -> None:
        """Show a card; beyond the last the tour is over."""
        if not 0 <= number < len(self.cards):
            self.hide()
            return
        self.at = number
        card = self.cards[number]
        self.title.setText(card.title)
        self.text.setText(card.text)
        self.setAccessibleName(f"{card.title}: {card.text}")
        self.count.setText(f"{number + 1} of {len(self.cards)}")
        self.back.setEnabled(number > 0)
        self.forth.setText("Done" if number == len(self.cards) - 1 else "Next")
        self.show()
        self._place()
        self.raise_()
        self.forth.setFocus()
        card.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False

    def _place(self) -> None:
        self.text.setMinimumHeight(self.text.heightForWidth(WIDTH - 32))
        self.adjustSize()
        self.move(16, self._over.height() - self.height() - 16)
