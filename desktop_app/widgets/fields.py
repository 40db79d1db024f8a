"""Controls for the fields of a request, made from the fields' metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QLinearGradient, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QButtonGroup, QLineEdit, QPushButton, QSlider, QVBoxLayout, QWidget

from desktop_app.state.controls import Controls
from desktop_app.theme import theme
from desktop_app.widgets.combo_box import ComboBox
from desktop_app.widgets.layout import IconButton, Segments, column, fill, label, row
from engine.request import FIELDS, Field

NUMBER_WIDTH = 60
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


class NumberEdit(QLineEdit):
    """A number as text: Enter or leaving commits it, ↑ and ↓ change it, what is not allowed is marked and undone."""

    committed = Signal(str)

    def __init__(self, name: str, width: int = NUMBER_WIDTH) -> None:
        super().__init__()
        self.setProperty("role", "number")
        self.setAccessibleName(name)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFixedWidth(width)
        self.bump: Callable[[int], None] = lambda _: None
        self.editingFinished.connect(lambda: self.committed.emit(self.text().strip()))
        self.textEdited.connect(lambda _: self.mark(False))

    def mark(self, invalid: bool) -> None:
        """Outline the field as wrong, or as right again."""
        if self.property("invalid") != invalid:
            self.setProperty("invalid", invalid)
            self.style().polish(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_PageUp: 10, Qt.Key.Key_PageDown: -10}
        if event.key() in steps:
            self.bump(steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)


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


class Slider(QSlider):
    """A thin slider. Marks name places on it; the first two are the ODE and the SDE, and it is blue at one, orange at
    the other."""

    def __init__(self, marks: dict[float, str], resolution: float) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.marks = {round(value / resolution): text for value, text in marks.items()}
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedHeight(34 if marks else 18)
        self.setSingleStep(1)
        self.setPageStep(10)
        theme().changed.connect(self.update)

    def _x(self, value: float) -> float:
        span = max(self.maximum() - self.minimum(), 1)
        return 8 + (self.width() - 16) * (value - self.minimum()) / span

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, y, here = theme(), 9.0, self._x(self.sliderPosition())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.colour("hover"))
        painter.drawRoundedRect(QRectF(2, y - 2, self.width() - 4, 4), 2, 2)
        enabled = self.isEnabled()
        colour = colours.colour("accent" if enabled else "outline")
        if enabled and self.marks:
            ode, sde = (self._x(mark) for mark in sorted(self.marks)[:2])
            colour = self._blend((here - ode) / (sde - ode))
            gradient = QLinearGradient(QPointF(ode, 0), QPointF(sde, 0))
            gradient.setColorAt(0, colours.colour("ode"))
            gradient.setColorAt(1, colours.colour("sde"))
            painter.setBrush(gradient)
        else:
            painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(2, y - 2, here - 2, 4), 2, 2)
        for value, text in self.marks.items():
            painter.setPen(QPen(colours.colour("text_faint"), 1))
            painter.drawLine(QPointF(self._x(value), y + 6), QPointF(self._x(value), y + 9))
            font = self.font()
            font.setPixelSize(11)
            painter.setFont(font)
            wide = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(self._x(value) - wide / 2, 0), self.width() - wide)
            painter.drawText(QPointF(left, y + 21), text)
        painter.setPen(QPen(colours.colour("text" if self.hasFocus() else "panel"), 2))
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(here, y), 7, 7)

    def _blend(self, share: float) -> QColor:
        share = min(max(share, 0.0), 1.0)
        a, b = theme().colour("ode"), theme().colour("sde")
        mixed = [x + (y - x) * share for x, y in zip(a.getRgbF()[:3], b.getRgbF()[:3], strict=True)]  # type: ignore[index]
        return QColor.fromRgbF(*mixed)

    def mousePressEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._follow(event)

    def mouseMoveEvent(self, event: Any) -> None:
        if self.isSliderDown():
            self._follow(event)

    def mouseReleaseEvent(self, event: Any) -> None:
        self.setSliderDown(False)

    def wheelEvent(self, event: Any) -> None:
        event.ignore()

    def _follow(self, event: Any) -> None:
        share = (event.position().x() - 8) / max(self.width() - 16, 1)
        self.setValue(round(self.minimum() + share * (self.maximum() - self.minimum())))


class ConditionControl(FieldControl):
    """The classes of the model as chips, and "any"."""

    def __init__(self, name: str, classes: tuple[str, ...]) -> None:
        super().__init__(name)
        self._group = QButtonGroup(self)
        self._chips: dict[int | None, QPushButton] = {}
        chips = row(spacing=2)
        for value, text in [*enumerate(classes), (None, "any")]:
            chip = QPushButton(text)
            chip.setProperty("role", "chip")
            chip.setCheckable(True)
            chip.setAccessibleName(f"{self.field.label}: {text}")
            chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            chip.clicked.connect(lambda _=False, v=value: self.commit(v))
            chip.setProperty("wide", value is None)
            chips.addWidget(chip, 0 if value is None else 1)
            self._group.addButton(chip)
            self._chips[value] = chip
        layout = QVBoxLayout()
        fill(layout, spacing=6)
        layout.addWidget(self._head())
        layout.addLayout(chips)
        self.setLayout(layout)

    def chip(self, value: int | None) -> QPushButton:
        """The chip of a class; None is "any"."""
        return self._chips[value]

    def show_value(self, value: Any) -> None:
        chip = self._chips.get(value)
        if chip is not None:
            chip.setChecked(True)


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
        if not (text.lstrip("-").isdigit() and self.commit(int(text))):
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
