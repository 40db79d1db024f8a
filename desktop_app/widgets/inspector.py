"""The inspector: a control for every field of the request, and the button that runs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from desktop_app.state.controls import Controls
from desktop_app.state.models import Groups, image_models
from desktop_app.theme import theme
from desktop_app.widgets.condition import ConditionControl
from desktop_app.widgets.disclosure import Disclosure
from desktop_app.widgets.fields import (
    ChoiceControl,
    FieldControl,
    GuideControl,
    ModelControl,
    OrderControl,
    SamplerControl,
    SeedControl,
)
from desktop_app.widgets.layout import column, fill, keep_scroll_bar, label, line, row
from desktop_app.widgets.number_fields import (
    IntervalControl,
    LevelsControl,
    Linear,
    Logarithmic,
    NumberControl,
    OptionalControl,
)
from engine.request import FIELDS

WIDTH = 304
SAMPLER = ("order", "lam", "eta", "churn", "tolerance", "langevin_steps", "sigma", "step_size")
SECTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # title → (fields, those that are less often used)
    "MODEL": (("model", "condition", "count", "seed"), ()),
    "REVERSE PROCESS": (
        ("sampler", *SAMPLER, "steps", "spacing", "sigmas"),
        ("schedule", "noise", "noise_interval"),
    ),
    "GUIDANCE": (("guidance", "guide"), ("guidance_interval", "guidance_rescale", "clip")),
}
CONTROLS = {
    "model": ModelControl,
    "seed": SeedControl,
    "order": OrderControl,
    "condition": ConditionControl,
    "sampler": SamplerControl,
    "guide": GuideControl,
    "clip": OptionalControl,
}
LOGARITHMIC = ("tolerance", "step_size", "sigma")


def control_for(name: str) -> FieldControl:
    """The control that suits a field's metadata."""
    field = FIELDS[name]
    if name in CONTROLS:
        return CONTROLS[name](name)
    if field.kind == "interval":
        return IntervalControl(name)
    if field.kind == "levels":
        return LevelsControl(name)
    if field.choices is not None:
        own = {None: ("Model’s own", "The schedule that the model was trained on.")} if field.optional else {}
        return ChoiceControl(name, {**own, **{c.name: (c.label, c.help) for c in field.choices.values()}})
    if name in LOGARITHMIC:
        return NumberControl(name, Logarithmic())
    marks = {0.0: "ODE", 1.0: "SDE", 2.0: "2"} if name == "lam" else None
    return NumberControl(name, Linear(1.0 if field.kind == "integer" or name == "churn" else 0.05), marks)


class Inspector(QWidget):
    """Shows one set of controls at a time; `bind` changes which."""

    run_wanted = Signal()
    stop_wanted = Signal()
    refused = Signal(str)  # why a typed value was not taken
    about_wanted = Signal(str)  # the name of a model
    unfolded = Signal(str, bool)  # a section's title, and whether its “More” is shown

    def __init__(self, without: Sequence[str] = (), models: Callable[[], Groups] = image_models) -> None:
        """`without`: fields that the workspace sets by itself; `models` to choose from."""
        super().__init__()
        self._models = models
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        self.controls: Controls | None = None
        self.fields: dict[str, FieldControl] = {}
        self.more: dict[str, Disclosure] = {}
        body = column(spacing=12)
        fill(body, (16, 16, 8, 16), 12)  # and 8 px for the scroll bar
        self.top = column(spacing=8)  # a workspace may put something above the fields
        body.addLayout(self.top)
        for title, names in SECTIONS.items():
            self._add_section(body, title, *([name for name in part if name not in without] for part in names))
        body.addStretch(1)
        if isinstance(model := self.fields.get("model"), ModelControl):
            model.about_wanted.connect(self.about_wanted)
        self.offer_models()
        inner = QWidget()
        inner.setLayout(body)
        scroll = self._scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        keep_scroll_bar(scroll)
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
        if self.controls is not None:
            self.controls.changed.disconnect(self._tell)
        self.controls = controls
        for control in self.fields.values():
            control.bind(controls)
        controls.changed.connect(self._tell)
        self._tell()

    def offer_models(self) -> None:
        """Look again which models there are."""
        model = self.fields.get("model")
        if isinstance(model, ChoiceControl):
            model.offer(self._models())
            model.show_value(model.value())

    def show_only(self, names: Collection[str] | None) -> None:
        """Show the controls of these fields alone, or of all."""
        for name, control in self.fields.items():
            control.leave_out(names is not None and name not in names)

    def unfold(self, titles: Sequence[str]) -> None:
        """Show the rest of these sections, and of no others."""
        for title, more in self.more.items():
            more.unfold(title in titles)

    def set_running(self, running: bool, verb: str) -> None:
        """What the button does: start with this verb, or stop."""
        self._verb, self._running = verb, running
        self._label()

    def _add_section(self, body: QVBoxLayout, title: str, names: list[str], rest: list[str]) -> None:
        if not names:
            return
        if self.fields:
            body.addSpacing(4)
            body.addWidget(line())
        body.addWidget(label(title, "section"))
        for name in names + rest:
            control = self.fields[name] = control_for(name)
            control.refused.connect(self.refused)
        for name in names:
            body.addWidget(self.fields[name])
        if rest:
            more = self.more[title] = Disclosure(title.lower(), *(self.fields[name] for name in rest))
            more.toggled.connect(lambda on: self.unfolded.emit(title, on))
            more.toggled.connect(lambda: self._reveal(more))
            body.addWidget(more)

    def _reveal(self, widget: QWidget) -> None:
        """Scroll to what has just appeared, once it has its place."""
        QTimer.singleShot(0, widget, lambda: self._scroll.ensureWidgetVisible(widget, 0, 16))

    def _tell(self, name: str = "") -> None:
        """Mark where something is set that is folded away."""
        assert self.controls is not None
        if name == "spacing" and self.controls.has("sigmas"):
            self._reveal(self.fields["sigmas"])
        for title, more in self.more.items():
            rest = [name for name in SECTIONS[title][1] if name in self.fields and self.controls.has(name)]
            more.tell([FIELDS[name].label for name in rest if not self.controls.is_default(name)])

    def _pressed(self) -> None:
        (self.stop_wanted if self._running else self.run_wanted).emit()

    def _label(self) -> None:
        text, keys = ("Stop", "Esc") if self._running else (self._verb, "Ctrl+Enter")
        self.button.setText(f"{text}")
        self.button.setIcon(theme().icon("square" if self._running else "play", "on_accent", 16))
        self.button.setAccessibleName(text)
        self.button.setToolTip(f"{text}  ·  {keys}")
