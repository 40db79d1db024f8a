"""The request: everything that determines a result, and nothing else. Imports no torch.

The metadata of its fields (label, range, help, equation) is the one source for the window's controls, the command
line's flags, the validation messages and what is written into saved images.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec

from engine import catalog
from engine.catalog import Choice

VERSION = 1

ORDERS = {
    "1": Choice("1", "1", "The denoiser is held over a step."),
    "2": Choice("2", "2", "The denoiser is extrapolated from the step before (DPM-Solver++ 2M)."),
}

Kind = Literal["name", "condition", "integer", "number", "choice", "interval", "start"]


@dataclass(frozen=True)
class Field:
    """How a field is shown, explained and checked."""

    kind: Kind
    label: str
    help: str
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
            small = _is_number(value, int) and 0 <= value < 1000  # an order; str() refuses huge numbers
            return (isinstance(value, str) or small) and str(value) in self.choices
        if self.kind == "name":
            return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value) is not None
        if self.kind == "condition":
            return _is_text(value) or (_is_number(value, int) and 0 <= value < 2**31)
        if self.kind == "interval":
            numbers = isinstance(value, tuple) and len(value) == 2 and all(_is_number(v, int | float) for v in value)
            return numbers and self.minimum <= value[0] < value[1] <= self.maximum
        if self.kind == "start":
            return isinstance(value, PureNoise)
        return _is_number(value, int if self.kind == "integer" else int | float) and (
            self.minimum <= value <= self.maximum and math.isfinite(value)
        )


def _is_number(value: Any, types: Any) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    """A string that can be written down: no half of a surrogate pair, not longer than a caption."""
    return isinstance(value, str) and len(value) <= 1000 and not any("\ud800" <= c <= "\udfff" for c in value)


class RequestError(ValueError):
    """A field that cannot be what it was asked to be; `field` is its name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class PureNoise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="noise"):
    """Start from x = std · ε at the noisiest level."""


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run, completely. Raises RequestError, which names the field, for anything out of range."""

    model: Annotated[str, Field("name", "Model", "The denoiser that generates.", "D")] = "digits"
    condition: Annotated[
        int | str | None, Field("condition", "Condition", "What to generate; none for anything.", "c", optional=True)
    ] = None
    count: Annotated[
        int,
        Field("integer", "Samples", "How many images; sample b has the seed of the run + b.", "B", "", 1, 64),
    ] = 16
    seed: Annotated[
        int, Field("integer", "Seed", "Sample b is drawn with seed + b, whatever its batch.", "", "", 0, 2**32 - 1)
    ] = 0
    sampler: Annotated[
        str,
        Field("choice", "Sampler", "How the reverse process is solved.", choices=catalog.SAMPLERS),
    ] = "bridge"
    order: Annotated[
        int,
        Field("choice", "Order", "Error per run falls as 1/N or 1/N².", "p", "error = O(N⁻ᵖ)", choices=ORDERS),
    ] = 2
    steps: Annotated[
        int,
        Field("integer", "Steps", "Steps from noise to image.", "N", "", 1, 1000, (1, 100)),
    ] = 20
    spacing: Annotated[
        str,
        Field("choice", "Spacing", "Where the noise levels lie.", choices=catalog.SPACINGS),
    ] = "karras"
    schedule: Annotated[
        str | None,
        Field(
            "choice",
            "Schedule",
            "The forward process; none for the model's own.",
            "α, σ",
            "x_t = α x₀ + α σ ε",
            choices=catalog.SCHEDULES,
            optional=True,
        ),
    ] = None
    lam: Annotated[
        float,
        Field(
            "number",
            "Stochasticity",
            "0 is the probability-flow ODE, 1 the reverse SDE; every value has the same marginals.",
            "λ",
            "dx = [f x − ½(1 + λ²) g² ∇log p] dt + λ g dW̄",
            0,
            100,
            (0, 2),
        ),
    ] = 0.0
    guidance: Annotated[
        float,
        Field(
            "number",
            "Guidance",
            "1 is the plain conditional model, 0 the unconditional one (w = 1 + γ).",
            "w",
            "D = D∅ + w (D_c − D∅)",
            0,
            100,
            (0, 5),
        ),
    ] = 1.0
    guidance_interval: Annotated[
        tuple[float, float] | None,
        Field(
            "interval",
            "Guidance interval",
            "Guide only at noise levels in it; none for all.",
            "σ",
            minimum=0,
            maximum=1e6,
            optional=True,
        ),
    ] = None
    start: Annotated[PureNoise, Field("start", "Start", "What the run starts from.")] = PureNoise()

    def __post_init__(self) -> None:
        for name, field in FIELDS.items():
            value = getattr(self, name)
            if not field.admits(value):
                raise RequestError(name, f"{name} must be {field.allowed}, not {_short(value)}.")
        sampler = catalog.SAMPLERS[self.sampler]
        if self.lam and not sampler.stochastic:
            raise RequestError("lam", f"lam must be 0 with the sampler {self.sampler}, not {_short(self.lam)}.")
        if self.order not in sampler.orders:
            orders = " or ".join(map(str, sampler.orders))
            raise RequestError("order", f"order must be {orders} with the sampler {self.sampler}, not {self.order!r}.")

    def replace(self, **changes: Any) -> Request:
        """A copy with some fields changed, checked again."""
        return msgspec.structs.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, MessagePack and settings, with the version."""
        return {"version": VERSION, **msgspec.to_builtins(self)}

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to an equal request."""
        return msgspec.json.encode(self.to_dict()).decode()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Request:
        """The request of `to_dict`. Raises RequestError for an unknown field or version, or a value out of range."""
        values = dict(values)
        version = values.pop("version", VERSION)
        if not _is_number(version, int) or not 1 <= version <= VERSION:
            raise RequestError("version", f"version must be a whole number from 1 to {VERSION}, not {_short(version)}.")
        for name in values:
            if name not in FIELDS:
                raise RequestError(name, f"{_short(name)} is not a field of a request; they are {', '.join(FIELDS)}.")
        if isinstance(values.get("guidance_interval"), list):
            values["guidance_interval"] = tuple(values["guidance_interval"])
        if values.get("start", {"type": "noise"}) == {"type": "noise"}:
            values["start"] = PureNoise()
        return cls(**values)

    @classmethod
    def from_json(cls, text: str | bytes) -> Request:
        """The request of `to_json`. Raises RequestError for anything else."""
        try:
            # as bytes: msgspec wants a plain str, and Pillow's text chunks are of a class of their own
            values = msgspec.json.decode(text.encode() if isinstance(text, str) else text)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise RequestError("request", f"request must be JSON: {error}.") from error
        if not isinstance(values, dict):
            raise RequestError("request", "request must be a JSON object.")
        return cls.from_dict(values)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, a list a thousand deep
        text = f"such a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "…"


def _fields() -> dict[str, Field]:
    hints = get_type_hints(Request, include_extras=True)
    return {name: next(m for m in get_args(hint)[1:] if isinstance(m, Field)) for name, hint in hints.items()}


FIELDS: dict[str, Field] = _fields()
"""The metadata of every field of a request, in the order of the class."""
