"""Controls for the fields of a request, made from the fields' metadata: what they share, lists, orders, the seed."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from desktop_app.state.controls import Controls
from desktop_app.state.guides import guides
from desktop_app.widgets.combo_box import ComboBox
from desktop_app.widgets.layout import IconButton, Segments, column, label, row
from desktop_app.widgets.number_edit import NumberEdit
from engine.catalog import SAMPLERS, cards
from engine.fields import Field
from engine.request import FIELDS

CHOICE_WIDTH = 164


def tooltip(field: Field, *notes: str) -> str:
    """What the field is, its equation and its range, and what there is to say just now, as rich text."""
    text = f"<p style='margin:0'><b>{field.label}</b>{f' &nbsp;{field.symbol}' if field.symbol else ''}</p>{field.help}"
    if field.equation:
        text += f"<p style='margin:4px 0 0 0'><i>{field.equation}</i></p>"
    allowed = [f"{field.allowed[0].upper()}{field.allowed[1:]}."] if field.choices is None else []
    shown = [*(allowed if field.kind in ("integer", "number", "interval", "levels") else []), *notes]
    return text + "".join(f"<p style='margin:4px 0 0 0'>{note}</p>" for note in shown if note)


class FieldControl(QWidget):
    """The control of one field: its label, and what sets it. Subclasses show a value with `show_value`."""

    refused = Signal(str)  # why a typed value was not taken

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.field = FIELDS[name]
        self.controls: Controls | None = None
        self.left_out = False  # hidden, whatever its value
        self.caption = label(self.field.label, "soft")
        self.symbol = label(self.field.symbol, "faint")
        self.setToolTip(tooltip(self.field))

    def bind(self, controls: Controls) -> None:
        """Show and set the values of these controls from now on."""
        if self.controls is not None:
            self.controls.changed.disconnect(self._changed)
        self.controls = controls
        controls.changed.connect(self._changed)
        self._changed(self.name)

    def leave_out(self, on: bool) -> None:
        """Hide the control, or show it where its field means something."""
        if on != self.left_out:
            self.left_out = on
            if self.controls is not None:
                self._changed(self.name)

    def show_value(self, value: Any) -> None:
        raise TypeError("each kind of control shows its own value")

    def note(self) -> str:
        """What the tooltip says of the present value."""
        return ""

    def commit(self, value: Any) -> bool:
        """Set the field; False where it cannot have the value."""
        return self.controls is not None and self.controls.set(self.name, value)

    def refuse(self, text: str) -> None:
        """Say that what was typed cannot be taken."""
        self.refused.emit(f"{self.field.label} must be {self.field.allowed}, not “{text[:40]}”.")

    @property
    def here(self) -> bool:
        """Whether the request has the field; what was being typed when it lost it counts no more."""
        return self.controls is not None and self.controls.has(self.name)

    def value(self) -> Any:
        """The present value."""
        return self.controls[self.name] if self.controls else None

    def _changed(self, name: str) -> None:
        assert self.controls is not None
        if self.left_out or not self.here:
            self.hide()
            return
        if name == self.name or self.isHidden():
            self.show_value(self.value())
        why = self.controls.why_disabled(self.name)
        if why and self.isAncestorOf(self.window().focusWidget()):
            self.hide()  # hands the focus on to the next field, which disabling does not
        self.setEnabled(not why)
        self.show()
        self.setToolTip(tooltip(self.field, self.note(), why))

    def _head(self, *right: QWidget) -> QWidget:
        head = QWidget()
        head.setLayout(row(self.caption, self.symbol, None, *right, spacing=6))
        return head


class ChoiceControl(FieldControl):
    """A list to choose from: beside its label, or below it over the whole width where its entries are long."""

    def __init__(self, name: str, choices: dict[Any, tuple[str, str]], wide: bool = False) -> None:
        """`choices`: value → (label, help)."""
        super().__init__(name)
        self.box = ComboBox()
        self.box.setAccessibleName(self.field.label)
        self.box.activated.connect(self._choose)
        self.offer({"": choices})
        if wide:
            self.box.setMinimumContentsLength(1)
            self.setLayout(column(self._head(), self.box, spacing=6))
        else:
            self.box.setFixedWidth(CHOICE_WIDTH)
            self.setLayout(row(self.caption, None, self.box))

    def offer(self, groups: dict[str, dict[Any, tuple[str, str]]]) -> None:
        """What there is to choose from: heading → value → (label, help)."""
        self.box.clear()
        for heading, choices in groups.items():
            if heading:
                self.box.add_heading(heading)
            for value, (text, help_) in choices.items():
                self.box.add_choice(text, value, help_)

    def show_value(self, value: Any) -> None:
        if self.box.findData(value) < 0 and value is not None:
            self.box.add_choice(str(value), value, "")
        self.box.setCurrentIndex(self.box.findData(value))

    def _choose(self, index: int) -> None:
        if not self.commit(self.box.itemData(index)) and self.controls is not None:
            self.show_value(self.value())
            self.refused.emit(self.controls.refusal)

    def note(self) -> str:
        return self.box.help_of(self.box.currentIndex())


class ModelControl(ChoiceControl):
    """The models, and a button beside the name that tells about the chosen one, where it has a card."""

    about_wanted = Signal(str)

    def __init__(self, name: str) -> None:
        self.about = IconButton("info", "About this model", "I")
        self.about.setIconSize(QSize(16, 16))
        super().__init__(name, {})  # the inspector offers the models
        self.about.clicked.connect(lambda: self.about_wanted.emit(str(self.value())))
        layout = self.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.setSpacing(2)
        layout.insertWidget(1, self.about)

    def show_value(self, value: Any) -> None:
        super().show_value(value)
        self.about.setVisible(value in cards())


class SamplerControl(ChoiceControl):
    """The samplers, in groups: those of the λ family, other solvers, Langevin's dynamics."""

    def __init__(self, name: str) -> None:
        super().__init__(name, {}, wide=True)
        groups: dict[str, dict[Any, tuple[str, str]]] = {"λ FAMILY": {}, "OTHER SOLVERS": {}, "LANGEVIN": {}}
        for sampler in SAMPLERS.values():
            langevin = "step_size" in sampler.options
            group = "LANGEVIN" if langevin else "λ FAMILY" if sampler.has_lam else "OTHER SOLVERS"
            groups[group][sampler.name] = (sampler.label, sampler.help)
        self.offer(groups)


