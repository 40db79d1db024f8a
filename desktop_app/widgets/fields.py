"""Controls for the fields of a request, made from the fields' metadata."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QPushButton, QWidget

from desktop_app.state.controls import Controls
from desktop_app.widgets.combo_box import ComboBox
from desktop_app.widgets.layout import IconButton, Segments, column, label, row
from desktop_app.widgets.number_edit import NumberEdit
from desktop_app.widgets.slider import Slider
from engine.catalog import cards
from engine.request import FIELDS, Field

CHOICE_WIDTH = 164


def tooltip(field: Field) -> str:
    """What the field is, its equation and its range, as rich text."""
    text = f"<p style='margin:0'><b>{field.label}</b>{f' &nbsp;{field.symbol}' if field.symbol else ''}</p>{field.help}"
    if field.equation:
        text += f"<p style='margin:4px 0 0 0'><i>{field.equation}</i></p>"
    if field.kind in ("integer", "number"):
        text += f"<p style='margin:4px 0 0 0'>{field.allowed[0].upper()}{field.allowed[1:]}.</p>"
    return text


class FieldControl(QWidget):
    """The control of one field: its label, and what sets it. Subclasses show a value with `show_value`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.field = FIELDS[name]
        self.controls: Controls | None = None
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

    def show_value(self, value: Any) -> None:
        raise TypeError("each kind of control shows its own value")

    def commit(self, value: Any) -> bool:
        """Set the field; False where it does not admit the value."""
        return self.controls is not None and self.controls.set(self.name, value)

    def value(self) -> Any:
        """The present value."""
        return self.controls[self.name] if self.controls else None

    def _changed(self, name: str) -> None:
        assert self.controls is not None
        if name == self.name:
            self.show_value(self.controls[name])
        why = self.controls.why_disabled(self.name)
        self.setEnabled(not why)
        self.setToolTip(f"{tooltip(self.field)}<p style='margin:4px 0 0 0'>{why}</p>" if why else tooltip(self.field))

    def _head(self, *right: QWidget) -> QWidget:
        head = QWidget()
        head.setLayout(row(self.caption, self.symbol, None, *right, spacing=6))
        return head


class ChoiceControl(FieldControl):
    """A list to choose from."""

    def __init__(self, name: str, choices: dict[Any, tuple[str, str]]) -> None:
        """`choices`: value → (label, help)."""
        super().__init__(name)
        self.box = ComboBox()
        self.box.setAccessibleName(self.field.label)
        self.box.setFixedWidth(CHOICE_WIDTH)
        for value, (text, help_) in choices.items():
            self.box.addItem(text, value)
            self.box.setItemData(self.box.count() - 1, help_, Qt.ItemDataRole.ToolTipRole)
        self.box.activated.connect(lambda index: self.commit(self.box.itemData(index)))
        self.setLayout(row(self.caption, None, self.box))

    def show_value(self, value: Any) -> None:
        if self.box.findData(value) < 0:
            self.box.addItem(str(value), value)
        self.box.setCurrentIndex(self.box.findData(value))


class OrderControl(FieldControl):
    """A few whole numbers side by side."""

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


class NumberControl(FieldControl):
    """A slider over the usual range, and the exact number beside it; the number may go beyond the slider."""

    refused = Signal(str)

    def __init__(self, name: str, resolution: float = 1.0, marks: dict[float, str] | None = None) -> None:
        super().__init__(name)
        low, high = self.field.usual or (self.field.minimum, self.field.maximum)
        self.resolution = resolution
        self.whole = self.field.kind == "integer"
        self.edit = NumberEdit(self.field.label)
        self.edit.committed.connect(self._typed)
        self.edit.bump = self.bump
        self.slider = Slider(marks or {}, resolution)
        self.slider.setAccessibleName(self.field.label)
        self.slider.setRange(round(low / resolution), round(high / resolution))
        self.slider.valueChanged.connect(self._slid)
        layout = column(self._head(self.edit), self.slider, spacing=2)
        self.setLayout(layout)

    def bump(self, steps: int) -> None:
        """Up or down by steps of the resolution, inside the range."""
        value = round(self.value() / self.resolution) + steps
        self._slid(value, clip=True)

    def show_value(self, value: Any) -> None:
        self.edit.mark(False)
        self.edit.setText(f"{value:g}" if not self.whole else str(value))
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(value / self.resolution))
        self.slider.update()

    def _slid(self, position: int, clip: bool = False) -> None:
        value = position if self.whole else round(position * self.resolution, 6)
        if clip:
            value = min(max(value, self.field.minimum), self.field.maximum)
        self.commit(int(value) if self.whole else float(value))

    def _typed(self, text: str) -> None:
        try:
            value: Any = int(text) if self.whole else float(text.replace(",", "."))
        except ValueError:
            value = None
        if value is None or not self.commit(value):
            self.refused.emit(f"{self.field.label} must be {self.field.allowed}, not “{text[:40]}”.")
        self.show_value(self.value())


