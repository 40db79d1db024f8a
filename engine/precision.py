"""The numbers that a network calculates with on the CPU: float32, or bfloat16 if asked for, or measured to be faster.

SCORESCOPE_PRECISION is fp32 (where it is not set), bf16, or auto: then both are timed when a model is first loaded, and
the choice is kept, so that the same request goes on giving the same pixels on this machine. Samples differ between the
two by 0.005 (of 2, in the root mean square over a run of ten steps): bfloat16 has 8 bits, and is a choice to be named.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import platformdirs
import torch

Precision = Literal["fp32", "bf16"]

FASTER = 1.3  # bfloat16 must be, for its loss of accuracy
CALLS = 5  # timed of each, after one that warms up


def chosen(model: str, call: Callable[[Precision], object]) -> Precision:
    """What a model runs in; `call` makes one call of it. Raises ValueError for a value of SCORESCOPE_PRECISION."""
    asked = os.environ.get("SCORESCOPE_PRECISION") or "fp32"
    if asked in ("fp32", "bf16"):
        return "bf16" if asked == "bf16" else "fp32"
    if asked != "auto":
        raise ValueError(f"SCORESCOPE_PRECISION must be fp32, bf16 or auto, not {asked!r}")
    key = " · ".join([model, torch.__version__, _processor(), f"{torch.get_num_threads()} threads"])
    known = _read()
    if key not in known:
        known[key] = "bf16" if _seconds(call, "fp32") >= FASTER * _seconds(call, "bf16") else "fp32"
        _write(known)
    return known[key]


def cache() -> Path:
    """Where choices are kept."""
    return Path(platformdirs.user_cache_dir("scorescope", appauthor=False)) / "precision.json"


def _seconds(call: Callable[[Precision], object], precision: Precision) -> float:
    """The shortest of CALLS calls: what else the machine does only adds to a time."""
    call(precision)
    took = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call(precision)
        took.append(time.perf_counter() - started)
    return min(took)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor()
    return f"{name} {torch.backends.cpu.get_cpu_capability()}"


def _read() -> dict[str, Precision]:
    """The choices that are kept; none where the file is missing or not what was written."""
    try:
        found = json.loads(cache().read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if value in ("fp32", "bf16")}


def _write(known: dict[str, Precision]) -> None:
    """Keep the choices, atomically; where that cannot be done they are measured again the next time."""
    draft = cache().with_name(f".precision.{os.getpid()}")
    try:
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(known, indent=1))
        os.replace(draft, cache())
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
