"""What a dropped picture would change, field by field: all of it, some of it, or nothing is applied."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QGridLayout, QPushButton, QScrollArea, QWidget

from desktop_app.state.controls import differing
from desktop_app.state.words import shown
from desktop_app.widgets.layout import ElidedLabel, column, fill, label, row
from desktop_app.widgets.overlay import Overlay
from engine.fields import RequestError
from engine.request import FIELDS, Request

WIDTH = 560


class ApplyCard(Overlay):
    """Enter applies what is checked, Esc leaves everything as it is."""

    applied = Signal(object)  # the Request that comes of it

    def __init__(self, window: QWidget) -> None:
        super().__init__(window, "Apply the parameters of a picture")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.boxes: dict[str, QCheckBox] = {}
        self._current = self._offered = Request()
        self.title = ElidedLabel("title")
        self.note = label("", "faint")
        self.note.setWordWrap(True)
        self.problem = label("", "soft")
        self.problem.setWordWrap(True)
        self.all = self._button("All", lambda: self._check(True))
        self.none = self._button("None", lambda: self._check(False))
        self.cancel = self._button("Cancel", self.leave)
        self.cancel.setToolTip("Change nothing  ·  Esc")
        self.apply = self._button("Apply", self._apply)
        self.apply.setProperty("role", "primary")
        self.apply.setMinimumWidth(120)
        self._grid = QGridLayout()
        fill(self._grid, (24, 4, 16, 4), 6)
        self._grid.setHorizontalSpacing(14)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1)
        inner = QWidget()
        body = column(spacing=0)
        body.addLayout(self._grid)
        body.addStretch(1)
        inner.setLayout(body)
        self._scroll = QScrollArea()
        self._scroll.setWidget(inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._lay_out()

    def offer(self, name: str, before: Request, offered: Request, where: str, note: str = "") -> bool:
        """Show what would change in the controls of `where`; False where nothing would."""
        names = differing(before, offered)
        if not names:
            return False
        self._current, self._offered = before, offered
        self.title.setText(f"Apply {name}")
        self.note.setText(f"{note + ' ' if note else ''}What would change in {where}:")
        self._fill(names)
        self.cover(self)
        self._told()
        return True

    def stops(self) -> list[QWidget]:
        return [*self.boxes.values(), self.all, self.none, self.cancel, self.apply]

    def place(self) -> None:
        super().place()
        height = min(self.height() - 48, 166 + 27 * len(self.boxes))
        self.sheet.setGeometry((self.width() - WIDTH) // 2, (self.height() - height) // 2, WIDTH, height)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.apply.isEnabled():
            self._apply()
        else:
            super().keyPressEvent(event)

    def result(self) -> Request | None:
        """What comes of the fields that are checked; none where they do not go together, which is said."""
        changes = {name: getattr(self._offered, name) for name, box in self.boxes.items() if box.isChecked()}
        self.problem.setText("")
        if len(changes) == len(self.boxes):
            return self._offered
        try:
            return self._current.replace(**changes)
        except RequestError as error:
            self.problem.setText(f"These do not go together: {error}")
            return None

    def _apply(self) -> None:
        request = self.result()
        if request is not None:
            self.leave()
            self.applied.emit(request)

    def _check(self, on: bool) -> None:
        for box in self.boxes.values():
            box.setChecked(on)

    def _told(self) -> None:
        """What is checked has changed."""
        count = sum(box.isChecked() for box in self.boxes.values())
        self.apply.setText("Apply all" if count == len(self.boxes) else f"Apply {count}" if count else "Apply")
        self.apply.setEnabled(count > 0 and self.result() is not None)
        self.problem.setVisible(bool(self.problem.text()))

    def _fill(self, names: list[str]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self.boxes = {}
        for line, name in enumerate(names):
            old, new = ElidedLabel("faint"), ElidedLabel()
            old.setText(shown(name, getattr(self._current, name)))
            new.setText(shown(name, getattr(self._offered, name)))
            box = self.boxes[name] = QCheckBox(FIELDS[name].label)
            box.setAccessibleName(f"{FIELDS[name].label}: {old.text()} becomes {new.text()}")
            box.setChecked(True)
            box.toggled.connect(self._told)
            self._grid.addWidget(box, line, 0)
            self._grid.addWidget(old, line, 1)
            self._grid.addWidget(label("→", "faint"), line, 2)
            self._grid.addWidget(new, line, 3)

    def _lay_out(self) -> None:
        head = column(self.title, self.note, spacing=4)
        fill(head, (24, 20, 24, 8), 4)
        foot = row(self.all, self.none, None, self.cancel, self.apply, spacing=8)
        fill(foot, (24, 8, 24, 20), 8)
        said = row(self.problem)
        fill(said, (24, 4, 24, 4))
        layout = column(spacing=0)
        layout.addLayout(head)
        layout.addWidget(self._scroll, 1)
        layout.addLayout(said)
        layout.addLayout(foot)
        self.sheet.setLayout(layout)

    def _button(self, text: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: act())
        return button
