"""The sections of a model's card as widgets: rows of words, tables of figures, commands to copy."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QTextOption
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QSizePolicy, QTextEdit, QWidget

from desktop_app.widgets.layout import IconButton, column, fill, label, row
from engine.card_figures import Row, Section

LABEL, FIGURE = 168, 112  # px, of their columns
SHORT = 24  # letters that a label has room for
COPIED_MS = 1500


class Passage(QTextEdit):
    """Text to select, as high as it must be for its width; a word that is too long for a line is broken."""

    def __init__(self, text: str, role: str = "passage") -> None:
        self._heights: dict[int, int] = {}
        super().__init__()
        self.setProperty("role", role)
        self.setReadOnly(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.document().setDocumentMargin(0)
        self.setPlainText(text)

    def heightForWidth(self, width: int) -> int:
        if width not in self._heights:  # it is asked for again and again
            document = self.document()
            shown = document.textWidth()
            document.setTextWidth(width)
            self._heights[width] = math.ceil(document.size().height())
            document.setTextWidth(shown)
        return self._heights[width]

    def changeEvent(self, event: QEvent) -> None:
        self._heights = {}  # of another font
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(LABEL, self.heightForWidth(max(self.width(), LABEL)))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.fontMetrics().height())


class Command(QFrame):
    """A command as it is typed, and a button that copies it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__()
        self.text = text
        self.setProperty("role", "command")
        self.copy = IconButton("copy", f"Copy the command: {name.lower()}")
        self.copy.clicked.connect(self._copy)
        self._back = QTimer(self, interval=COPIED_MS, singleShot=True)
        self._back.timeout.connect(lambda: self.copy.rename(f"Copy the command: {name.lower()}", "copy"))
        passage = Passage(text, "verbatim")
        layout = row(spacing=4)
        layout.addWidget(passage, 1, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignTop)
        fill(layout, (8, 1, 1, 1), 4)
        self.setLayout(layout)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text)
        self.copy.rename("Copied", "check")
        self._back.start()


def section_widget(section: Section) -> QWidget:
    """A section: its title and column heads, its rows, its notes."""
    grid = QGridLayout()
    fill(grid)
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(6)
    grid.setColumnMinimumWidth(0, LABEL)
    grid.setColumnStretch(max(len(section.columns), 0) + 1, 1)
    grid.addWidget(label(section.title.upper(), "section"), 0, 0)
    for at, head in enumerate(section.columns, 1):
        grid.setColumnMinimumWidth(at, FIGURE)
        grid.addWidget(label(head, "faint"), 0, at, Qt.AlignmentFlag.AlignRight)
    for line, each in enumerate(section.rows, 1):
        _add(grid, line, each, bool(section.columns))
    body = column(spacing=8)
    body.addLayout(grid)
    for note in section.notes:
        body.addWidget(Passage(note.replace(" %", "\u00a0%"), "note"))
    widget = QWidget()
    widget.setLayout(body)
    return widget


def _add(grid: QGridLayout, line: int, each: Row, figures: bool) -> None:
    top = Qt.AlignmentFlag.AlignTop
    name: QWidget = label(each.label, "soft") if len(each.label) <= SHORT else Passage(each.label, "soft")
    name.setToolTip(each.help)
    grid.addWidget(name, line, 0, top)
    if each.verbatim:
        name.setContentsMargins(0, 6, 0, 0)  # on the line of the command
        grid.addWidget(Command(each.label, each.values[0]), line, 1)
    elif figures:
        for at, value in enumerate(each.values, 1):
            grid.addWidget(_figure(value), line, at, Qt.AlignmentFlag.AlignRight | top)
    else:
        grid.addWidget(Passage(each.values[0]), line, 1, top)


def _figure(text: str) -> QLabel:
    figure = label(text, "number")
    figure.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return figure
