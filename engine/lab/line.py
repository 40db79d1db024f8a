"""The first coordinate alone: p(x, t) as an image, and paths across it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine import runs
from engine.answers.pieces import Piece, Pieces
from engine.density import density
from engine.fields import RequestError
from engine.lab import paths, subject
from engine.lab.queries import Density1D
from engine.lab.subject import Exact
from engine.models.dataset import Dataset
from engine.models.mixture import Mixture
from engine.noise import KeyedNoise

MAX_CELLS = 2**22  # of the image


def density1d(asked: Density1D) -> Pieces:
    """Arrays: p̄(x̄) [N + 1, bins] at every level, and x̄ of paths [n, N + 1] of the ODE, and of the SDE.

    Of the marginal of the first coordinate. Bins are equal cells of [−half, half]; the SDE has the request's λ, or 1
    where that is 0, and both begin with the same noise. Values: levels [[t, α, std], …].
    """
    request = asked.checked()
    if request.guide is not None:
        raise RequestError("guide", f"guide must be none on a line, not {request.guide}, which is of the plane.")
    if request.particles is not None:
        said = f"particles must be none on a line, not {request.particles:,}: paths says how many there are."
        raise RequestError("particles", said)
    model = marginal(subject.exact(request.model))
    denoise, levels = runs.guided_by(request, model), runs.levels(request, model)
    if len(levels) * asked.bins > MAX_CELLS:
        raise RequestError("bins", f"bins must be at most {MAX_CELLS // len(levels)} at {len(levels):,} levels.")
    image = np.empty((len(levels), asked.bins), np.float32)
    axis, width = subject.centres(asked.bins, asked.half), 2.0 * asked.half / asked.bins
    for row, level in zip(image, levels, strict=True):
        s = subject.scale(level)
        seen = subject.noisy(level)
        if isinstance(model, Dataset):
            seen = replace(seen, std=max(seen.std, 0.5 * width * s))  # no point falls between two bins
        row[:] = density(model, seen, [s * axis], request.condition) * s
        yield None
    noise = KeyedNoise(request.seed, 1, (asked.paths, 1))
    x = levels[0].std * noise.initial()
    ode = yield from paths.down(denoise, x, levels, noise, 0.0)
    sde = yield from paths.down(denoise, x, levels, noise, request.lam or 1.0)
    yield Piece({"levels": subject.triples(levels)}, [image, ode[..., 0], sde[..., 0]])


def marginal(exact: Exact) -> Exact:
    """The distribution of the first coordinate, of shape (1,)."""
    names = exact.names or exact.classes
    labels = exact.labels if exact.classes else None
    if isinstance(exact, Dataset):
        return Dataset(exact.points[:, :1], labels, names)
    return Mixture(exact.means[:, :1], exact.covariances[:, :1, :1], exact.weights[-1], labels, names)
