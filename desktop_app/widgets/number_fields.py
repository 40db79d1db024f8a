"""Controls for the fields that are numbers: one, one that may be left empty, two, or a list."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QSignalBlocker

from desktop_app.widgets.fields import FieldControl
from desktop_app.widgets.layout import column, label, row
from desktop_app.widgets.number_edit import LevelsEdit, NumberEdit
from desktop_app.widgets.slider import Slider


@dataclass(frozen=True)
class Linear:
    """A slider's positions, equally far apart."""

    resolution: float

    def position(self, value: float) -> int:
        return round(value / self.resolution)

    def value(self, position: int) -> float:
        return round(position * self.resolution, 6)


@dataclass(frozen=True)
class Logarithmic:
    """A slider's positions, ten to a factor of ten."""

    def position(self, value: float) -> int:
        return round(10 * math.log10(value))

    def value(self, position: int) -> float:
        return float(f"{10 ** (position / 10):.2g}")


def written(value: float) -> str:
    """A number as it is shown in a text field, and read back to itself where it was typed there."""
    return f"{value:.12g}".replace("e-0", "e-")


def number(text: str) -> float:
    """A number as it is typed, with a point or a comma. Raises ValueError."""
    return float(text.replace(",", "."))


class NumberControl(FieldControl):
    """A slider over the usual range, and the exact number beside it; the number may go beyond the slider."""

    def __init__(self, name: str, scale: Linear | Logarithmic, marks: dict[float, str] | None = None) -> None:
        super().__init__(name)
        low, high = self.field.usual or (self.field.minimum, self.field.maximum)
        self.scale = scale
        self.whole = self.field.kind == "integer"
        self.edit = NumberEdit(self.field.label)
        self.edit.committed.connect(self._typed)
        self.edit.bump = self.bump
        self.slider = Slider({scale.position(value): text for value, text in (marks or {}).items()})
        self.slider.setAccessibleName(self.field.label)
        self.slider.setRange(scale.position(low), scale.position(high))
        self.slider.valueChanged.connect(self._slid)
        self.setLayout(column(self._head(self.edit), self.slider, spacing=2))

    def bump(self, steps: int) -> None:
        """Up or down by steps of the slider, inside the range."""
        value = self.scale.value(self.scale.position(self.value()) + steps)
        self._take(min(max(value, self.field.minimum), self.field.maximum))

    def show_value(self, value: Any) -> None:
        self.edit.mark(False)
        self.edit.setText(str(value) if self.whole else written(value))
        with QSignalBlocker(self.slider):
            self.slider.setValue(self.scale.position(value))
        self.slider.update()

    def note(self) -> str:
        if self.name != "guidance" or self.controls is None:
            return ""
        return f"In the other convention γ = w − 1: here w = {self.value():g} is γ = {self.value() - 1:g}."

    def _slid(self, position: int) -> None:
        self._take(self.scale.value(position))

    def _take(self, value: float) -> None:
        self.commit(round(value) if self.whole else float(value))

    def _typed(self, text: str) -> None:
        if not self.here:
            return
        try:
            value: Any = int(text) if self.whole else number(text)
        except ValueError:
            value = None
        if value is None or not self.commit(value):
            self.refuse(text)
        self.show_value(self.value())


class OptionalControl(FieldControl):
    """A number that may be left empty."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.edit = NumberEdit(self.field.label)
        self.edit.setPlaceholderText("none")
        self.edit.committed.connect(self._typed)
        self.edit.bump = self._bump
        self.setLayout(row(self.caption, self.symbol, None, self.edit, spacing=6))

    def show_value(self, value: Any) -> None:
        self.edit.mark(False)
        self.edit.setText("" if value is None else written(value))

    def _bump(self, steps: int) -> None:
        value = round((1.0 if self.value() is None else self.value() + 0.05 * steps), 6)
        self.commit(min(max(value, self.field.minimum), self.field.maximum))

    def _typed(self, text: str) -> None:
        try:
            taken = self.commit(number(text) if text else None)
        except ValueError:
            taken = False
        if not taken:
            self.refuse(text)
        self.show_value(self.value())


class IntervalControl(FieldControl):
    """Two noise levels between which something acts; empty for all."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.low, self.high = NumberEdit(f"{self.field.label}: from σ"), NumberEdit(f"{self.field.label}: to σ")
        for edit, text in ((self.low, "0"), (self.high, "∞")):
            edit.setPlaceholderText(text)
            edit.committed.connect(self._typed)
        self.setLayout(row(self.caption, None, self.low, label("–", "faint"), self.high, spacing=4))

    def show_value(self, value: Any) -> None:
        low, high = value or (None, None)
        for edit, end in ((self.low, low), (self.high, high)):
            edit.mark(False)
            edit.setText("" if end in (None, self.field.maximum) else written(end))

    def _typed(self, _: str) -> None:
        if not self.here:
            return
        low, high = self.low.text().strip(), self.high.text().strip()
        ends = self.value() or (0.0, self.field.maximum)  # one that was not typed stays as it is, to the last digit
        try:
            if self.low.isModified():
                ends = number(low or "0"), ends[1]
            if self.high.isModified():
                ends = ends[0], number(high) if high else self.field.maximum
            taken = self.commit(ends if low or high else None)
        except ValueError:
            taken = False
        if not taken:
            self.refuse(f"{low or 0} – {high or '∞'}")
            self.show_value(self.value())


class LevelsControl(FieldControl):
    """A list of noise levels. One that cannot be taken stays there to be mended, outlined; the last good one counts."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.edit = LevelsEdit(self.field.label)
        self.edit.committed.connect(self._typed)
        self.setLayout(column(self._head(), self.edit, spacing=6))

    def show_value(self, value: Any) -> None:
        self.edit.mark(False)
        self.edit.setPlainText(" ".join(map(written, value or ())))

    def _typed(self, text: str) -> None:
        if not self.here:
            return
        try:
            value = tuple(float(word) for word in re.split(r"[\s,;]+", text.strip(" ,;\n\t")))
            taken = self.commit(value)
        except ValueError:
            taken = False
        if taken:
            self.show_value(self.value())
        elif not self.edit.invalid:
            self.edit.mark(True)
            self.refuse(text)
