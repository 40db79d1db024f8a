"""A cloud of particles on its way from noise to data, and how far it is from where it should be."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from numpy.typing import NDArray

from engine import runs
from engine.answers.pieces import Piece, Pieces
from engine.fields import RequestError
from engine.lab import subject
from engine.lab.queries import Cloud
from engine.measures.judges import sliced_wasserstein
from engine.models import plane
from engine.noise import generator
from engine.request import Request

MAX_POSITIONS = 2**24  # of all particles at all levels: 128 MB
COMPARED = 2_000  # particles, at most
DIRECTIONS = 32


def cloud(asked: Cloud) -> Pieces:
    """Positions x_t [N + 1, n, 2] at every level (not x̄), and the distance to p_t there.

    Values: levels [[t, α, std], …] and, for each of them, nfe, the evaluations that it took to come there, and the
    distance of `Truth`; seconds, the time of the run. Raises RequestError for a request that cannot be or is too large.
    """
    request = asked.checked()
    model = subject.walked(request.model, asked.coarse)
    request = request.replace(particles=request.particles or runs.PARTICLES)
    levels = runs.levels(request, model)
    positions = np.empty((len(levels), _particles(request, len(levels)), 2), np.float32)
    nfe, seconds, before = [0], 0.0, time.perf_counter()
    for step in runs.run(request, model):
        nfe.append(step.nfe)
        positions[step.index] = step.x[0].cpu().numpy()
        seconds += time.perf_counter() - before
        yield None
        before = time.perf_counter()
    positions[-1] = step.x_next[0].cpu().numpy()
    truth = Truth(request, min(COMPARED, positions.shape[1]))
    distance = []
    for level, there in zip(levels, positions, strict=True):
        distance.append(truth.distance(there, level.alpha, level.std))
        yield None
    values = {"levels": subject.triples(levels), "nfe": nfe, "seconds": seconds, "distance": distance}
    yield Piece(values, [positions])


def _particles(request: Request, levels: int) -> int:
    """How many particles; RequestError where they are too many at so many levels."""
    assert request.particles is not None
    if request.particles * levels > MAX_POSITIONS:
        most = MAX_POSITIONS // levels
        raise RequestError("particles", f"particles must be at most {most:,} at {levels:,} levels.")
    return request.particles


class Truth:
    """Exact samples of p_t under the condition of a request, the same at every level and for every lane."""

    def __init__(self, request: Request, count: int) -> None:
        points, _ = plane.sample(subject.exact(request.model), count, seed=0, condition=request.condition)
        self.clean = torch.from_numpy(points)
        self.noise = torch.from_numpy(generator(0, plane.DATA, stage=2).standard_normal((count, 2), dtype=np.float32))

    def distance(self, x: NDArray[np.float32], alpha: float, std: float) -> float:
        """The sliced Wasserstein-1 distance of x̄ from samples of p̄_t, of the first `count` of particles x [n, 2].

        Between two exact samples of 2,000 it is some 0.03: that is the floor.
        """
        truth, found = alpha * self.clean + std * self.noise, torch.from_numpy(x[: len(self.clean)])
        return sliced_wasserstein(found, truth, DIRECTIONS) / math.hypot(alpha, std)
