"""From a question to its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import threads, wire
from engine.answers.judging import Judge, judge
from engine.answers.pieces import Pieces
from engine.answers.pulling import Beside, nearest, pull
from engine.answers.query import Query, read
from engine.answers.showing import Picture, Strip, picture, strip
from engine.answers.sweeping import SweepCell, cell
from engine.answers.verifying import Verify, verified
from engine.fields import RequestError, short
from engine.history import History
from engine.lab.cloud import cloud
from engine.lab.field import field
from engine.lab.learning import learn
from engine.lab.line import density1d
from engine.lab.networks import loaded, saved
from engine.lab.points import data, points
from engine.lab.probe import probe
from engine.lab.queries import Cloud, Data, Density1D, Field, Learn, LoadNetwork, Points, Probe, SaveNetwork

COMPUTED: dict[str, tuple[type[Query], Callable[..., Pieces]]] = {
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
"""What is computed: the question's values, and who answers it."""

REMEMBERED: dict[str, tuple[type[Query], Callable[..., Pieces]]] = {
    "picture": (Picture, picture),
    "strip": (Strip, strip),
    "pull": (Beside, pull),
    "nearest": (Beside, nearest),
}
"""What is asked of the history, which who answers is given."""

QUESTIONS = {**COMPUTED, **REMEMBERED}


def answer(what: str, values: dict[str, Any], arrays: wire.Arrays, history: History) -> Pieces:
    """The pieces of an answer; None where it only stops to be dropped. Raises RequestError, which names the field."""
    if what not in QUESTIONS:
        raise RequestError("what", f"what must be one of {', '.join(QUESTIONS)}, not {short(what)}.")
    kind, answering = QUESTIONS[what]
    query = read(kind, values)
    if len(arrays) != query.arrays:
        raise RequestError("arrays", f"arrays must be {query.arrays} with {what}, not {len(arrays)}.")
    if what in REMEMBERED:
        return answering(query, history)
    return _in_one_thread(answering(query, *arrays))


def _in_one_thread(pieces: Pieces) -> Pieces:
    """Work this small loses a factor of ten to two threads that are not both free."""
    while True:
        try:
            with threads.exactly(1):
                piece = next(pieces)
        except StopIteration:
            return
        yield piece
