"""Points of one's own: painted, typed as a word, or read from a file."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget

from desktop_app.widgets.layout import IconButton, Segments, column, label, row

TOOLS = {
    "brush": ("Brush", "Draw points; the right mouse button erases"),
    "eraser": ("Eraser", "Take points away"),
}


class MakePoints(QWidget):
    """Three ways to points, and the painter's tools while one paints."""

    paint_wanted = Signal(bool)
    file_wanted = Signal()
    word_given = Signal(str)
    tool_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.paint = QPushButton("Paint")
        self.paint.setCheckable(True)
        self.paint.setToolTip("Draw points with the mouse; every stroke is a new distribution at once")
        self.open = QPushButton("Open…")
        self.open.setToolTip("Points from a CSV, TSV, NPY or NPZ file, or an image, dense where it is dark")
        self.word = QLineEdit()
        self.word.setPlaceholderText("Type a word")
        self.word.setAccessibleName("A word that becomes points")
        self.word.setMaxLength(40)
        for button in (self.paint, self.open):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.tools = Segments("Tool", TOOLS)
        self.undo = IconButton("undo-2", "Undo", "Ctrl+Z")
        self.redo = IconButton("redo-2", "Redo", "Ctrl+Shift+Z")
        self.clear = IconButton("x", "Clear all")
        self.count = label("", "faint")
        self._painting = QWidget()
        under = column(self.tools, spacing=6)
        under.addLayout(row(self.undo, self.redo, self.clear, None, self.count, spacing=2))
        self._painting.setLayout(under)
        layout = column(spacing=8)
        layout.addLayout(row(self.paint, self.open, spacing=8))
        layout.addWidget(self._painting)
        layout.addWidget(self.word)
        self.setLayout(layout)
        self.paint.clicked.connect(self.paint_wanted)
        self.open.clicked.connect(self.file_wanted)
        self.word.returnPressed.connect(self._give_word)
        self.tools.chosen.connect(self.tool_chosen)
        self.show_painting(False)

    def show_painting(self, on: bool) -> None:
        """Show the tools, or put them away."""
        self.paint.setChecked(on)
        self.paint.setText("Done" if on else "Paint")
        self._painting.setVisible(on)

    def show_state(self, count: int, can_undo: bool, can_redo: bool) -> None:
        """How many points there are, and what can be undone."""
        self.count.setText(f"{count:,} point" + ("s" if count != 1 else ""))
        self.undo.setEnabled(can_undo)
        self.redo.setEnabled(can_redo)
        self.clear.setEnabled(count > 0)

    def _give_word(self) -> None:
        if word := self.word.text().strip():
            self.word_given.emit(word)
