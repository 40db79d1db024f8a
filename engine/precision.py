"""The numbers that a network calculates with: bfloat16 where a measurement has found that to be faster, else float32.

When a model is first loaded on the CPU both are timed, and the choice is kept: from then on a request gives the same
pixels on this machine, in the window, on the command line and in Python. The choice may be another where the weights,
torch or the processor is another, and after the file with the choices is deleted, where the two are nearly equally
good. So a picture says what its networks ran in, and Verify runs them in that; but a branch is replayed from its
request alone, in what is the choice then. To have one for good, set SCORESCOPE_PRECISION to fp32 (the one to compare
machines in: bfloat16 is rounded otherwise by other processors) or to bf16; it is auto where it is not set. A GPU, where
nothing is timed, has bfloat16 unless it is told fp32.

16 digits of 20 steps differ by 0.2/255 in the mean and 11/255 at most; guidance magnifies that, and may turn a sample.
What is compared with the truth is in float32 whatever is chosen: the cells of sweeps, what `scorescope evaluate` and
`bench samplers` measure, RK45; and so are classifiers that guide, and the networks of the lab.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import platformdirs
import torch

from engine import threads
from engine.device import processor
from engine.files import write

Precision = Literal["fp32", "bf16"]

FASTER = 1.3  # bfloat16 must be, for its loss of accuracy
LEAST_ROUNDS, MOST_ROUNDS = 3, 100  # of both in turn, after one that warms up:
SECONDS = 0.3  # as many as go into this time
NONE: Mapping[str, Precision] = MappingProxyType({})

# On one thread the time that this thread has computed, which other programs hardly change: on a busy machine the clock
# on the wall found one network's bfloat16 faster by 1.0 to 3.7, this one by 1.3 to 1.5. Windows counts it in 16 ms.
_clock = time.perf_counter if sys.platform == "win32" else time.thread_time
_forced: ContextVar[Callable[[str], Precision] | None] = ContextVar("forced", default=None)
_measured: dict[str, Precision] = {}  # by this process, which does not change its mind


@contextmanager
def forced(precision: Precision, of: Mapping[str, Precision] = NONE) -> Iterator[None]:
    """Networks that are loaded inside run in this precision, those in `of` in theirs, whatever was chosen."""
    before = _forced.set(lambda model: of.get(model, precision))
    try:
        yield
    finally:
        _forced.reset(before)


def asked(model: str) -> Precision | None:
    """What a model must run in; None for the faster. Raises ValueError for a value of SCORESCOPE_PRECISION."""
    if (force := _forced.get()) is not None:
        return force(model)
    match os.environ.get("SCORESCOPE_PRECISION") or "auto":
        case "fp32":
            return "fp32"
        case "bf16":
            return "bf16"
        case "auto":
            return None
        case other:
            raise ValueError(f"SCORESCOPE_PRECISION must be auto, fp32 or bf16, not {other!r}")


def faster(model: str, call: Callable[[Precision], object]) -> Precision:
    """What is faster on this processor, by the first measurement; `call` makes a call of the model's network.

    `model` names it and its weights.
    """
    key = _key(model)
    if key not in _measured:
        known = _read()
        if key not in known:
            found = _compare(call)
            known = {key: found, **_read()}  # of two processes that measure at once the first is right
            _write(known)
        _measured[key] = known[key]
    return _measured[key]


def _key(model: str) -> str:
    return " · ".join([model, torch.__version__, f"{processor()} {torch.backends.cpu.get_cpu_capability()}"])


def cache() -> Path:
    """Where choices are kept."""
    return Path(platformdirs.user_cache_dir("scorescope", appauthor=False)) / "precision.json"


def _compare(call: Callable[[Precision], object]) -> Precision:
    """Time both in turn, so that what else the machine does meets both, and compare the shortest times."""
    with threads.exactly(1):
        _seconds(call, "fp32"), _seconds(call, "bf16")
        fp32, bf16 = list[float](), list[float]()
        while len(fp32) < LEAST_ROUNDS or (len(fp32) < MOST_ROUNDS and sum(fp32) + sum(bf16) < SECONDS):
            fp32.append(_seconds(call, "fp32"))
            bf16.append(_seconds(call, "bf16"))
    return "bf16" if min(fp32) > FASTER * min(bf16) else "fp32"


def _seconds(call: Callable[[Precision], object], precision: Precision) -> float:
    started = _clock()
    call(precision)
    return _clock() - started


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
    with suppress(OSError):
        cache().parent.mkdir(parents=True, exist_ok=True)
        write(cache(), json.dumps(known, indent=1).encode())
