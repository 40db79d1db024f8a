"""The rail at the left: the workspaces, the theme, the keys."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QToolButton, QWidget

from desktop_app.theme import theme
from desktop_app.widgets.layout import IconButton, column, fill

WORKSPACES = {
    "generate": ("sparkles", "Generate"),
    "lab": ("chart-scatter", "Lab 2D"),
    "compare": ("columns-2", "Compare"),
    "sweep": ("grid-3x3", "Sweep"),
    "gallery": ("images", "Gallery"),
    "train": ("brain", "Train"),
}
THEMES = {"system": ("sun-moon", "light"), "light": ("sun", "dark"), "dark": ("moon", "system")}  # icon, next


class Rail(QWidget):
    """Tells which workspace is wanted, and shows which one it is."""

    chosen = Signal(str)
    theme_changed = Signal()
    help_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(74)
        self.buttons = {name: self._button(number, name) for number, name in enumerate(WORKSPACES, 1)}
        group = QButtonGroup(self)
        for button in self.buttons.values():
            group.addButton(button)
        self._theme = IconButton("moon", "Theme")
        self._theme.clicked.connect(self._next_theme)
        self._help = IconButton("circle-question-mark", "Keyboard", "?")
        self._help.clicked.connect(self.help_wanted)
        layout = column(*self.buttons.values(), None, self._theme, self._help, spacing=4)
        for widget in (*self.buttons.values(), self._theme, self._help):
            layout.setAlignment(widget, Qt.AlignmentFlag.AlignHCenter)
        fill(layout, (4, 10, 4, 10), 4)
        self.setLayout(layout)
        theme().changed.connect(self._paint)

    def choose(self, name: str) -> None:
        """Mark the workspace that is shown."""
        self.buttons[name].setChecked(True)
        self._paint()

    def _button(self, number: int, name: str) -> QToolButton:
        _, text = WORKSPACES[name]
        button = QToolButton()
        button.setProperty("role", "rail")
        button.setProperty("quiet", "true")
        button.setText(text)
        button.setCheckable(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setIconSize(QSize(20, 20))
        button.setFixedSize(66, 54)
        button.setAccessibleName(text)
        button.setToolTip(f"{text}  ·  Ctrl+{number}")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.chosen.emit(name))
        return button

    def _paint(self) -> None:
        for name, button in self.buttons.items():
            button.setIcon(theme().icon(WORKSPACES[name][0], "accent" if button.isChecked() else "text_soft", 20))
        icon, following = THEMES[theme().choice]
        self._theme.rename(f"Theme: {theme().choice}. Change to {following}", icon)

    def _next_theme(self) -> None:
        theme().choose(THEMES[theme().choice][1])
        self.theme_changed.emit()
