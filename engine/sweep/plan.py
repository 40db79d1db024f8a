"""What a sweep is: a request, the fields that vary, and the cells that come of it. Imports no torch."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from engine import catalog
from engine.fields import MAX_STEPS, RequestError, is_number, short
from engine.request import ABSENT, FIELDS, Request
from engine.starts import PureNoise

VERSION = 1
MAX_CELLS = 400
KINDS = ("integer", "number", "choice", "name", "condition")
AXES = tuple(name for name, field in FIELDS.items() if field.kind in KINDS)
"""The fields that can vary."""

SOLVERS = ("unipc", "heun", "rk45")  # of the ODE; those with a λ solve its equation too


class Axis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field of the request, and the values that it takes. Raises RequestError, which names the field."""

    name: str
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if self.name not in AXES:
            raise RequestError("axes", f"axes must be of {', '.join(AXES)}, not {short(self.name)}.")
        if not isinstance(self.values, tuple) or not self.values:
            raise RequestError(self.name, f"{self.name} must have at least one value.")
        for value in self.values:
            if not FIELDS[self.name].admits(value):
                raise RequestError(self.name, f"{self.name} must be {FIELDS[self.name].allowed}, not {short(value)}.")
        if twice := [value for place, value in enumerate(self.values) if value in self.values[:place]]:
            raise RequestError(self.name, f"{self.name} must have each value once, not {short(twice[0])} twice.")

    @property
    def title(self) -> str:
        """What the axis is called: its symbol where it is a number."""
        field = FIELDS[self.name]
        return field.symbol or field.label if field.kind in ("integer", "number") else field.label

    def label(self, place: int) -> str:
        """One value, as mathematics or as the catalogue calls it."""
        value, field = self.values[place], FIELDS[self.name]
        if value is None:
            return {"condition": "any", "schedule": "model’s own"}.get(self.name, f"no {field.label.lower()}")
        if self.name == "model":
            return model_title(value)
        if field.kind == "choice" and self.name != "order":
            assert field.choices is not None
            return field.choices[value].label
        if field.kind == "name":
            return str(value)
        return f"{field.symbol or field.label} = {self.number(place)}"

    def number(self, place: int) -> str:
        """One value alone, of an axis of numbers; else its label."""
        value, kind = self.values[place], FIELDS[self.name].kind
        if value is None or not (kind in ("integer", "number", "condition") or self.name == "order"):
            return self.label(place)
        return f"{value:.4g}" if isinstance(value, float) else str(value)


def model_title(name: str) -> str:
    """What a model is called, where that is known."""
    if name in catalog.DISTRIBUTIONS:
        return catalog.DISTRIBUTIONS[name].label
    card = catalog.cards().get(name)
    return card.title if card else name


class Cell(msgspec.Struct, frozen=True):
    """One combination: its place, row by row, and its request, or in one sentence why there is none."""

    index: int
    request: Request | None
    reference: Request | None  # whose result it is measured against
    reason: str = ""

    @property
    def key(self) -> str:
        """What its result is kept under: a hash of all that determines it and its figures."""
        assert self.request is not None
        texts = [request.to_json() for request in (self.request, self.reference) if request is not None]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:32]


class Sweep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """Rows are the values of the first of two axes, columns those of the last. Raises RequestError.

    With `reference` = N, not 0, a cell that solves the λ-SDE or the ODE is also measured against its solution: the
    bridge of order 2 in N steps, from the same noise and along the same Brownian path. Along a path the error of
    either order falls as 1/N where λ > 0: what falls as 1/N² there is the error of the marginals.
    """

    base: Request
    axes: tuple[Axis, ...]
    reference: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.axes, tuple) or not 1 <= len(self.axes) <= 2:
            raise RequestError("axes", "axes must be one or two.")
        if len({axis.name for axis in self.axes}) < len(self.axes):
            raise RequestError("axes", f"axes must be of two fields, not {self.axes[0].name} twice.")
        count = math.prod(len(axis.values) for axis in self.axes)
        if count > MAX_CELLS:
            raise RequestError("axes", f"axes must make at most {MAX_CELLS} cells, not {count:,}.")
        if not is_number(self.reference, int) or not 0 <= self.reference <= MAX_STEPS:
            said = short(self.reference)
            raise RequestError("reference", f"reference must be a whole number from 0 to {MAX_STEPS}, not {said}.")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        columns = len(self.axes[-1].values)
        return (len(self.axes[0].values) if len(self.axes) == 2 else 1, columns)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, row by row."""
        names = [axis.name for axis in self.axes]
        combinations = itertools.product(*(axis.values for axis in self.axes))
        return tuple(self._cell(index, dict(zip(names, some, strict=True))) for index, some in enumerate(combinations))

    def place(self, index: int) -> tuple[int, int]:
        """The row and the column of a cell."""
        return divmod(index, self.shape[1])

    def _cell(self, index: int, values: dict[str, Any]) -> Cell:
        try:
            request = self.base.replace(**values)
        except RequestError as error:
            return Cell(index, None, None, str(error))
        return Cell(index, request, solution(request, self.reference) if self.reference else None)

    def to_json(self) -> str:
        """JSON that `from_json` reads back to an equal sweep."""
        axes = [{"name": axis.name, "values": list(axis.values)} for axis in self.axes]
        values = {"version": VERSION, "base": self.base.to_dict(), "axes": axes, "reference": self.reference}
        return msgspec.json.encode(values).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Sweep:
        """The sweep of `to_json`. Raises RequestError for anything else."""
        try:
            values = msgspec.json.decode(text, type=_Plain)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise RequestError("sweep", f"sweep must be the JSON of a sweep: {error}.") from error
        if values.version != VERSION:
            raise RequestError("version", f"version must be {VERSION}, not {values.version}.")
        axes = tuple(Axis(axis.name, tuple(axis.values)) for axis in values.axes)
        return cls(base=Request.from_dict(values.base), axes=axes, reference=values.reference)


class _PlainAxis(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    values: list[Any]


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """A sweep as it is written down, before its request and its axes are checked."""

    version: int
    base: Mapping[str, Any]
    axes: list[_PlainAxis]
    reference: int = 0


def solution(request: Request, steps: int) -> Request | None:
    """The run of many steps that a run tends to as its own steps grow; None for one that tends to none.

    Noise that is drawn for each step anew leads elsewhere with every number of steps: only one path can be followed.
    """
    sampler = catalog.SAMPLERS[request.sampler]
    if request.sigmas is not None or not isinstance(request.start, PureNoise) or request.churn:
        return None
    if not (request.sampler in SOLVERS or sampler.has_lam) or request.sampler == "predictor_corrector":
        return None
    if request.lam and request.noise != "path":
        return None
    left_out = {name: None for name in ABSENT if name not in catalog.SAMPLERS["bridge"].options}
    return msgspec.structs.replace(
        request,
        sampler="bridge",
        order=2,
        steps=steps,
        noise="path" if request.lam else "step",
        noise_interval=request.noise_interval if request.lam else None,
        **left_out,
    )
