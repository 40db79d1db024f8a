"""A list to choose from, in the theme's clothes."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import QComboBox, QPushButton, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desktop_app.theme import theme

HEADING = Qt.ItemDataRole.UserRole + 1
Index = QModelIndex | QPersistentModelIndex


class ComboBox(QComboBox):
    """A combo box with an arrow in the theme's colour; the wheel scrolls the panel instead of changing it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMaxVisibleItems(24)
        self.setItemDelegate(_Delegate(self))

    def add_choice(self, text: str, value: Any, help_: str) -> None:
        """An entry, and a sentence about it."""
        self.addItem(text, value)
        self.setItemData(self.count() - 1, help_, Qt.ItemDataRole.ToolTipRole)

    def add_heading(self, text: str) -> None:
        """A line above the entries that follow; it cannot be chosen."""
        self.addItem(text)
        self.setItemData(self.count() - 1, True, HEADING)
        model = self.model()
        assert isinstance(model, QStandardItemModel)
        model.item(self.count() - 1).setFlags(Qt.ItemFlag.NoItemFlags)

    def help_of(self, index: int) -> str:
        """The sentence about an entry."""
        return str(self.itemData(index, Qt.ItemDataRole.ToolTipRole) or "")

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _draw_arrow(self)


class MenuButton(QPushButton):
    """A button that opens a menu, with the same arrow."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _draw_arrow(self)


def _draw_arrow(on: QWidget) -> None:
    pixmap = theme().icon("chevron-down", "text_faint", 14).pixmap(14, 14)
    QPainter(on).drawPixmap(on.width() - 21, (on.height() - 14) // 2, pixmap)


class _Delegate(QStyledItemDelegate):
    """Draws headings as the inspector's sections are headed."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if not index.data(HEADING):
            super().paint(painter, option, index)
            return
        painter.save()
        font = QFont(option.font)
        font.setPixelSize(11)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(theme().colour("text_faint"))
        place = option.rect.adjusted(5, 0, 0, -4)
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, index.data())
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        size = super().sizeHint(option, index)
        return QSize(size.width(), 20 if index.data(HEADING) and index.row() == 0 else size.height())
