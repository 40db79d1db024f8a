"""Fields of a request: how each is shown, explained and checked. Imports no torch."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

from engine.catalog import Choice

Kind = Literal["name", "condition", "integer", "number", "choice", "interval", "levels", "start"]

MAX_SIGMA = 1e6  # of every noise level that is typed
MAX_STEPS = 1000
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class Field:
    """How a field is shown, explained and checked."""

    kind: Kind
    label: str
    help: str
    _: KW_ONLY
    symbol: str = ""
    equation: str = ""
    minimum: float = -math.inf
    maximum: float = math.inf
    usual: tuple[float, float] | None = None  # what a slider spans, where the range is wider
    choices: Mapping[str, Choice] | None = None
    optional: bool = False

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.choices is not None:
            words = "one of " + ", ".join(self.choices)
        elif self.kind == "condition":
            words = "a class number or a caption"
        elif self.kind == "name":
            words = "a name of letters, digits, - and _"
        elif self.kind == "start":
            words = "a start"
        elif self.kind == "interval":
            words = f"two noise levels σ, {self.minimum:.16g} ≤ low < high ≤ {self.maximum:.16g}"
        elif self.kind == "levels":
            words = (
                f"1 to {MAX_STEPS} falling noise levels σ, {self.maximum:.16g} at most and {self.minimum:g} at least"
            )
        else:
            noun = "a whole number" if self.kind == "integer" else "a number"
            top = f" to {self.maximum:.16g}" if math.isfinite(self.maximum) else " up"
            words = f"{noun} from {self.minimum:.16g}{top}"
        return words + (", or none" if self.optional else "")

    def admits(self, value: Any) -> bool:
        """Whether `value` is of the field's type and in its range."""
        if value is None:
            return self.optional
        if self.choices is not None:
            small = is_number(value, int) and 0 <= value < 1000  # an order; str() refuses huge numbers
            return (isinstance(value, str) or small) and str(value) in self.choices
        match self.kind:
            case "name":
                return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value) is not None
            case "condition":
                return _is_text(value) or (is_number(value, int) and 0 <= value < 2**31)
            case "interval":
                return _are_numbers(value, 2, 2) and self.minimum <= value[0] < value[1] <= self.maximum
            case "levels":
                if not _are_numbers(value, 1, MAX_STEPS):
                    return False
                falls = all(above > below for above, below in itertools.pairwise(value))
                return falls and self.minimum <= value[-1] <= value[0] <= self.maximum
            case "start":
                return True  # a start checks itself when it is made; the request checks that it is one
            case _:
                return is_number(value, int if self.kind == "integer" else int | float) and (
                    self.minimum <= value <= self.maximum and math.isfinite(value)
                )


class RequestError(ValueError):
    """A field that cannot be what it was asked to be; `field` is its name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def is_number(value: Any, types: Any) -> bool:
    """Whether `value` is a number of these types; True and False are none."""
    return isinstance(value, types) and not isinstance(value, bool)


def _are_numbers(value: Any, least: int, most: int) -> bool:
    return isinstance(value, tuple) and least <= len(value) <= most and all(is_number(v, int | float) for v in value)


def _is_text(value: Any) -> bool:
    """A string that can be written down: no half of a surrogate pair, not longer than a caption."""
    return isinstance(value, str) and len(value) <= 1000 and not any("\ud800" <= c <= "\udfff" for c in value)


def short(value: Any) -> str:
    """A value as a message shows it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, a list a thousand deep
        text = f"such a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "…"
