"""Toasts: what happened and why, one action, and the details to copy. They wait until they are read."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QPushButton, QWidget
from shiboken6 import isValid

from desktop_app.theme import theme
from desktop_app.widgets.layout import IconButton, column, fill, label, row
from desktop_app.widgets.overlay import overlays

SHOWN_MS = 8000
MOST = 4
MOVED = (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.ShowToParent, QEvent.Type.HideToParent)


class Toasts(QObject):
    """The stack of toasts in the lower left of a window, above what it is told of: a timeline, the lab's tour."""

    def __init__(self, window: QWidget, bottom: Callable[[], int]) -> None:
        super().__init__(window)
        self._window, self._bottom = window, bottom
        self.shown: list[Toast] = []
        window.installEventFilter(self)

    def show(
        self,
        message: str,
        details: str = "",
        action: tuple[str, Callable[[], object]] | None = None,
        error: bool = True,
    ) -> Toast:
        """Show a message, in the place of the same; errors stay until they are closed, the rest goes after a while."""
        toast = Toast(self._window, message, details, action, error)
        toast.closed = lambda: self._close(toast)
        for same in [old for old in self.shown if old.message == message]:
            self._close(same)
        self.shown.append(toast)
        for old in self.shown[:-MOST]:
            self._close(old)
        if not error:
            QTimer.singleShot(SHOWN_MS, toast, toast.close_me)
        toast.show()
        self.arrange()
        return toast

    def arrange(self) -> None:
        """One above the other, the newest lowest; what has the keyboard is not covered."""
        if not (self.shown and isValid(self._window)):  # which hides what is in it when it goes
            return
        y = self._bottom() - 16
        for toast in reversed(self.shown):
            toast.resize(toast.width(), toast.heightForWidth(toast.width()))
            y -= toast.height()
            toast.move(90, y)
            toast.raise_()
            y -= 8
        for overlay in overlays(self._window):
            overlay.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in MOVED:
            self.arrange()
        return False

    def _close(self, toast: Toast) -> None:
        if toast in self.shown:
            self.shown.remove(toast)
            toast.hide()  # now, so that the focus goes on to something that stays
            toast.deleteLater()
            self.arrange()


class Toast(QFrame):
    """One message."""

    def __init__(
        self,
        parent: QWidget,
        message: str,
        details: str,
        action: tuple[str, Callable[[], object]] | None,
        error: bool,
    ) -> None:
        super().__init__(parent)
        self.message = message
        self.closed: Callable[[], object] = lambda: None
        self.setProperty("role", "toast")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(message)
        self.setFixedWidth(400)
        mark = label("")
        colour = "danger" if error else "text_soft"
        mark.setPixmap(theme().icon("triangle-alert" if error else "info", colour).pixmap(18, 18))
        text = label(message)
        text.setWordWrap(True)
        text.setMinimumHeight(28)
        mark.setFixedHeight(28)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = IconButton("x", "Close this message")
        close.clicked.connect(self.close_me)
        top = row(mark, text, close, spacing=10)
        top.setStretch(1, 1)
        top.setAlignment(mark, Qt.AlignmentFlag.AlignTop)
        top.setAlignment(close, Qt.AlignmentFlag.AlignTop)
        layout = column(spacing=8)
        layout.addLayout(top)
        buttons = row(28, spacing=8)
        if action:
            act = self._button(action[0], action[1])
            act.clicked.connect(self.close_me)
            buttons.addWidget(act)
        if details:
            copy = self._button("Copy details", lambda: QGuiApplication.clipboard().setText(f"{message}\n\n{details}"))
            buttons.addWidget(copy)
        buttons.addStretch(1)
        if action or details:
            layout.addLayout(buttons)
        fill(layout, (14, 12, 8, 12), 8)
        self.setLayout(layout)

    def close_me(self) -> None:
        """Take the toast away."""
        self.closed()

    def _button(self, text: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # what had the focus keeps it
        button.clicked.connect(lambda: act())
        return button
