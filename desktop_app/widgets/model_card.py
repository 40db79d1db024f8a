"""What is known of every model: how it was made, what was measured, and how to see for oneself, over the window."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QScrollArea, QWidget

from desktop_app.widgets.card_sections import Command, Passage, section_widget
from desktop_app.widgets.layout import ElidedLabel, IconButton, column, fill, label, line, row
from desktop_app.widgets.loss_chart import LossChart
from desktop_app.widgets.overlay import Overlay
from engine.card_text import KINDS, every_card, sections
from engine.catalog import Card

MARGIN = 32  # px, between the sheet and the window
LARGEST = QSize(960, 880)
LIST, ROW_HEIGHT, HEAD_HEIGHT = 208, 30, 34
NAME = Qt.ItemDataRole.UserRole


class ModelCard(Overlay):
    """↑ ↓ go through the models, Page keys through the card; Esc or a click outside leaves."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window, "About a model")
        self._cards: dict[str, Card] = {}
        self.list = _Models()
        self.list.currentItemChanged.connect(lambda item: self._show(item.data(NAME)) if item else None)
        self.close_button = IconButton("x", "Close", "Esc")
        self.close_button.clicked.connect(self.leave)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.title = ElidedLabel("title")
        top = row(spacing=12)
        top.addWidget(self.title, 1)
        top.addWidget(self.close_button)
        fill(top, (24, 10, 12, 10), 12)
        right = column(spacing=0)
        right.addLayout(top)
        right.addWidget(line())
        right.addWidget(self.area, 1)
        left = column(self.list)
        fill(left, (8, 8, 8, 8))
        both = row(spacing=0)
        both.addLayout(left)
        both.addWidget(line(vertical=True))
        both.addLayout(right, 1)
        fill(both, (1, 1, 1, 1))
        self.sheet.setLayout(both)

    def open(self, name: str = "") -> None:
        """Show the card of this model; where it has none, the first."""
        self._cards = every_card()
        self.list.offer(self._cards)
        self.cover(self.list)
        self.list.choose(name)

    def _show(self, name: str) -> None:
        """Say what is known of a model."""
        card = self._cards[name]
        self.title.setText(card.title)
        body = column(*([Passage(card.summary, "soft")] if card.summary else []), spacing=24)
        for section in sections(card):
            body.addWidget(section_widget(section))
        if len(curve := _curve(card)) > 1:
            chart = LossChart()
            chart.setFixedHeight(200)
            chart.show_curve(curve)
            body.addLayout(column(label("LOSS OF THE TRAINING", "section"), chart, spacing=10))
        body.addStretch(1)
        fill(body, (24, 18, 16, 0), 24)
        page = QWidget()
        page.setLayout(body)
        self.area.setWidget(page)  # and the former one is deleted

    # --- keys and places ---

    def stops(self) -> list[QWidget]:
        """The list, the buttons that copy, the one that closes."""
        return [self.list, *(command.copy for command in self.area.findChildren(Command)), self.close_button]

    def focusNextPrevChild(self, forward: bool) -> bool:
        moved = super().focusNextPrevChild(forward)
        focused = self.focusWidget()
        if focused is not None and self.area.isAncestorOf(focused):
            self.area.ensureWidgetVisible(focused, 0, 24)
        return moved

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.area.verticalScrollBar()
        pages = {Qt.Key.Key_PageDown: 1, Qt.Key.Key_PageUp: -1}.get(Qt.Key(event.key()), 0)
        bar.setValue(bar.value() + pages * bar.pageStep())
        super().keyPressEvent(event)

    def place(self) -> None:
        super().place()
        size = (self.size() - QSize(2 * MARGIN, 2 * MARGIN)).boundedTo(LARGEST)
        self.sheet.setGeometry(
            (self.width() - size.width()) // 2, (self.height() - size.height()) // 2, size.width(), size.height()
        )


class _Models(QListWidget):
    """The models by kind, in one column."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "palette")
        self.setAccessibleName("Models")
        self.setFixedWidth(LIST)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)

    def offer(self, cards: dict[str, Card]) -> None:
        """These models, those of one heading together."""
        self.blockSignals(True)
        self.clear()
        for heading in dict.fromkeys(KINDS.values()):
            there = [card for card in cards.values() if KINDS[card.kind] == heading]
            if there:
                self._add_heading(heading)
            for card in there:
                item = QListWidgetItem(card.title)
                item.setData(NAME, card.name)
                item.setToolTip(f"{card.title} ({card.name})")
                item.setSizeHint(QSize(0, ROW_HEIGHT))
                self.addItem(item)
        self.blockSignals(False)

    def choose(self, name: str) -> None:
        """Mark the model of this name, or else the first."""
        items = [self.item(at) for at in range(self.count()) if self.item(at).data(NAME)]
        if items:
            self.setCurrentItem(next((item for item in items if item.data(NAME) == name), items[0]))

    def _add_heading(self, text: str) -> None:
        item = QListWidgetItem()
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        item.setSizeHint(QSize(0, HEAD_HEIGHT))
        self.addItem(item)
        head = label(text.upper(), "section")
        head.setContentsMargins(3, 8, 0, 0)
        self.setItemWidget(item, head)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
            event.ignore()  # they turn the pages of the card
        else:
            super().keyPressEvent(event)


def _curve(card: Card) -> list[tuple[int, float]]:
    """The loss over the steps; none where it is not known how many images a step has seen."""
    if not card.steps or not card.images:
        return []
    return [(round(seen * card.steps / card.images), loss) for seen, loss in card.loss]
