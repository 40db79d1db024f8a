"""From a question to its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from engine import wire
from engine.fields import RequestError, short
from engine.lab.answers import Pieces
from engine.lab.cloud import cloud
from engine.lab.field import field
from engine.lab.judge import Judge, judge
from engine.lab.learning import learn
from engine.lab.line import density1d
from engine.lab.networks import loaded, saved
from engine.lab.points import data, points
from engine.lab.probe import probe
from engine.lab.queries import (
    Cloud,
    Data,
    Density1D,
    Field,
    Learn,
    LoadNetwork,
    Points,
    Probe,
    Query,
    SaveNetwork,
    read,
)
from engine.lab.sweeping import SweepCell, cell
from engine.lab.verifying import Verify, verified

QUESTIONS: dict[str, tuple[type[Query], Callable[..., Pieces]]] = {
    "cloud": (Cloud, cloud),
    "data": (Data, data),
    "field": (Field, field),
    "probe": (Probe, probe),
    "points": (Points, points),
    "learn": (Learn, learn),
    "save-network": (SaveNetwork, saved),
    "load-network": (LoadNetwork, loaded),
    "density1d": (Density1D, density1d),
    "verify": (Verify, verified),
    "cell": (SweepCell, cell),
    "judge": (Judge, judge),
}
"""What can be asked: the question's values, and who answers it."""


def answer(what: str, values: dict[str, Any], arrays: wire.Arrays) -> Pieces:
    """The pieces of an answer; None where it only stops to be dropped. Raises RequestError, which names the field."""
    if what not in QUESTIONS:
        raise RequestError("what", f"what must be one of {', '.join(QUESTIONS)}, not {short(what)}.")
    kind, answering = QUESTIONS[what]
    query = read(kind, values)
    if len(arrays) != query.arrays:
        raise RequestError("arrays", f"arrays must be {query.arrays} with {what}, not {len(arrays)}.")
    pieces = answering(query, *arrays)
    while True:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # for work this small two threads that are not both free lose a factor of ten
        try:
            piece = next(pieces)
        except StopIteration:
            return
        finally:
            torch.set_num_threads(threads)
        yield piece
