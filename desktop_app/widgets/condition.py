"""What to generate: the classes of the chosen model as chips or as a list, or words, typed."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCompleter,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStyledItemDelegate,
    QWidget,
)

from desktop_app.state.conditions import classes_of, vocabulary_of
from desktop_app.widgets.combo_box import ComboBox
from desktop_app.widgets.fields import FieldControl
from desktop_app.widgets.layout import column, fill, label, mark_chosen, row, tab_at
from engine.captions import Vocabulary, words

CHIP_LETTERS = 12  # of all classes together, that still make chips
OFFERED = 12  # words, at most, to complete one


class Chips(QWidget):
    """A button for each class, and one for any."""

    chosen = Signal(object)

    def __init__(self, name: str, classes: tuple[str, ...]) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        self.buttons: dict[int | None, QPushButton] = {}
        layout = row(spacing=2)
        for value, text in [*enumerate(classes), (None, "any")]:
            chip = QPushButton(text)
            chip.setProperty("role", "chip")
            chip.setProperty("wide", value is None)
            chip.setCheckable(True)
            chip.setAccessibleName(f"{name}: {text}")
            chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            chip.clicked.connect(lambda _=False, v=value: self.chosen.emit(v))
            layout.addWidget(chip, 0 if value is None else 1)
            self._group.addButton(chip)
            self.buttons[value] = chip
        self.setLayout(layout)

    def show_value(self, value: Any) -> None:
        """Show a class as chosen; it is the one that Tab comes to."""
        if value in self.buttons:
            mark_chosen(self.buttons, value)


class ClassList(QWidget):
    """A list of the classes, where their names are long."""

    chosen = Signal(object)

    def __init__(self, name: str, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.box = ComboBox()
        self.box.setAccessibleName(name)
        self.box.setMinimumContentsLength(1)
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for value, text in [(None, "any"), *enumerate(classes)]:
            self.box.add_choice(text.capitalize(), value, "")
        self.box.activated.connect(lambda index: self.chosen.emit(self.box.itemData(index)))
        layout = row(spacing=0)
        layout.addWidget(self.box, 1)
        self.setLayout(layout)

    def show_value(self, value: Any) -> None:
        """Show a class as chosen."""
        self.box.setCurrentIndex(self.box.findData(value))


class Words(QWidget):
    """A caption, typed: known words are completed, unknown ones are named."""

    chosen = Signal(object)

    def __init__(self, name: str, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self.edit = QLineEdit()
        self.edit.setAccessibleName(name)
        self.edit.setPlaceholderText("anything, or: red heart | pizza")
        self.edit.setMaxLength(400)
        self.edit.setToolTip("What to draw, in words. “|” between captions makes a batch of them.")
        self.hint = label("", "faint")
        self.hint.setWordWrap(True)
        self._words = QStringListModel(self)
        completer = self.completer = QCompleter(self._words, self)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setWidget(self.edit)
        completer.activated.connect(self._complete)
        popup = completer.popup()
        assert popup is not None
        popup.setProperty("role", "suggestions")
        popup.setItemDelegate(QStyledItemDelegate(popup))  # its own does not wear the style sheet
        self.edit.textEdited.connect(self._typed)
        self.edit.editingFinished.connect(self._done)
        layout = column(self.edit, self.hint, spacing=4)
        self.setLayout(layout)

    def show_value(self, value: Any) -> None:
        """Show a caption, unless it is being typed."""
        if not self.edit.hasFocus():
            self.edit.setText(value or "")
            self.edit.setCursorPosition(0)  # a long one is seen from its beginning
        self._tell()

    def _typed(self, text: str) -> None:
        found = self._vocabulary.complete(text)[:OFFERED]
        self._words.setStringList(found)
        popup = self.completer.popup()
        assert popup is not None
        self.completer.complete() if found else popup.hide()
        self._tell()

    def _complete(self, word: str) -> None:
        before = self.edit.text()
        begun = len(before) - len(before.replace("|", " ").rpartition(" ")[2])
        self.edit.setText(f"{before[:begun]}{word} ")
        self._tell()

    def _done(self) -> None:
        popup = self.completer.popup()
        if popup is None or not popup.isVisible():
            self.chosen.emit(self.edit.text().strip() or None)

    def _tell(self) -> None:
        text = self.edit.text()
        unknown = self._vocabulary.unknown(text)
        if self.edit.hasFocus() and self._vocabulary.complete(text):  # the last word may become one that is known
            unknown = [word for word in unknown if word != words(text)[-1]]
        named = ", ".join(f"“{word}”" for word in unknown[:4])
        self.hint.setText(f"The model does not know {named}." if unknown else "")
        self.hint.setVisible(bool(unknown))


class ConditionControl(FieldControl):
    """The control that suits the chosen model; hidden where it can be asked for nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.face: Chips | ClassList | Words | None = None
        self._shown: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        layout = column(self._head(), spacing=6)
        self._place = column(spacing=0)
        fill(self._place)
        layout.addLayout(self._place)
        self.setLayout(layout)

    def chip(self, value: int | None) -> QPushButton:
        """The chip of a class; None is "any"."""
        assert isinstance(self.face, Chips)
        return self.face.buttons[value]

    def show_value(self, value: Any) -> None:
        if self.face is not None:
            self.face.show_value(value)

    def _changed(self, name: str) -> None:
        assert self.controls is not None
        if name in ("model", self.name):
            self._suit(self.controls["model"])
            self.show_value(self.value())
        super()._changed(name)
        self.setVisible(self.face is not None and not self.left_out)

    def _suit(self, model: str) -> None:
        """Be the control of this model's conditions."""
        classes, vocabulary = classes_of(model), vocabulary_of(model)
        shown = classes, vocabulary.words if vocabulary else ()
        if shown == self._shown:
            return
        self._shown = shown
        if self.face is not None:
            self._place.removeWidget(self.face)
            self.face.hide()
            self.face.deleteLater()
            self.face = None
        if vocabulary is not None:
            self.face = Words(self.field.label, vocabulary)
        elif classes:
            few = sum(map(len, classes)) <= CHIP_LETTERS
            self.face = (Chips if few else ClassList)(self.field.label, classes)
        if self.face is not None:
            self.face.chosen.connect(self.commit)
            self._place.addWidget(self.face)
            parts = self.face.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
            tab_at(self, parts)
