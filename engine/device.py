"""Where networks run: CUDA, then Apple's MPS, then the CPU, unless SCORESCOPE_DEVICE names one."""

from __future__ import annotations

import os
import platform
import re
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path

import torch


def pick(name: str | None = None) -> torch.device:
    """The device called `name` ("cuda", "cuda:1", "mps", "cpu"), or the best one for "auto" or None.

    Raises ValueError for a device that is not there.
    """
    name = name or os.environ.get("SCORESCOPE_DEVICE") or "auto"
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    if name == "auto":
        return torch.device(next(kind for kind, count in counts.items() if count))
    known = re.fullmatch(r"(cuda|mps|cpu)(?::([0-9]{1,3}))?", name)
    if not known or int(known[2] or 0) >= counts[known[1]]:
        there = ", ".join(kind for kind, count in counts.items() if count)
        raise ValueError(f"SCORESCOPE_DEVICE must be auto or one of {there} on this machine, not {name!r}")
    return torch.device(name)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Where a network runs in a precision of `engine.precision`."""
    return nullcontext() if precision == "fp32" else torch.autocast(device.type, torch.bfloat16)


@lru_cache
def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def machine() -> str:
    """The machine, in one line, as figures that were measured on it name it."""
    threads = torch.get_num_threads()
    return f"{processor()}, {os.cpu_count()} cores, torch {torch.__version__} on {pick()}, threads: {threads}"
