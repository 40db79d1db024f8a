"""What a question is: plain values, within limits, and how many arrays come with them."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import Meta

from engine.fields import RequestError, short

Name = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the questions."""

    arrays: ClassVar[int] = 0  # that come with it


Q = TypeVar("Q", bound=Query)

_WHERE = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<field>\w*).*`)?$", re.DOTALL)
_KINDS = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "null": "none"}


def read(kind: type[Q], values: dict[str, Any]) -> Q:
    """The question that plain values stand for. Raises RequestError, which names the field."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        reason, field = _WHERE.fullmatch(str(error)).group("reason", "field")  # type: ignore[union-attr]
        named = re.search(r"`(\w*)`", reason)
        if not field and named is not None and "field" in reason:
            field = named.group(1)
            said = "must be given" if "missing" in reason else "is not asked for here"
            raise RequestError(field, f"{field} {said}.") from error
        wanted = reason.removeprefix("Expected ").split(", got")[0]
        for word, meaning in _KINDS.items():
            wanted = re.sub(rf"\b{word}\b", meaning, wanted)
        wanted = wanted.replace("`", "").replace(" | ", " or ").replace(">=", "from").replace("<=", "up to")
        field = field or "values"
        raise RequestError(field, f"{field} must be {wanted}, not {short(values.get(field))}.") from error
