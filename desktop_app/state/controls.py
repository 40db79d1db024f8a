"""What the inspector is set to: the request of one lane, and which of its fields mean something together."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

from PySide6.QtCore import QObject, Signal

from desktop_app.state.conditions import suits
from desktop_app.state.guides import fits, is_denoiser
from desktop_app.state.levels import listed
from engine import catalog
from engine.captions import split
from engine.fields import RequestError
from engine.request import FIELDS, OPTIONS, Request

SUGGESTED = ("condition", "guidance", "lam")  # fields that a model may suggest
GUIDING = ("guidance", "guidance_interval", "guidance_rescale")


class Controls(QObject):
    """A request, always valid, that is changed field by field; `request()` is what it comes to."""

    changed = Signal(str)  # the field's name

    def __init__(self, request: Request | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._request = request or Request()
        self._unlisted: dict[str, Any] = {}  # the steps and the spacing to go back to from listed levels
        self.seed_locked = False
        self.refusal = ""  # why the last value was not taken, where it says

    def __getitem__(self, name: str) -> Any:
        return getattr(self._request, name)

    def set(self, name: str, value: Any) -> bool:
        """Take a value, and what it brings with it; says whether it can be taken."""
        self.refusal = ""
        if not FIELDS[name].admits(value):
            return False
        if self[name] == value:
            return True
        try:
            self._become(self._with(name, value))
        except RequestError as error:
            self.refusal = str(error)
            return False
        return True

    def take(self, request: Request) -> None:
        """Take every field of a request."""
        self._unlisted = {}
        self._become(request)

    @property
    def exact(self) -> Request:
        """Every field as it is set, also those without effect."""
        return self._request

    def has(self, name: str) -> bool:
        """Whether the chosen sampler has this field, or the spacing this list."""
        sampler = catalog.SAMPLERS[self["sampler"]]
        if name == "order":
            return len(sampler.orders) > 1
        if name == "sigmas":
            return bool(self["spacing"] == "explicit")
        return name not in OPTIONS or name in sampler.options

    def is_default(self, name: str) -> bool:
        """Whether a field is as the sampler, or the program, has it."""
        return bool(self[name] == getattr(Request(sampler=self["sampler"]), name))

    def why_disabled(self, name: str) -> str:
        """Why a field has no effect with the others as they are; empty where it has one."""
        if name in ("spacing", "sigmas") and self["sampler"] == "langevin":
            return "Langevin stays at one noise level."
        if name == "steps" and self["spacing"] == "explicit":
            return "There are as many steps as noise levels in your list."
        if name in GUIDING and self._nothing_to_guide():
            return "Without a condition there is nothing to guide."
        return ""

    def request(self) -> Request:
        """The request that the values stand for; a field without effect takes its neutral value."""
        if self._nothing_to_guide():
            neutral = Request()
            return self._request.replace(guide=None, **{name: getattr(neutral, name) for name in GUIDING})
        return self._request

    def lock_seed(self, on: bool) -> None:
        """Keep the seed between runs, or take a new one for each."""
        if on != self.seed_locked:
            self.seed_locked = on
            self.changed.emit("seed")

    def randomise_seed(self) -> None:
        """A new seed, whether locked or not: asked for by hand."""
        self.set("seed", random.SystemRandom().randrange(2**32))

    def _nothing_to_guide(self) -> bool:
        """A condition is guided towards, or a weaker model away from."""
        return self["condition"] is None and not is_denoiser(self["guide"])

    def _with(self, name: str, value: Any) -> Request:
        """The request with one field changed, and with it what cannot stay. Raises RequestError."""
        changes = {name: value}
        if name == "model":
            if not suits(self["condition"], value):
                changes["condition"] = None
            if not fits(self["guide"], value):
                changes["guide"] = None
            changes |= self._suggested(value, self._request.replace(**changes))
        if name == "sampler" and value == "rk45" and isinstance(self["condition"], str):
            changes["condition"] = split(self["condition"])[0] or None  # it takes one caption
        leaves = (name == "spacing" and value != "explicit") or (name == "sampler" and value == "langevin")
        if leaves and self["spacing"] == "explicit":
            changes = {"spacing": "karras", "sigmas": None, **self._unlisted, **changes}
        elif name == "spacing" and value == "explicit":
            self._unlisted = {"steps": self["steps"], "spacing": self["spacing"]}
            changes["sigmas"] = listed(self._request)
        return self._request.replace(**changes)

    def _suggested(self, model: str, request: Request) -> dict[str, Any]:
        """What a model suggests for fields that are as the program, or the model before, has them."""
        neutral, cards = Request(), catalog.cards()
        before, now = (card.suggests if (card := cards.get(m)) else {} for m in (self["model"], model))
        found = {}
        for name in SUGGESTED:
            usual = getattr(neutral, name)
            value = now.get(name, usual)
            if getattr(request, name) not in (usual, before.get(name, usual)) or not FIELDS[name].admits(value):
                continue
            with suppress(RequestError):  # the sampler may not have it
                if name != "condition" or suits(value, model):
                    request, found[name] = request.replace(**{name: value}), value
        return found

    def _become(self, request: Request) -> None:
        before, self._request = self._request, request
        for name in differing(before, request):
            self.changed.emit(name)


def differing(a: Request, b: Request) -> list[str]:
    """The fields in which two requests differ, in the order of the class."""
    return [name for name in FIELDS if getattr(a, name) != getattr(b, name)]
