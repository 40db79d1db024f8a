"""What the window asks of the history: the pictures of a step, and small ones of a sample on its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from engine import wire
from engine.fields import RequestError
from engine.history import SIDE, History, Moment, Record
from engine.lab.answers import Piece, Pieces
from engine.lab.queries import Query, read
from engine.pictures import Pixels, pixels
from engine.pulling import Beside, nearest, pull
from engine.views import VIEWS, Values, View, noisy, reduced, signed, signed_values

Place = Annotated[int, Meta(ge=0, le=100_000)]


class Picture(Query, frozen=True, kw_only=True):
    """The pictures of all samples at a place of a run."""

    run: int
    view: View
    place: Place


class Strip(Query, frozen=True, kw_only=True):
    """Small pictures of one sample, at some places of a run."""

    run: int
    view: View
    sample: Annotated[int, Meta(ge=0, le=4096)]
    places: Annotated[list[Place], Meta(min_length=1, max_length=256)]


def picture(asked: Picture, history: History) -> Pieces:
    """Colours [B, H, W, C] as they are at the place; with `exact` false from what is left of it, a thumbnail."""
    record = _record(asked.run, history)
    place = _place(record, asked.view, asked.place)
    shown, scale = _shown(record, asked.view, place)
    moment = record.moments[place]
    exact = moment.full or (asked.view in VIEWS[:2] and not moment.reduced)
    values = {"view": asked.view, "place": asked.place, "exact": exact, "scale": scale}
    yield Piece(values, [] if shown is None else [shown])


def strip(asked: Strip, history: History) -> Pieces:
    """The places of which there is a picture, and the pictures [n, h, w, C]."""
    record = _record(asked.run, history)
    if asked.sample >= record.request.count:
        raise RequestError("sample", f"sample must be less than {record.request.count}, the samples of the run.")
    found: dict[int, Pixels] = {}
    for wanted in asked.places:
        place = _place(record, asked.view, wanted)
        row = slice(asked.sample, asked.sample + 1)
        shown, _ = _shown(record, asked.view, place, row) if place in record.moments else (None, 0.0)
        if shown is not None:
            found[wanted] = shown[0]
        yield None
    values = {"view": asked.view, "sample": asked.sample, "places": asked.places, "found": list(found)}
    yield Piece(values, [np.stack(list(found.values()))] if found else [])


QUESTIONS: dict[str, tuple[type[Query], Callable[..., Pieces]]] = {
    "picture": (Picture, picture),
    "strip": (Strip, strip),
    "pull": (Beside, pull),
    "nearest": (Beside, nearest),
}


def answer(what: str, values: dict[str, Any], arrays: wire.Arrays, history: History) -> Pieces:
    """The pieces of an answer. Raises RequestError, which names the field; `run` is a run that is not remembered."""
    if arrays:
        raise RequestError("arrays", f"arrays must be 0 with {what}, not {len(arrays)}.")
    kind, answering = QUESTIONS[what]
    yield from answering(read(kind, values), history)


def _record(run: int, history: History) -> Record:
    if run not in history.records:
        raise RequestError("run", "run must be one whose steps are still remembered.")
    return history.records[run]


def _place(record: Record, view: View, place: int) -> int:
    """Where a view is taken from: of the result, which has no noise, the score and ε of the step before.

    So is the change of x̂₀ of Langevin's, which is noisy and has no x̂₀.
    """
    if not record.closed or place != record.last:
        return place
    result = record.moments.get(place)
    noisy_change = view == "change" and result is not None and result.level.std > 0.0
    return place - 1 if view in ("score", "eps") or noisy_change else place


def _shown(record: Record, view: View, place: int, rows: slice = slice(None)) -> tuple[Pixels | None, float]:
    """The picture of a place and the value of its strongest colour; none where it cannot be had from what is left."""
    if place not in record.moments:
        raise RequestError("place", "place must be one that is still remembered.")
    moment, before = record.moments[place], record.moments.get(place - 1)
    alpha, std = moment.level.alpha, moment.level.std
    if view == "change":
        if before is None and place:
            return None, 0.0
        now, then = (None if at is None else _denoised(at, rows, moment.full) for at in (moment, before))
        assert now is not None
        if then is not None and then.shape != now.shape:  # a thumbnail beside a large picture
            return None, 0.0
        return signed(signed_values(view, alpha, std, now, now, then))
    if moment.small is not None:  # eight bits, cut off where x is beyond [−1, 1]: no score and no ε
        return (moment.small[VIEWS.index(view)][rows] if view in VIEWS[:2] else None), 0.0
    x, denoised = (values[rows] for values in moment.arrays())
    if view == "noisy" or (view == "denoised" and moment.is_result):
        return noisy(x, alpha, std), 0.0
    if view == "denoised":
        return pixels(denoised), 0.0
    return signed(signed_values(view, alpha, std, x, denoised, None))


def _denoised(moment: Moment, rows: slice, full: bool) -> Values:
    """D [B, C, H, W] in full precision, or as a thumbnail has it."""
    if moment.small is None:
        values = moment.arrays()[1][rows]
        return values if full else reduced(values, SIDE)
    return (moment.small[1][rows].astype(np.float32).transpose(0, 3, 1, 2) - 127.5) / 127.5
