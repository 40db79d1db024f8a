"""The inspector: a control for every field of the request, and the button that runs it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QScrollArea, QSizePolicy, QWidget

from desktop_app.state.controls import Controls
from desktop_app.theme import theme
from desktop_app.widgets.fields import (
    ChoiceControl,
    ConditionControl,
    FieldControl,
    IntervalControl,
    NumberControl,
    OrderControl,
    SeedControl,
)
from desktop_app.widgets.layout import column, fill, label, line, row
from engine import catalog
from engine.request import FIELDS

WIDTH = 304
SECTIONS = {
    "MODEL": ("model", "condition", "count", "seed"),
    "REVERSE PROCESS": ("sampler", "order", "lam", "steps", "spacing", "schedule"),
    "GUIDANCE": ("guidance", "guidance_interval"),
}


def control_for(name: str) -> FieldControl:
    """The control that suits a field's metadata."""
    field = FIELDS[name]
    if name == "seed":
        return SeedControl(name)
    if name == "order":
        return OrderControl(name)
    if name == "model":
        return ChoiceControl(name, {card.name: (card.title, card.summary) for card in catalog.cards().values()})
    if field.kind == "condition":
        return ConditionControl(name)
    if field.kind == "interval":
        return IntervalControl(name)
    if field.choices is not None:
        own = {None: ("Model’s own", "The schedule that the model was trained on.")} if field.optional else {}
        return ChoiceControl(name, {**own, **{c.name: (c.label, c.help) for c in field.choices.values()}})
    marks = {0.0: "ODE", 1.0: "SDE", 2.0: "2"} if name == "lam" else None
    return NumberControl(name, 1.0 if field.kind == "integer" else 0.05, marks)


class Inspector(QWidget):
    """Shows one set of controls at a time; `bind` changes which."""

    run_wanted = Signal()
    stop_wanted = Signal()
    refused = Signal(str)  # why a typed value was not taken

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        self.controls: Controls | None = None
        self.fields: dict[str, FieldControl] = {}
        body = column(spacing=12)
        fill(body, (16, 16, 8, 16), 12)  # and 8 px for the scroll bar
        self.top = column(spacing=8)  # a workspace may put something above the fields
        body.addLayout(self.top)
        for title, names in SECTIONS.items():
            if self.fields:
                body.addSpacing(4)
                body.addWidget(line())
            body.addWidget(label(title, "section"))
            for name in names:
                control = self.fields[name] = control_for(name)
                if isinstance(control, NumberControl | SeedControl | IntervalControl):
                    control.refused.connect(self.refused)
                body.addWidget(control)
        body.addStretch(1)
        inner = QWidget()
        inner.setLayout(body)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button = QPushButton()
        self.button.setProperty("role", "primary")
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.clicked.connect(self._pressed)
        foot = row(self.button)
        fill(foot, (16, 12, 16, 12))
        layout = column(scroll, line(), spacing=0)
        layout.addLayout(foot)
        self.setLayout(layout)
        self._verb, self._running = "Generate", False
        theme().changed.connect(self._label)
        self._label()

    def bind(self, controls: Controls) -> None:
        """Show these controls."""
        self.controls = controls
        for control in self.fields.values():
            control.bind(controls)

    def set_running(self, running: bool, verb: str) -> None:
        """What the button does: start with this verb, or stop."""
        self._verb, self._running = verb, running
        self._label()

    def _pressed(self) -> None:
        (self.stop_wanted if self._running else self.run_wanted).emit()

    def _label(self) -> None:
        text, keys = ("Stop", "Esc") if self._running else (self._verb, "Ctrl+Enter")
        self.button.setText(f"{text}")
        self.button.setIcon(theme().icon("square" if self._running else "play", "on_accent", 16))
        self.button.setAccessibleName(text)
        self.button.setToolTip(f"{text}  ·  {keys}")
