"""What a branch changes: a panel over the timeline that stays open while one scrubs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from desktop_app.state.controls import Controls
from desktop_app.state.runs import Run
from desktop_app.state.tree import changes
from desktop_app.state.words import difference
from desktop_app.theme import theme
from desktop_app.widgets.fields import FieldControl, SeedControl
from desktop_app.widgets.inspector import control_for
from desktop_app.widgets.layout import ElidedLabel, IconButton, column, fill, label, row
from desktop_app.widgets.timeline_axis import level_text
from engine.request import FIELDS, Branch, Request

COLUMN = 264  # px
STAYS = FIELDS["sigma"]
ELSEWHERE = f"Langevin stays at one σ from {STAYS.minimum:g} to {STAYS.maximum:,.0f}: branch elsewhere."
COLUMNS = (
    ("sampler", "order", "lam", "eta", "churn", "tolerance", "langevin_steps", "step_size", "steps"),
    ("condition", "guidance", "seed"),
)


class BranchPanel(QFrame):
    """The fields that may change at a step, and Go. Enter goes, Esc closes."""

    go = Signal(object, object)  # the run to branch from, and the branch's request
    refused = Signal(str)  # why a typed value was not taken

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "sheet")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Branch")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.controls = Controls(parent=self)
        self.stem: Run | None = None
        self.start: Branch | None = None
        self.sigma = 0.0  # where it leaves
        self.title = label("", "title")
        self.close_button = IconButton("x", "Close", "Esc")
        self.close_button.clicked.connect(self.leave)
        self.fields: dict[str, FieldControl] = {}
        self.said = ElidedLabel("faint")
        self.button = QPushButton("Go on from here")
        self.button.setProperty("role", "primary")
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.setToolTip("Go on from here  ·  Enter")
        self.button.clicked.connect(self._go)
        columns = row(spacing=24)
        for names in COLUMNS:
            columns.addLayout(self._column(names))
        foot = row(spacing=16)
        foot.addWidget(self.said, 1)
        foot.addWidget(self.button)
        layout = column(spacing=12)
        layout.addLayout(row(self.title, None, self.close_button))
        layout.addLayout(columns)
        layout.addLayout(foot)
        fill(layout, (20, 14, 20, 16), 12)
        self.setLayout(layout)
        for control in self.fields.values():
            control.bind(self.controls)
        self.controls.changed.connect(self._tell)
        self._was_refused = False
        theme().changed.connect(self._paint)
        self._paint()
        self.hide()

    def open(self, stem: Run, start: Branch, index: int) -> None:
        """Offer to leave a run at a step, which is the timeline's position `index`."""
        if self.isHidden():
            self.controls.take(stem.request)
            self.show()
            self.raise_()
            self.fields["lam" if self.controls.has("lam") else "steps"].edit.setFocus()  # type: ignore[attr-defined]
            self.fields["lam" if self.controls.has("lam") else "steps"].edit.selectAll()  # type: ignore[attr-defined]
        self.stem, self.start, self.sigma = stem, start, stem.sigma(index)
        self.title.setText(f"Branch at step {index}  ·  σ = {level_text(self.sigma, 4)}")
        self._tell()

    def leave(self) -> None:
        """Close, and change nothing."""
        window = self.window()
        had_focus = self.isAncestorOf(window.focusWidget()) if window.focusWidget() else False
        self.hide()
        if had_focus and (parent := self.parentWidget()) is not None:
            parent.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.leave()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not self._was_refused:
                self._go()
            self._was_refused = False
        else:
            super().keyPressEvent(event)

    def _column(self, names: Sequence[str]) -> QVBoxLayout:
        layout = column(spacing=10)
        for name in names:
            control = self.fields[name] = control_for(name)
            control.setFixedWidth(COLUMN)
            control.refused.connect(self._on_refused)
            if isinstance(control, SeedControl):
                control.lock.hide()
            layout.addWidget(control)
        layout.addStretch(1)
        return layout

    def _tell(self, _: str = "") -> None:
        if self.stem is None:
            return
        request = self._request()
        words = difference(request, changes(request, self.stem.request)) if request else [ELSEWHERE]
        self.said.setText("   ".join(words) or "Nothing is changed yet: it would repeat what is there.")
        self.adjustSize()

    def _on_refused(self, why: str) -> None:
        self._was_refused = True
        self.refused.emit(why)

    def _go(self) -> None:
        if self.stem is None or self.start is None:
            return
        focus = self.window().focusWidget()
        if focus is not None and self.isAncestorOf(focus):
            focus.clearFocus()  # a number being typed counts
        if self._was_refused:
            self._was_refused = False
            return
        stem, request = self.stem, self._request()
        if request is None:
            self.refused.emit(ELSEWHERE)
            return
        self.leave()
        self.go.emit(stem, request.replace(start=self.start))

    def _request(self) -> Request | None:
        """What would go on: Langevin stays at the level that it branches from, if it is one where it can stay."""
        request = self.controls.request()
        if request.sampler != "langevin":
            return request
        sigma = float(f"{self.sigma:.12g}")  # the ends of a schedule are a little beyond
        return request.replace(sigma=sigma) if STAYS.admits(sigma) else None

    def _paint(self) -> None:
        self.button.setIcon(theme().icon("git-branch", "on_accent", 16))
