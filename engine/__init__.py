"""Scorescope's engine: schedules, denoisers and samplers of diffusion models, as a library.

    for step in engine.run(engine.Request(model="digits", condition=7)):
        step.x, step.denoised, step.level.sigma

Names are looked up when they are first used, so that `import engine` alone imports no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine.request import Request, RequestError

if TYPE_CHECKING:
    from engine import models, samplers, schedules
    from engine.runs import run
    from engine.samplers import Step
    from engine.schedules import Level, Schedule

__all__ = [
    "Level",
    "Request",
    "RequestError",
    "Schedule",
    "Step",
    "models",
    "run",
    "samplers",
    "schedules",
]

_HOMES = {"run": "engine.runs", "Step": "engine.samplers", "Level": "engine.schedules", "Schedule": "engine.schedules"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in ("models", "samplers", "schedules"):
        return import_module(f"engine.{name}")
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
