"""Where networks run: CUDA, then Apple's MPS, then the CPU, unless SCORESCOPE_DEVICE names one."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

import torch


def pick(name: str | None = None) -> torch.device:
    """The device called `name` ("cuda", "cuda:1", "mps", "cpu"), or the best one for "auto" or None.

    Raises ValueError for a device that is not there.
    """
    name = name or os.environ.get("SCORESCOPE_DEVICE") or "auto"
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if not available.get(name.split(":")[0], False):
        there = ", ".join(kind for kind, yes in available.items() if yes)
        raise ValueError(f"SCORESCOPE_DEVICE must be auto or one of {there} on this machine, not {name!r}")
    return torch.device(name)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Where a network runs in a precision of `engine.precision`."""
    return nullcontext() if precision == "fp32" else torch.autocast(device.type, torch.bfloat16)
