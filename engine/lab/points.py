"""Samples of the data, and points that a person made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.answers.pieces import Piece, Pieces
from engine.data.points import MAX_POINTS
from engine.fields import RequestError
from engine.lab import subject
from engine.lab.queries import Data, Points
from engine.models import plane
from engine.models.checkpoint import ModelError
from engine.noise import KeyedNoise


def data(asked: Data) -> Pieces:
    """Exact samples [n, 2], their classes [n], and noise [n, 2]: x_t = α x_0 + std ε walks from one to the other.

    The noise is the one that a run with this seed and so many particles starts from.
    """
    exact = subject.exact(asked.model)
    points, labels = plane.sample(exact, asked.count, asked.seed)
    noise = KeyedNoise(asked.seed, 1, (asked.count, 2)).initial()[0]
    yield Piece({"classes": list(exact.names)}, [points, labels.astype(np.uint8), noise.numpy()])


def points(asked: Points, painted: NDArray[np.float32]) -> Pieces:
    """Keep points [N, 2], and say under which name."""
    if painted.dtype != np.float32:
        raise RequestError("points", "points must be float32.")
    try:
        name = plane.keep(painted, asked.passing)
    except ValueError as error:
        raise RequestError("points", f"{error}.") from error
    except ModelError as error:
        raise RequestError("points", str(error)) from error
    if asked.passing:
        plane.let_go({name, *asked.needed})
    thinned = len(painted) > MAX_POINTS
    message = f"{len(painted):,} points were thinned to {MAX_POINTS:,}." if thinned else ""
    yield Piece({"model": name, "message": message})
