"""Controls of the lab for fields that mean something else there: the class of a distribution, the particles."""

from __future__ import annotations

from desktop_app.widgets.fields import ChoiceControl
from engine.catalog import DISTRIBUTIONS

ANY = {None: ("Any", "All classes, as often as the distribution has them.")}


class ClassControl(ChoiceControl):
    """The classes of the chosen distribution; hidden where it has none."""

    def __init__(self) -> None:
        super().__init__("condition", ANY)
        self.caption.setText("Class")

    def _changed(self, name: str) -> None:
        assert self.controls is not None
        here = DISTRIBUTIONS.get(self.controls["model"])
        classes = here.classes if here else ()
        if name in ("model", self.name):
            named = {index: (text.capitalize(), f"Only the class “{text}”.") for index, text in enumerate(classes)}
            self.offer({"": {**ANY, **named}})
            self.show_value(self.value())
        super()._changed(name)
        self.setVisible(bool(classes))
