"""The values of an axis, from what a person types. Imports no torch."""

from __future__ import annotations

import math
import re
from typing import Any

from engine.fields import Field, RequestError, short
from engine.request import FIELDS
from engine.sweep.plan import AXES, MAX_CELLS, Axis

RANGE = re.compile(r"(?P<low>[^…\s]+?)\s*(?:…|\.\.\.?)\s*(?P<high>\S+)\s+in\s+(?P<count>\d{1,4})(?P<log>\s+log)?")
"""0…2 in 5: five values, evenly spaced; 5…80 in 5 log: in equal ratios."""


def axis(text: str) -> Axis:
    """An axis from NAME=VALUES. Raises RequestError."""
    name, equals, rest = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or name not in AXES:
        raise RequestError("over", f"over must be NAME=VALUES with one of {', '.join(AXES)}, not {short(text)}.")
    return Axis(name, values(name, rest))


def values(name: str, text: str) -> tuple[Any, ...]:
    """The values of a field: 5, 10, 20 or 0…2 in 5 or 5…80 in 5 log. Raises RequestError, which names the field.

    Captions with commas have semicolons between them, or after a single one.
    """
    field = FIELDS[name]
    spaced = RANGE.fullmatch(text.strip()) if field.kind in ("integer", "number") else None
    if spaced is not None:
        return _spaced(name, field, spaced)
    between = r"[,;\s]" if field.kind == "number" else ";" if field.kind == "condition" and ";" in text else "[,;]"
    parts = [part.strip() for part in re.split(between, text)]
    return tuple(_value(field, part) for part in parts if part)


def written(axis: Axis) -> str:
    """The values as text that `values` reads back."""
    texts = ["none" if value is None else _plain(value) for value in axis.values]
    if any("," in text for text in texts):
        return "; ".join(texts) + (";" if len(texts) == 1 else "")
    return ", ".join(texts)


def _plain(value: Any) -> str:
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _spaced(name: str, field: Field, match: re.Match[str]) -> tuple[Any, ...]:
    wrong = RequestError(name, f"{name} must be two numbers, as in 0…2 in 5, not {short(match[0])}.")
    try:
        low, high, count = float(match["low"]), float(match["high"]), int(match["count"])
    except ValueError:
        raise wrong from None
    if not (math.isfinite(low) and math.isfinite(high)):
        raise wrong
    if not 2 <= count <= MAX_CELLS:
        raise RequestError(name, f"{name} must be from 2 to {MAX_CELLS} values, not {count}.")
    if match["log"] and not (low > 0 and high > 0):
        raise RequestError(name, f"{name} must be above 0 to be spaced in equal ratios, not {short(match[0])}.")
    shares = [place / (count - 1) for place in range(count)]
    if match["log"]:
        found = [low ** (1 - share) * high**share for share in shares]
    else:
        found = [low * (1 - share) + high * share for share in shares]
    rounded: list[Any] = [round(value) if field.kind == "integer" else float(f"{value:.6g}") for value in found]
    return tuple(dict.fromkeys(rounded))  # whole numbers near each other can be the same


def _value(field: Field, text: str) -> Any:
    """One value; as text, for the axis to refuse, where it cannot be read as the field's type."""
    if field.optional and text.lower() in ("none", "any"):
        return None
    try:
        if field.kind == "number":
            return float(text)
        return int(text) if field.kind in ("integer", "choice", "condition") else text
    except ValueError:
        return text
