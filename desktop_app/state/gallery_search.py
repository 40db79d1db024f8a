"""The search line of the gallery: `lam=1 steps>20 model:digits seed=3 "three"`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from desktop_app.state.gallery_files import Picture
from engine import catalog
from engine.request import FIELDS

HELP = (
    "Words are looked for in the name, the model, the caption, the class, the sampler and the start; “…” keeps words "
    "together.\nParameters: lam=1, steps>20, guidance<=2, model:digits (contains), condition=none, sampler!=heun.\n"
    "is:starred, and a − before anything for what it is not: -is:starred."
)
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SYMBOLS = {"λ": "lam", "σ": "sigma", "η": "eta", "n": "steps", "w": "guidance", "class": "condition", "cfg": "guidance"}
_TOKEN = re.compile(r'(-?)(?:([^\W\d]\w*)\s*(!=|<=|>=|[:=<>])\s*)?("[^"]*"?|[^\s"]+)')

Test = Callable[[Picture, str, bool], bool]  # of a picture, its words, and whether it has a star


def words(picture: Picture, classes: Mapping[str, tuple[str, ...]]) -> str:
    """What free words are looked for in."""
    request = picture.request
    parts = [picture.name]
    if request:
        model, condition = str(request["model"]), request["condition"]
        labels = classes.get(model, ())
        label = labels[condition] if isinstance(condition, int) and condition < len(labels) else condition
        sampler = catalog.SAMPLERS[request["sampler"]].label
        parts += [model, str(label or ""), request["sampler"], sampler, request["start"]["type"]]
    return "\n".join(parts).casefold()


class Search:
    """What was typed, understood; `problem` says in one sentence what was not."""

    def __init__(self, text: str) -> None:
        self.problem = ""
        self._tests = [test for match in _TOKEN.finditer(text) if (test := self._test(*match.groups("")))]

    def admits(self, picture: Picture, words: str, starred: bool) -> bool:
        """Whether a picture is looked for."""
        return all(test(picture, words, starred) for test in self._tests)

    def _test(self, minus: str, name: str, sign: str, value: str) -> Test | None:
        value = value.strip('"').casefold()
        test = self._wanted(name.casefold(), sign, value) if name else lambda _, text, __: value in text
        if test is None or not minus:
            return test
        return lambda picture, text, starred: not test(picture, text, starred)

    def _wanted(self, name: str, sign: str, value: str) -> Test | None:
        if (name, value) in (("is", "starred"), ("is", "star")):
            return lambda _, __, starred: starred
        name = SYMBOLS.get(name, name)
        if name not in FIELDS:
            self.problem = f"{name} is not a parameter; they are {', '.join(FIELDS)}."
            return None
        number = _number(value)
        if sign in ("<", "<=", ">", ">=") and number is None:
            self.problem = f"{name}{sign} wants a number."
            return None

        def test(picture: Picture, _: str, __: bool) -> bool:
            if not picture.request:
                return False
            there = picture.request.get(name)
            if isinstance(there, dict):  # a start
                there = there.get("type")
            if sign == ":":
                return value in str(there).casefold()
            if number is not None and isinstance(there, int | float):
                return OPERATORS[sign](there, number)
            if sign not in ("=", "!="):
                return False
            return (str("none" if there is None else there).casefold() == value) == (sign == "=")

        return test


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
