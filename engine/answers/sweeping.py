"""The window's sweeps: one cell at a time, with what it looks like on its way."""

from __future__ import annotations

from typing import Any

from engine.answers.pieces import Piece, Pieces
from engine.answers.query import Query
from engine.request import Request
from engine.sweep.judging import judged
from engine.sweep.plan import Cell


class SweepCell(Query, frozen=True, kw_only=True):
    """A cell of a sweep: its request, and the one whose result it is measured against."""

    request: dict[str, Any]
    reference: dict[str, Any] | None = None


def cell(asked: SweepCell) -> Pieces:
    """After each step {"step", "steps"} with x̂₀ as [B, H, W, C]; at last {"figures", "reason"} with the result.

    In one thread, as every answer: the same pixels as `run_sweep` makes anywhere.
    """
    reference = None if asked.reference is None else Request.from_dict(asked.reference)
    working = judged(Cell(0, Request.from_dict(asked.request), reference))
    while True:
        try:
            at = next(working)
        except StopIteration as done:
            result = done.value
            break
        pictures = [] if at.pictures is None else [at.pictures]
        yield Piece({"step": at.step, "steps": at.steps}, pictures, last=False)
    yield Piece({"figures": dict(result.figures), "reason": result.reason}, [result.pictures])
