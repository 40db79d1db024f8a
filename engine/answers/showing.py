"""What the window asks of the history: the pictures of a step, and small ones of a sample on its way."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.answers.pieces import Piece, Pieces
from engine.answers.query import Query
from engine.fields import RequestError
from engine.history import SIDE, History, Moment, Record
from engine.pictures import Pixels
from engine.views import SIGNED, VIEWS, Values, View, of_the_step_before, reduced, seen

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
    record = remembered(asked.run, history)
    place = _place(record, asked.view, asked.place)
    shown, scale = _shown(record, asked.view, place)
    moment = record.moments[place]
    exact = moment.full or (asked.view not in SIGNED and not moment.reduced)
    if asked.view == "change" and (before := record.moments.get(place - 1)) is not None:
        exact = exact and before.full
    values = {"view": asked.view, "place": asked.place, "exact": exact, "scale": scale}
    yield Piece(values, [] if shown is None else [shown])


def strip(asked: Strip, history: History) -> Pieces:
    """The places of which there is a picture, and the pictures [n, h, w, C]."""
    record = remembered(asked.run, history, asked.sample)
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


def remembered(run: int, history: History, sample: int = 0) -> Record:
    """What is left of a run that has this sample. Raises RequestError."""
    if run not in history.records:
        raise RequestError("run", "run must be one whose steps are still remembered.")
    record = history.records[run]
    if sample >= record.request.count:
        raise RequestError("sample", f"sample must be less than {record.request.count}, the samples of the run.")
    return record


def _place(record: Record, view: View, place: int) -> int:
    """Where a view is taken from: of the result it may be the step before."""
    if not record.closed or place != record.last:
        return place
    result = record.moments.get(place)
    return place - 1 if of_the_step_before(view, result.level.std if result else 0.0) else place


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
        return seen(view, alpha, std, now, now, then)
    if moment.small is not None:  # eight bits, cut off where x is beyond [−1, 1]: no score and no ε
        return (None if view in SIGNED else moment.small[VIEWS.index(view)][rows]), 0.0
    x, denoised = (values[rows] for values in moment.arrays())
    if view == "denoised" and moment.is_result:  # which is its own x̂₀
        view = "noisy"
    return seen(view, alpha, std, x, denoised, None)


def _denoised(moment: Moment, rows: slice, full: bool) -> Values:
    """D [B, C, H, W] in full precision, or as a thumbnail has it."""
    if moment.small is None:
        values = moment.arrays()[1][rows]
        return values if full else reduced(values, SIDE)
    return (moment.small[1][rows].astype(np.float32).transpose(0, 3, 1, 2) - 127.5) / 127.5