class ConditionControl(FieldControl):
    """The classes of the chosen model as chips, and "any"."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._classes: tuple[str, ...] | None = None
        self._group = QButtonGroup(self)
        self._chips: dict[int | None, QPushButton] = {}
        self._row = row(spacing=2)
        layout = column(self._head(), spacing=6)
        layout.addLayout(self._row)
        self.setLayout(layout)

    def chip(self, value: int | None) -> QPushButton:
        """The chip of a class; None is "any"."""
        return self._chips[value]

    def show_value(self, value: Any) -> None:
        chip = self._chips.get(value)
        if chip is not None:
            chip.setChecked(True)

    def _changed(self, name: str) -> None:
        assert self.controls is not None
        card = cards().get(self.controls["model"]) if name in ("model", self.name) else None
        if card is not None and card.classes != self._classes:
            self._show_classes(card.classes)
            if isinstance(self.value(), int) and self.value() >= len(card.classes):
                self.commit(None)
            self.show_value(self.value())
        super()._changed(name)

    def _show_classes(self, classes: tuple[str, ...]) -> None:
        for chip in self._chips.values():
            self._group.removeButton(chip)
            chip.deleteLater()
        self._classes, self._chips = classes, {}
        for value, text in [*enumerate(classes), (None, "any")]:
            chip = QPushButton(text)
            chip.setProperty("role", "chip")
            chip.setProperty("wide", value is None)
            chip.setCheckable(True)
            chip.setAccessibleName(f"{self.field.label}: {text}")
            chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            chip.clicked.connect(lambda _=False, v=value: self.commit(v))
            self._row.addWidget(chip, 0 if value is None else 1)
            self._group.addButton(chip)
            self._chips[value] = chip


class SeedControl(FieldControl):
    """The seed: a whole number in a text field, a die for a new one, and a lock that keeps it between runs."""

    refused = Signal(str)

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
            self.controls.seed_locked = on
        self.lock.rename("Unlock the seed" if on else "Lock the seed", "lock" if on else "lock-open")

    def _typed(self, text: str) -> None:
        try:
            taken = self.commit(int(text))
        except ValueError:
            taken = False
        if not taken:
            self.refused.emit(f"{self.field.label} must be {self.field.allowed}, not “{text[:40]}”.")
        self.show_value(self.value())


class IntervalControl(FieldControl):
    """Two noise levels between which the guidance acts; empty for all."""

    refused = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.low, self.high = NumberEdit(f"{self.field.label}: from σ"), NumberEdit(f"{self.field.label}: to σ")
        for edit, text in ((self.low, "0"), (self.high, "∞")):
            edit.setPlaceholderText(text)
            edit.committed.connect(self._typed)
        self.setLayout(row(self.caption, None, self.low, label("–", "faint"), self.high, spacing=4))

    def show_value(self, value: Any) -> None:
        for edit, text in zip((self.low, self.high), [f"{v:g}" for v in value] if value else ["", ""], strict=True):
            edit.mark(False)
            edit.setText(text)

    def _typed(self, _: str) -> None:
        low, high = self.low.text().strip(), self.high.text().strip()
        try:
            value = (float(low or 0), float(high or 1e4)) if low or high else None
        except ValueError:
            value = (1.0, 0.0)  # admitted by no field
        if self.commit(value):
            return
        self.refused.emit(f"{self.field.label} must be {self.field.allowed}.")
        self.show_value(self.value())
