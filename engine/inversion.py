"""Encoding: from an image to the noise that the probability-flow ODE makes of it, and paths between two noises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from engine.samplers import Denoise, Step, bridge_sampler
from engine.schedules import Level


def encode(denoise: Denoise, clean: Tensor, levels: Sequence[Level], order: int = 2) -> Iterator[Step]:
    """DDIM inversion: the bridge at λ = 0 on the reversed levels of a run (Song et al. 2021a, section 4.3).

    `clean` is x_0 [B, ...], `levels` are those of the run, from the noisiest to the clean one. The last step's `x_next`
    is the noise at levels[0]: decoding it with a sampler at λ = 0 gives the image back, the better the more levels.
    The lowest noisy level is reached as it is, x = α x_0: what is finer than its σ is lost, which is little on grids
    that end near the clean level (karras, uniform_logsnr) and much on a few equal steps of t.
    """
    rising = list(reversed(levels[:-1]))
    return bridge_sampler(denoise, rising[0].alpha * clean, rising, _no_noise, lam=0.0, order=order)


def _no_noise(step: int, stage: int = 0) -> Tensor:
    raise AssertionError("the ODE draws nothing")


def slerp(first: Tensor, second: Tensor, fractions: Sequence[float]) -> Tensor:
    """Points on the great circle from `first` to `second` [1, ...], one row for each fraction from 0 to 1.

    sin((1 − f) θ)/sin θ · first + sin(f θ)/sin θ · second (Shoemake 1985): of two Gaussian noises it is one again.
    """
    share = torch.tensor(fractions, dtype=first.dtype, device=first.device).reshape(-1, *[1] * (first.ndim - 1))
    cosine = torch.cosine_similarity(first.flatten(), second.flatten(), dim=0).clamp(-1.0, 1.0)
    angle = torch.acos(cosine).clamp(1e-4, torch.pi - 1e-4)  # the same or opposite noises have no great circle
    return (((1.0 - share) * angle).sin() * first + (share * angle).sin() * second) / angle.sin()
