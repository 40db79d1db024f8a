"""A part of a panel that is folded away until it is wanted."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QToolButton, QWidget

from desktop_app.theme import theme
from desktop_app.widgets.layout import column


class _Head(QToolButton):
    """The line that unfolds the rest; a dot says that something in there is set."""

    def __init__(self) -> None:
        super().__init__()
        self.dot = False
        self.setProperty("role", "disclosure")
        self.setCheckable(True)
        self.setText("More")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(14, 14))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.dot:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().colour("accent"))
            painter.drawEllipse(self.width() - 9, self.height() // 2 - 3, 6, 6)


class Disclosure(QWidget):
    """“More”, and below it the widgets that belong to it."""

    toggled = Signal(bool)

    def __init__(self, name: str, *widgets: QWidget) -> None:
        super().__init__()
        self.head = _Head()
        self._name = name
        self._body = QWidget()
        self._body.setLayout(column(*widgets, spacing=12))
        self.setLayout(column(self.head, self._body, spacing=8))
        self.head.clicked.connect(self.toggled)
        self.head.toggled.connect(self._show)
        theme().changed.connect(self._show)
        self.tell([])
        self._show()

    def unfold(self, on: bool) -> None:
        """Show or fold away, without a signal."""
        self.head.setChecked(on)

    def tell(self, set_fields: list[str]) -> None:
        """Which of the fields inside are not at their defaults."""
        self.head.dot = bool(set_fields)
        said = f"More of {self._name}"
        self.head.setAccessibleName(f"{said}: {', '.join(set_fields)} set" if set_fields else said)
        self.head.setToolTip(f"Set: {', '.join(set_fields)}" if set_fields else "Less often used")
        self.head.update()

    def _show(self) -> None:
        on = self.head.isChecked()
        self._body.setVisible(on)
        self.head.setIcon(theme().icon("chevron-down" if on else "chevron-right", "text_faint", 14))
