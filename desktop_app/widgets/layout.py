"""Small pieces that every panel is put together from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QStylePainter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_app.theme import theme


def label(text: str, role: str = "") -> QLabel:
    """A label in one of the style sheet's roles."""
    widget = QLabel(text)
    widget.setProperty("role", role)
    return widget


class ElidedLabel(QLabel):
    """A label that is cut with … where there is no room for it; its tooltip has all of it."""

    def __init__(self, role: str = "", cut: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        super().__init__()
        self._cut = cut
        self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        text = self.fontMetrics().elidedText(self.text(), self._cut, self.width())
        painter = QStylePainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), self.alignment(), text)


def fill(layout: QLayout, margins: tuple[int, int, int, int] = (0, 0, 0, 0), spacing: int = 0) -> None:
    """Margins (left, top, right, bottom) and spacing, in px."""
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)


def row(*widgets: QWidget | int | None, spacing: int = 8) -> QHBoxLayout:
    """Widgets side by side; a number is a gap, None takes what is left."""
    layout = QHBoxLayout()
    fill(layout, spacing=spacing)
    _add(layout, widgets)
    return layout


def column(*widgets: QWidget | int | None, spacing: int = 8) -> QVBoxLayout:
    """Widgets one below the other; a number is a gap, None takes what is left."""
    layout = QVBoxLayout()
    fill(layout, spacing=spacing)
    _add(layout, widgets)
    return layout


def _add(layout: QHBoxLayout | QVBoxLayout, widgets: Iterable[QWidget | int | None]) -> None:
    for widget in widgets:
        if widget is None:
            layout.addStretch(1)
        elif isinstance(widget, int):
            layout.addSpacing(widget)
        else:
            layout.addWidget(widget)


class FocusRing:
    """Mixin: knows whether the focus came by keyboard, when it is to be seen, or by a click, when it is not."""

    focus_visible = False

    def focusInEvent(self, event: QFocusEvent) -> None:
        reasons = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self.focus_visible = event.reason() in reasons
        super().focusInEvent(event)  # type: ignore[misc]

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.focus_visible = False
        super().focusOutEvent(event)  # type: ignore[misc]


def keep_scroll_bar(area: QAbstractScrollArea) -> None:
    """Keep the room of the bar, so that nothing jumps; it is seen where there is something to scroll."""
    bar = area.verticalScrollBar()
    area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
    bar.setEnabled(False)
    bar.rangeChanged.connect(lambda low, high: bar.setEnabled(high > low))


def line(vertical: bool = False) -> QFrame:
    """A hairline between two surfaces."""
    frame = QFrame()
    frame.setProperty("line", "true")
    frame.setFixedWidth(1) if vertical else frame.setFixedHeight(1)
    return frame


class IconButton(QToolButton):
    """A button that is an icon; its name is its tooltip and what a screen reader says."""

    def __init__(self, icon: str, name: str, keys: str = "", checkable: bool = False) -> None:
        super().__init__()
        self._icon = icon
        self._keys = keys
        self.setProperty("quiet", "true")
        self.setCheckable(checkable)
        self.setFixedSize(28, 28)
        self.setIconSize(QSize(18, 18))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.rename(name)
        theme().changed.connect(self._paint)
        self.toggled.connect(self._paint)
        self._paint()

    def rename(self, name: str, icon: str | None = None) -> None:
        """What the button does now."""
        self.setAccessibleName(name)
        self.setToolTip(f"{name}  ·  {self._keys}" if self._keys else name)
        if icon is not None and icon != self._icon:
            self._icon = icon
            self._paint()

    def _paint(self) -> None:
        self.setIcon(theme().icon(self._icon, "text" if self.isChecked() else "text_soft"))


def mark_chosen(buttons: Mapping[Any, QPushButton], value: object) -> None:
    """Show one of some buttons as chosen; it is the one that Tab comes to, and arrows go on from it."""
    buttons[value].setChecked(True)
    for other, button in buttons.items():
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus if other == value else Qt.FocusPolicy.NoFocus)


def tab_at(place: QWidget, parts: Iterable[QWidget]) -> None:
    """Tab comes to these parts where `place` is seen, and not after all that was there before them."""
    before = place
    while (before := before.previousInFocusChain() or place) is not place:
        if before.focusPolicy() & Qt.FocusPolicy.TabFocus:
            break
    for part in (part for part in parts if part.focusPolicy() & Qt.FocusPolicy.TabFocus):
        QWidget.setTabOrder(before, part)
        before = part


class Segments(QFrame):
    """A choice of a few, all visible."""

    chosen = Signal(str)

    def __init__(self, name: str, choices: dict[str, tuple[str, str]]) -> None:
        """`choices`: value → (label, tooltip)."""
        super().__init__()
        self.setProperty("role", "segments")
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QPushButton] = {}
        layout = row(spacing=0)
        for value, (text, tip) in choices.items():
            button = QPushButton(text)
            button.setProperty("role", "segment")
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setAccessibleName(f"{name}: {text}")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, v=value: self.chosen.emit(v))
            self._group.addButton(button)
            self._buttons[value] = button
            layout.addWidget(button, 1)
        self.setLayout(layout)

    def choose(self, value: str) -> None:
        """Show a value as chosen, without a signal; it is the one that Tab comes to."""
        mark_chosen(self._buttons, value)

    def button(self, value: str) -> QPushButton:
        """The button of a value."""
        return self._buttons[value]
