"""What lies over the whole window, and has the keyboard until it is left."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget
from shiboken6 import isValid


class Overlay(QWidget):
    """A sheet over the dimmed window; Esc or a click outside leaves, Tab stays in here."""

    def __init__(self, window: QWidget, name: str) -> None:
        super().__init__(window)
        self.setAccessibleName(name)
        self._over = window
        self._before: QWidget | None = None
        self.sheet = QFrame(self)
        self.sheet.setProperty("role", "sheet")
        self.sheet.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.hide()
        window.installEventFilter(self)

    def cover(self, focus: QWidget) -> None:
        """Lie over the window; the keys are for `focus`."""
        if not self.isVisible():
            self._before = self._over.focusWidget()
        self.place()
        self.show()
        self.raise_()
        focus.setFocus()

    def leave(self) -> None:
        """Put it away, and the focus back, if what had it is still there."""
        if self.isVisible():
            self.hide()
            (self._before if self._before is not None and isValid(self._before) else self._over).setFocus()

    def place(self) -> None:
        """As large as the window."""
        self.setGeometry(self._over.rect())

    def stops(self) -> list[QWidget]:
        """What Tab goes through; where there is nothing, Tab is a key like any other."""
        return []

    def focusNextPrevChild(self, forward: bool) -> bool:
        if not self.isVisible():
            return super().focusNextPrevChild(forward)
        stops, focused = [stop for stop in self.stops() if stop.isEnabled()], self.focusWidget()
        at = stops.index(focused) if focused in stops else -1 if forward else 0
        if stops:
            stops[(at + (1 if forward else -1)) % len(stops)].setFocus(Qt.FocusReason.TabFocusReason)
        return bool(stops)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.leave()
        # and nothing is handed on: the window's keys are not for now

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.sheet.geometry().contains(event.position().toPoint()):
            self.leave()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._over and self.isVisible():
            self.place()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), QColor(0, 0, 0, 150))


def overlays(window: QWidget) -> list[Overlay]:
    """Those of a window that are seen, the topmost last: it was raised."""
    children = window.findChildren(Overlay, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return [overlay for overlay in children if overlay.isVisible()]


def leave_all(window: QWidget) -> None:
    """Put every overlay away, the topmost first: the focus goes back the way it came."""
    for overlay in reversed(overlays(window)):
        overlay.leave()
