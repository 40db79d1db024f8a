"""Scorescope's engine: schedules, denoisers and samplers of diffusion models, as a library.

    for step in engine.run(engine.Request(model="digits", condition=7)):
        step.x, step.denoised, step.level.sigma

To read it, begin at schedules/schedule.py, and go on with samplers/bridge.py, noise.py, guidance.py,
models/parameterization.py, origin.py and runs.py, which puts them together.

Names are looked up when they are first used, so that `import engine` alone imports no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine.request import Request, RequestError

if TYPE_CHECKING:
    from engine import density, guidance, inversion, likelihood, models, noise, samplers, schedules, sweep
    from engine.runs import run, sample
    from engine.samplers import Step
    from engine.schedules import Level, Schedule

__all__ = [
    "Level",
    "Request",
    "RequestError",
    "Schedule",
    "Step",
    "density",
    "guidance",
    "inversion",
    "likelihood",
    "models",
    "noise",
    "run",
    "sample",
    "samplers",
    "schedules",
    "sweep",
]

_HOMES = {
    "run": "engine.runs",
    "sample": "engine.runs",
    "Step": "engine.samplers",
    "Level": "engine.schedules",
    "Schedule": "engine.schedules",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in __all__:
        return import_module(f"engine.{name}")
    raise AttributeError(f"module 'engine' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