class GuideControl(ChoiceControl):
    """What guides the chosen model."""

    def __init__(self, name: str) -> None:
        super().__init__(name, {}, wide=True)

    def _changed(self, name: str) -> None:
        assert self.controls is not None
        if name in ("model", self.name):
            self.offer({"": guides(self.controls["model"])})
            self.show_value(self.value())
        super()._changed(name)


class OrderControl(FieldControl):
    """A few whole numbers side by side: the orders of the chosen sampler."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        assert self.field.choices is not None
        self.segments = Segments(
            self.field.label, {value: (choice.label, choice.help) for value, choice in self.field.choices.items()}
        )
        self.segments.setFixedWidth(CHOICE_WIDTH)
        self.segments.chosen.connect(lambda value: self.commit(int(value)))
        self.setLayout(row(self.caption, self.symbol, None, self.segments))

    def show_value(self, value: Any) -> None:
        self.segments.choose(str(value))

    def _changed(self, name: str) -> None:
        assert self.controls is not None
        for order in self.field.choices or ():
            self.segments.button(order).setVisible(int(order) in SAMPLERS[self.controls["sampler"]].orders)
        super()._changed(name)


class SeedControl(FieldControl):
    """The seed: a whole number in a text field, a die for a new one, and a lock that keeps it between runs."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.edit = NumberEdit(self.field.label, 104)
        self.edit.committed.connect(self._typed)
        self.edit.bump = lambda steps: self._typed(str(self.value() + steps))
        self.dice = IconButton("dices", "Random seed", "R")
        self.lock = IconButton("lock-open", "Lock the seed", "L", checkable=True)
        self.dice.clicked.connect(self._randomise)
        self.lock.toggled.connect(self._locked)
        self.setLayout(row(self.caption, None, self.edit, self.dice, self.lock, spacing=2))

    def show_value(self, value: Any) -> None:
        self.edit.mark(False)
        self.edit.setText(str(value))
        assert self.controls is not None
        self.lock.setChecked(self.controls.seed_locked)

    def _randomise(self) -> None:
        if self.controls is not None:
            self.controls.randomise_seed()

    def _locked(self, on: bool) -> None:
        if self.controls is not None:
            self.controls.lock_seed(on)
        self.lock.rename("Unlock the seed" if on else "Lock the seed", "lock" if on else "lock-open")

    def _typed(self, text: str) -> None:
        try:
            taken = self.commit(int(text))
        except ValueError:
            taken = False
        if not taken:
            self.refuse(text)
        self.show_value(self.value())
