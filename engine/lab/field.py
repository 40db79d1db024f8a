"""Density, score and D over the plane, at one level."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine import runs
from engine.answers.pieces import Piece, Pieces
from engine.density import density
from engine.lab import queries, subject
from engine.lab.queries import Field
from engine.lab.subject import Exact
from engine.models.dataset import Dataset
from engine.models.denoiser import Denoiser
from engine.request import Request
from engine.samplers import Denoise
from engine.schedules import Level

Vectors = NDArray[np.float64]

ERRORS = 96  # places a side of the map of errors
COLUMNS = 32  # of the density, at once
PLACES, PAIRS = 4_096, 2**22  # at once, and pairs of a place and a point: a drop is seen between


def field(asked: Field) -> Pieces:
    """Arrays: p̄ [m, m], ∇ log p̄ [a, a, 2], D [a, a, 2] in data units; the first axis is y, upwards.

    Places are the middles of m × m and a × a equal cells of [−half, half]². The density is always the exact one. Of
    the source "learned", score and D are the network's; of "difference", the network's less the exact ones, and a
    fourth array [e, e] is the length of the score's difference. Guidance changes score and D, not the density.
    A density's kernels are no narrower than half a cell, so that no point of a Dataset falls between two places.
    """
    level = subject.noisy(queries.level(asked.level))
    exact = subject.exact(asked.model, asked.coarse)
    sources = [_guided(asked, exact)] if asked.source != "learned" else []
    if asked.source != "exact":
        sources.append(_guided(asked, subject.learned(asked.learned, asked.model)))
    at_once = max(1, PAIRS // len(exact))
    arrays = [(yield from _density(exact, level, asked))]
    arrays += yield from _over(sources, _grid(asked.arrows, asked.half), level, at_once)
    if asked.source == "difference":
        score, _ = yield from _over(sources, _grid(ERRORS, asked.half), level, at_once)
        arrays.append(np.linalg.norm(score, axis=-1))
    yield Piece(arrays=[np.ascontiguousarray(array, np.float32) for array in arrays])


def _guided(asked: Field, model: Denoiser) -> Denoise:
    """D under the condition and the guidance, in float64 where the model can."""
    request = Request(model=asked.model, condition=asked.condition, guidance=asked.guidance, count=1)
    denoise = runs.guided_by(request, model)
    if isinstance(model, Exact):
        return denoise
    return lambda x, level: denoise(x.float(), level).double()


def _density(exact: Exact, level: Level, asked: Field) -> Generator[None, None, Vectors]:
    """p̄ [m, m], under the condition; in pieces that fit into a cache."""
    s = subject.scale(level)
    axis = (s * subject.centres(asked.density, asked.half)).astype(np.float32)
    picture = np.zeros((asked.density, asked.density))  # [x, y]
    if isinstance(exact, Dataset):
        level = replace(level, std=max(level.std, s * asked.half / asked.density))
        for share, part in subject.parts(exact):
            picture += share * density(part, level, [axis, axis])
            yield None
    else:
        for start in range(0, asked.density, COLUMNS):
            some = slice(start, start + COLUMNS)
            picture[some] = density(exact, level, [axis[some], axis], exact.encode(asked.condition, 1))
            yield None
    return picture.T * (s * s)


def _grid(count: int, half: float) -> Tensor:
    """Places x̄ [count², 2], row after row from below."""
    axis = torch.from_numpy(subject.centres(count, half))
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)


def _over(
    sources: Sequence[Denoise], places: Tensor, level: Level, at_once: int
) -> Generator[None, None, tuple[Vectors, Vectors]]:
    """∇ log p̄ and D at places x̄ [P, 2], as squares; of two sources, the second less the first."""
    s = subject.scale(level)
    found: list[Tensor] = []
    for some in torch.split(places, min(at_once, PLACES)):
        of = [denoise(s * some[None], level)[0] for denoise in sources]
        found.append(torch.stack([level.alpha * denoised - s * some for denoised in of] + of))
        yield None
    pulls, denoised = torch.cat(found, 1).chunk(2)  # std² ∇ log p and D, each [sources, P, 2]
    side = round(len(places) ** 0.5)
    squares = ((values[-1] - values[0] if len(values) > 1 else values[0]) for values in (pulls, denoised))
    score, clean = (square.reshape(side, side, 2).numpy() for square in squares)
    return score * (s / level.std**2), clean
