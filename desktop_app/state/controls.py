"""What the inspector is set to: the fields of one lane's request, and what they mean together."""

from __future__ import annotations

import random
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine import catalog
from engine.request import FIELDS, Request


class Controls(QObject):
    """The values of one request, each always valid on its own; `request()` makes them valid together."""

    changed = Signal(str)  # the field's name

    def __init__(self, request: Request | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        request = request or Request()
        self._values: dict[str, Any] = {name: getattr(request, name) for name in FIELDS}
        self.seed_locked = False

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def set(self, name: str, value: Any) -> bool:
        """Take a value where the field admits it; says whether it did."""
        if not FIELDS[name].admits(value):
            return False
        if self._values[name] != value:
            self._values[name] = value
            self.changed.emit(name)
        return True

    def take(self, request: Request) -> None:
        """Take every field of a request."""
        for name in FIELDS:
            self.set(name, getattr(request, name))

    def why_disabled(self, name: str) -> str:
        """Why a field has no effect with the present sampler or condition; empty where it has one."""
        sampler = catalog.SAMPLERS[self["sampler"]]
        if name == "lam" and not sampler.stochastic:
            return f"{sampler.label} solves the ODE: λ is 0."
        if name == "order" and len(sampler.orders) == 1:
            return f"{sampler.label} has order {sampler.orders[0]}."
        if name in ("guidance", "guidance_interval") and self["condition"] is None:
            return "Without a condition there is nothing to guide."
        return ""

    def request(self) -> Request:
        """The request that the values stand for; a field without effect takes its neutral value."""
        values = dict(self._values)
        sampler = catalog.SAMPLERS[values["sampler"]]
        if not sampler.stochastic:
            values["lam"] = 0.0
        if values["order"] not in sampler.orders:
            values["order"] = sampler.orders[-1]
        if values["condition"] is None:
            values["guidance"], values["guidance_interval"] = 1.0, None
        return Request(**values)

    def randomise_seed(self) -> None:
        """A new seed, whether locked or not: asked for by hand."""
        self.set("seed", random.SystemRandom().randrange(2**32))


def differing(a: Request, b: Request) -> list[str]:
    """The fields in which two requests differ, in the order of the class."""
    return [name for name in FIELDS if getattr(a, name) != getattr(b, name)]


def shown(name: str, value: Any) -> str:
    """A value as a person reads it."""
    field = FIELDS[name]
    if value is None:
        return "any" if name == "condition" else "model’s own" if name == "schedule" else "all"
    if field.choices is not None:
        return field.choices[str(value)].label
    if field.kind == "interval":
        return f"{value[0]:g} – {value[1]:g}"
    return f"{value:g}" if field.kind == "number" else str(value)
