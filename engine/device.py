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


def described() -> str:
    """The device, and the precision on it where it is not the usual one: what a picture says of its making."""
    device, precision = str(pick()), os.environ.get("SCORESCOPE_PRECISION") or "fp32"
    return f"{device} {precision}" if device == "cpu" and precision != "fp32" else device


def autocast(device: torch.device, precision: str = "fp32") -> AbstractContextManager[object]:
    """bfloat16 for networks on a GPU; on the CPU what `engine.precision` says: float32, but for those that ask."""
    if device.type == "cpu" and precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
