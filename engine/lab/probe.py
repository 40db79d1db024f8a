"""A point of the plane at one level: what pulls at it, its one ODE path, and a fan of SDE paths."""

from __future__ import annotations

from math import log

import torch

from engine import runs
from engine.answers.pieces import Piece, Pieces
from engine.fields import RequestError
from engine.lab import paths, subject
from engine.lab.queries import Probe
from engine.lab.subject import Exact
from engine.noise import KeyedNoise

PULLS = 1_000  # of a Dataset, those that pull most


def probe(asked: Probe) -> Pieces:
    """At x̄ = point: arrays weights [K], targets [K, 2], path x̄ [N + 1, 2], fan x̄ [n, N + 1 − index, 2].

    D is Σ weight · target without guidance: the targets are the points of a Dataset (the thousand that weigh most), and
    of a Mixture what each of its components alone takes x_0 to be. Values: score (of x̄), denoised, logp (of x̄), and
    weights_sum, of all weights, which is 1. The fan has the request's λ, or 1 where that is 0.
    """
    request = asked.checked()
    model, exact = subject.walked(request.model, asked.coarse), subject.exact(request.model, asked.coarse)
    denoise = runs.guided_by(request, model)
    levels = runs.levels(request, model)
    if asked.index >= len(levels):
        raise RequestError("index", f"index must be a level from 0 to {len(levels) - 1}, not {asked.index}.")
    here = levels[asked.index]
    noisy = subject.noisy(here)
    s = subject.scale(here)
    x = s * torch.tensor(asked.point, dtype=torch.float64).reshape(1, 1, 2)
    accurate = denoise if isinstance(model, Exact) else lambda x, level: denoise(x.float(), level).double()
    denoised = accurate(x, noisy)
    score = (here.alpha * denoised - x) * (s / noisy.std**2)
    weights, targets = exact.pulls(x, noisy, exact.encode(request.condition, 1))
    logp = exact.log_density(x, noisy, exact.encode(request.condition, 1)) + 2.0 * log(s)
    yield None
    path = yield from paths.through(accurate, x, levels, asked.index)
    noise = KeyedNoise(request.seed, 1, (asked.fan, 2))  # the same for every point, so that a fan that is dragged bends
    fan = yield from paths.down(
        denoise, x.float().expand(1, asked.fan, 2), levels[asked.index :], noise, request.lam or 1.0
    )
    values = {
        "score": score.flatten().tolist(),
        "denoised": denoised.flatten().tolist(),
        "logp": float(logp),
        "weights_sum": float(weights.sum()),
    }
    most = torch.sort(weights, descending=True, stable=True).indices[:PULLS]
    yield Piece(values, [*map(subject.numbers, (weights[most], targets[most])), path, fan])
