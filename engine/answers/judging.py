"""The window's question how many images of a lane are what they were asked to be."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.answers.pieces import Piece, Pieces
from engine.answers.query import Name, Query
from engine.measures import judges


class Judge(Query, frozen=True, kw_only=True):
    """Images [B, H, W, C] of a model, and what they were asked for."""

    arrays: ClassVar[int] = 1
    model: Name
    condition: int | str | None


def judge(asked: Judge, images: NDArray[np.uint8]) -> Pieces:
    """The share of images in which the judge sees what was asked for; none where no judge knows the model's."""
    share = judges.judged(asked.model, asked.condition, images.transpose(0, 3, 1, 2))
    yield Piece({"agreement": share})
