"""Noise, keyed: every draw depends on (seed, step, stage) and on nothing else.

Sample b of a run uses the seed `seed + b`, so it is the same alone and in any batch, in any order, on any device: draws
are made on the CPU by a counter-based generator (Philox; Salmon et al. 2011), in float32, and then moved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from engine.schedules import Level

INITIAL = 2**32  # the step under which the starting noise is drawn: no sampler reaches it
PATH = 2**33  # the steps from here on are the nodes of the Brownian path


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
        self._philox = np.random.Philox(0)
        self._fresh = self._philox.state  # nothing drawn yet: to set it is ten times faster than a new generator
        self._generator = np.random.Generator(self._philox)

    def __call__(self, step: int, stage: int = 0) -> Tensor:
        return self._moved(self._draw(step, stage))

    def initial(self) -> Tensor:
        """The noise a run starts from."""
        return self(INITIAL)

    def _draw(self, step: int, stage: int = 0) -> Tensor:
        """The numbers of `generator(seed, step, stage)` for every row."""
        draws = np.empty((len(self.seeds), *self.shape), np.float32)
        state: dict[str, Any] = self._fresh["state"]  # type: ignore[assignment]
        state["counter"][:] = 0, stage, step, 0
        for row, seed in zip(draws, self.seeds, strict=True):
            state["key"][:] = seed, 0
            self._philox.state = self._fresh
            self._generator.standard_normal(dtype=np.float32, out=row)
        return torch.from_numpy(draws)

    def _moved(self, draws: Tensor) -> Tensor:
        # CUDA has read pageable memory when this returns; MPS may read it later, when it is another draw's
        return draws.to(self.device, self.dtype, non_blocking=self.device.type == "cuda")


def later(noise: Noise, first: int) -> Noise:
    """The noise of a run that begins at step `first` of another: its step 0 has that step's draws."""
    return (lambda step, stage=0: noise(first + step, stage)) if first else noise


class PathNoise:
    """Increments of one Brownian path per sample, so that runs with other steps, λ or samplers follow the same noise.

    The path W lives on u = log σ. Step k has (W(u_k) − W(u_{k+1})) / sqrt(u_k − u_{k+1}), which is N(0, I) and
    independent of the other steps' (of levels a cell or more apart): W is Lévy's construction by midpoints on 2^16
    cells of [−16, 16], and inside a cell the bridge between its ends, each drawn by its own key (as in the virtual
    Brownian tree of Li et al. 2020). Stages after the first, and steps within one cell, have the draws of `keyed`, from
    step `first` of the whole run on.
    """

    CELLS = 2**16
    REACH = 16.0  # of |log σ|

    def __init__(self, keyed: KeyedNoise, levels: Sequence[Level], first: int = 0) -> None:
        self.keyed, self.first = keyed, first
        self.places = [self._place(level.sigma) for level in levels]
        top = math.sqrt(self.CELLS) * keyed._draw(PATH)
        self._known = {0: torch.zeros_like(top), self.CELLS: top}

    def __call__(self, step: int, stage: int = 0) -> Tensor:
        high, low = self.places[step], self.places[step + 1]
        if stage or int(high) == int(low):
            return self.keyed(self.first + step, stage)
        return self.keyed._moved((self._path(high) - self._path(low)).div_(math.sqrt(abs(high - low))))

    def _place(self, sigma: float) -> float:
        """u in cells, from 0 to CELLS."""
        u = math.log(sigma) if sigma else -math.inf
        return (min(max(u / self.REACH, -1.0), 1.0) + 1.0) * (self.CELLS / 2)

    def _path(self, place: float) -> Tensor:
        """W there, from midpoint to midpoint; those on the way are kept for the next step, which is near."""
        low, high = 0, self.CELLS
        way = {low: self._known[low], high: self._known[high]}
        while high - low > 1 and place not in way:
            middle = (low + high) // 2
            if middle in self._known:
                way[middle] = self._known[middle]
            else:
                spread = 0.5 * math.sqrt(high - low)
                way[middle] = torch.lerp(way[low], way[high], 0.5).add_(self.keyed._draw(PATH + middle), alpha=spread)
            low, high = (low, middle) if place < middle else (middle, high)
        self._known = way
        if place in way:
            return way[int(place)]
        inside = place - low
        drawn = self.keyed._draw(PATH + low, stage=1)
        return torch.lerp(way[low], way[high], inside).add_(drawn, alpha=math.sqrt(inside * (1.0 - inside)))
