"""The line below a sweep: what is known of the selected cells, and where they can be opened."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from desktop_app.widgets.layout import ElidedLabel, fill, label, row

PLACES = {
    "generate": ("Generate", "Set Generate to this cell, and run it  ·  Enter"),
    "compare": ("Compare", "Set the lanes of Compare to the selected cells; Ctrl+Click selects up to four"),
}


class SweepFoot(QWidget):
    """A sentence, and a button for each workspace that cells can be opened in."""

    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.told = ElidedLabel("soft")
        self.buttons: dict[str, QPushButton] = {}
        for name, (text, tip) in PLACES.items():
            button = self.buttons[name] = QPushButton(text)
            button.setToolTip(tip)
            button.setAccessibleName(f"Open in {text}")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, name=name: self.wanted.emit(name))
        across = row(self.told, label("Open in", "faint"), *self.buttons.values(), spacing=8)
        across.setStretch(0, 1)
        fill(across, (20, 8, 20, 8), 8)
        self.setLayout(across)

    def tell(self, text: str, cells: int) -> None:
        """What is said of so many selected cells that can be opened."""
        self.told.setText(text)
        self.buttons["generate"].setEnabled(cells == 1)
        self.buttons["compare"].setEnabled(cells >= 1)
