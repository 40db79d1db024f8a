"""Noise, keyed: every draw depends on (seed, step, stage) and on nothing else.

Sample b of a run uses the seed `seed + b`, so it is the same alone and in any batch, in any order, on any device: draws
are made on the CPU by a counter-based generator (Philox; Salmon et al. 2011), in float32, and then moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

INITIAL = 2**32  # the step under which the starting noise is drawn: no sampler reaches it


class Noise(Protocol):
    """Standard normal noise for one (step, stage) of a run: a tensor of the run's shape [B, ...]."""

    def __call__(self, step: int, stage: int = 0) -> Tensor: ...


def generator(seed: int, step: int = 0, stage: int = 0) -> np.random.Generator:
    """A generator whose stream is fixed by the three whole numbers; steps and stages lie 2^64 draws apart."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, stage, step, 0]))


class KeyedNoise:
    """N(0, I) of shape [count, *shape]; row b is drawn with the seed `seed + b`."""

    def __init__(
        self,
        seed: int,
        count: int,
        shape: Sequence[int],
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.seeds = [seed + b for b in range(count)]
        self.shape = tuple(shape)
        self.device, self.dtype = torch.device(device), dtype

    def __call__(self, step: int, stage: int = 0) -> Tensor:
        draws = np.empty((len(self.seeds), *self.shape), np.float32)
        for row, seed in zip(draws, self.seeds, strict=True):
            generator(seed, step, stage).standard_normal(dtype=np.float32, out=row)
        return torch.from_numpy(draws).to(self.device, self.dtype, non_blocking=True)

    def initial(self) -> Tensor:
        """The noise a run starts from."""
        return self(INITIAL)
