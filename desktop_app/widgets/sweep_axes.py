"""What varies: a field and its values, for the rows and for the columns."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from desktop_app.widgets.combo_box import ComboBox
from desktop_app.widgets.layout import column, label, row
from engine.fields import RequestError
from engine.request import FIELDS
from engine.sweep import AXES, Axis
from engine.sweep.values import values, written

FIRST = {  # what a field is offered with
    "condition": "0, 1, 2, 3",
    "count": "1, 4, 16",
    "seed": "0…5 in 6",
    "sampler": "ddim, bridge, heun, unipc",
    "order": "1, 2",
    "steps": "5, 10, 20, 50",
    "spacing": "karras, uniform_t, uniform_logsnr",
    "schedule": "none, vp_linear, flow",
    "lam": "0, 0.5, 1",
    "guidance": "0, 1, 2, 4",
    "churn": "0, 10, 40",
    "eta": "0, 0.5, 1",
    "clip": "none, 1",
    "tolerance": "0.1, 0.01, 0.001",
    "model": "digits, digits-weak",
    "guide": "none, digits-weak",
}
GROUPS = {
    "MODEL": ("model", "condition", "count", "particles", "seed"),
    "REVERSE PROCESS": (
        *("sampler", "order", "lam", "steps", "spacing", "schedule", "noise", "eta", "churn", "tolerance"),
        *("langevin_steps", "step_size", "sigma"),
    ),
    "GUIDANCE": ("guidance", "guide", "guidance_rescale", "clip"),
}
NOTHING = "nothing"
HINT = "5, 10, 20 or 0…2 in 5 or 5…80 in 5 log"


class AxisChooser(QWidget):
    """A list of fields, and the values as text; what cannot be is said in one sentence as it is typed."""

    changed = Signal()

    def __init__(self, name: str, optional: bool = False) -> None:
        super().__init__()
        self.field = ComboBox()
        self.field.setAccessibleName(f"{name}: field")
        self.field.setMinimumContentsLength(1)
        self.field.setMaxVisibleItems(len(AXES) + 4)  # all, with their headings
        if optional:
            self.field.add_choice("Nothing", NOTHING, "One row of cells")
        for heading, names in GROUPS.items():
            self.field.add_heading(heading)
            for field in (field for field in names if field in AXES):
                about = FIELDS[field]
                self.field.add_choice(f"{about.label}  {about.symbol}".strip(), field, about.help)
        self.text = QLineEdit()
        self.text.setProperty("role", "number")
        self.text.setAccessibleName(f"{name}: values")
        self.text.setPlaceholderText(HINT)
        self.problem = label("", "danger")
        self.problem.setWordWrap(True)
        self.problem.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        caption = label(name, "soft")
        caption.setFixedWidth(58)
        layout = column(spacing=4)
        layout.addLayout(row(caption, self.field))
        layout.addWidget(self.text)
        layout.addWidget(self.problem)
        self.setLayout(layout)
        self.field.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.field.activated.connect(self._chosen)
        self.text.textChanged.connect(self._check)

    @property
    def name(self) -> str:
        """The field that varies."""
        return str(self.field.currentData())

    def axis(self) -> Axis | None:
        """The axis; None where nothing varies. Raises RequestError for values that cannot be."""
        return None if self.name == NOTHING else Axis(self.name, values(self.name, self.text.text()))

    def show_axis(self, axis: Axis | None) -> None:
        """Show an axis that is there."""
        self.field.setCurrentIndex(self.field.findData(NOTHING if axis is None else axis.name))
        self.text.setText("" if axis is None else written(axis))
        self.text.setCursorPosition(0)
        self._check()

    def say(self, problem: str) -> None:
        """Mark the values as wrong, or as right."""
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        if self.text.property("invalid") != bool(problem):
            self.text.setProperty("invalid", bool(problem))
            self.text.style().polish(self.text)

    def _chosen(self) -> None:
        field = FIELDS.get(self.name)
        usual = "" if field is None or field.usual is None else f"{field.usual[0]:g}…{field.usual[1]:g} in 5"
        if field is not None and not usual and field.kind in ("integer", "number") and self.name not in FIRST:
            usual = f"{field.minimum:g}…{field.maximum:g} in 3"
        choices = ", ".join(field.choices) if field is not None and field.choices else ""
        self.text.setText(FIRST.get(self.name, usual or choices))
        self.text.setCursorPosition(0)
        self._check()

    def _check(self) -> None:
        self.text.setVisible(self.name != NOTHING)
        try:
            self.axis()
            self.say("")
        except RequestError as error:
            self.say(sentence(error))
        self.changed.emit()


def sentence(error: RequestError) -> str:
    """What a request says of a field, with the field's label."""
    field = FIELDS.get(error.field)
    text = str(error)
    return text.replace(error.field, field.label, 1) if field and text.startswith(error.field) else text
