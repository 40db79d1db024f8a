"""The window's question whether a saved picture is what its request makes."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine import verify
from engine.answers.pieces import Piece, Pieces
from engine.answers.query import Query
from engine.metadata import Made, Saved
from engine.request import Request


class Verify(Query, frozen=True, kw_only=True):
    """A saved picture, as an array [H, W, C], and what it says of itself."""

    arrays: ClassVar[int] = 1
    request: dict[str, Any]
    made: Made | None = None


def verified(asked: Verify, page: NDArray[np.uint8]) -> Pieces:
    """The verdict: exact, sentence, and the figures of `engine.verify.Verdict`. Raises RequestError and VerifyError."""
    verdict = yield from verify.check(Saved(Request.from_dict(asked.request), asked.made), page)
    yield Piece({"exact": verdict.exact, "sentence": verdict.sentence, **msgspec.to_builtins(verdict)})
