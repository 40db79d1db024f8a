"""Guidance: from a denoiser and a condition to the denoiser that a sampler walks with."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.denoiser import Condition, Denoiser
from engine.samplers import Denoise
from engine.schedules import Level


def classifier_free(
    denoiser: Denoiser, condition: Condition, count: int, weight: float, interval: tuple[float, float] | None = None
) -> Denoise:
    """D = D∅ + w (D_c − D∅) (Ho & Salimans 2022, with w = 1 + their w), inside `interval` of σ only where one is given.

    One network call a step: a batch of 2 · count where both terms are needed, a plain one where w is 0 or 1 or σ is
    outside the interval (Kynkäänniemi et al. 2024). Without a condition there is nothing to guide.
    """
    null = denoiser.encode(None, count)
    if condition is None:
        return lambda x, level: denoiser(x, level, null)
    wanted = denoiser.encode(condition, count)
    both = torch.cat([wanted, null])
    low, high = interval or (0.0, float("inf"))

    def denoise(x: Tensor, level: Level) -> Tensor:
        w = weight if low <= level.sigma <= high else 1.0
        if w == 1.0:
            return denoiser(x, level, wanted)
        if w == 0.0:
            return denoiser(x, level, null)
        conditional, unconditional = denoiser(torch.cat([x, x]), level, both).chunk(2)
        return torch.lerp(unconditional, conditional, w)

    return denoise
