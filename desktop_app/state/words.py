"""Requests in words, as a person reads them."""

from __future__ import annotations

from typing import Any

from desktop_app.state.conditions import named
from engine import catalog
from engine.catalog import cards
from engine.request import FIELDS, OPTIONS, Branch, Request
from engine.starts import Encoding, Image, PureNoise, Slerp

STRENGTHS = ("lam", "eta", "churn")  # 0 is the ODE
NONE = {
    "condition": "any",
    "schedule": "model’s own",
    "noise_interval": "all",
    "guidance_interval": "all",
    "guide": "without condition",
}


def is_stochastic(request: Request) -> bool:
    """Whether the sampler draws noise on its way: an SDE, not the ODE."""
    options = catalog.SAMPLERS[request.sampler].options
    strengths = [getattr(request, name) for name in STRENGTHS if name in options]
    langevin = "step_size" in options
    return langevin or (any(strengths) if strengths else "noise" in options)


def shown(name: str, value: Any) -> str:
    """A value of a field."""
    field = FIELDS[name]
    if value is None:
        return NONE.get(name, "none")
    if field.choices is not None:
        return field.choices[str(value)].label
    if field.kind == "name":
        card, here = cards().get(value), catalog.DISTRIBUTIONS.get(value)
        return card.title if card else here.label if here else str(value)
    match field.kind:
        case "interval":
            return f"{value[0]:g} – {value[1]:g}"
        case "levels":
            return f"{len(value)} from {value[0]:g} to {value[-1]:g}" if len(value) > 1 else f"{value[0]:g}"
        case "start":
            return _start(value)
        case "number":
            return f"{value:g}"
        case _:
            return str(value)


def difference(request: Request, fields: list[str]) -> list[str]:
    """Those of the fields that this request has, each as “name = value”."""
    sampler = catalog.SAMPLERS[request.sampler]
    unseen = {name for name in OPTIONS[1:] if name not in sampler.options}
    if len(sampler.orders) == 1:
        unseen.add("order")
    unseen |= {"steps", "spacing"} if request.sigmas else {"sigmas"}
    return [f"{_name(name)} = {shown(name, getattr(request, name))}" for name in fields if name not in unseen]


def _name(name: str) -> str:
    """What a field is called in an equation: its symbol where it is a number."""
    field = FIELDS[name]
    return field.symbol or field.label if field.kind in ("number", "integer", "condition") else field.label


def heading(request: Request) -> str:
    """What a request makes, in a few words."""
    return what(request.model, request.condition)


def what(model: str, condition: int | str | None) -> str:
    """What a model makes under a condition."""
    return f"{shown('model', model)} · {named(condition, model)}"


def image_size(request: Request) -> tuple[int, int]:
    """Height and width of the images that a request makes."""
    card = cards().get(request.model)
    return card.shape[1:] if card else (28, 28)


def summary(request: Request) -> str:
    """The seed, what the sampler is set to first of all, and the steps."""
    first = next(iter(catalog.SAMPLERS[request.sampler].options), "noise")
    setting = [f"{FIELDS[first].symbol} = {shown(first, getattr(request, first))}"] if first != "noise" else []
    return "   ".join([f"seed {request.seed}", *setting, "1 step" if request.steps == 1 else f"{request.steps} steps"])


def _start(start: object) -> str:
    match start:
        case PureNoise(seed=seed):
            return "noise" if seed is None else f"noise of seed {seed}"
        case Image(mask=mask):
            return "an image" if mask is None else "an image, repainted"
        case Encoding():
            return "an encoded image"
        case Slerp():
            return "between two"
        case Branch(step=step):
            return f"step {step} of another run"
    raise TypeError(f"{type(start).__name__} is no start")
