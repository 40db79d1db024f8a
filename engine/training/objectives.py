"""Objectives: what is learned, as the loss of one keyed batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.models.noisy_classifier import evidence
from engine.models.parameterization import Parameterization
from engine.noise import generator
from engine.schedules import Level

Array = NDArray[np.float64]

BATCH = 128
BATCHES, DRAWS = 0, 1  # stages of the keyed generators


class Objective(Protocol):
    """What is learned: a network, and the loss of one keyed batch."""

    network: nn.Module  # which the loss asks: it may stand for the one that is trained
    data: Data

    def loss(self, seed: int, step: int) -> Tensor:
        """Mean loss of the batch of this step."""
        ...


class Data(Protocol):
    """What is learned from: images, and what each shows."""

    size: int  # of a batch

    def batch(self, seed: int, step: int) -> tuple[Tensor, Tensor]:
        """Images [B, C, H, W] in [−1, 1], and labels [B] or tokens [B, TOKENS]: those of this step, by the seed."""
        ...


@dataclass
class Images:
    """A labelled data set of images as bytes; gives the keyed batch of every step."""

    images: NDArray[np.uint8]  # [N, H, W] or [N, C, H, W]
    labels: NDArray[Any]  # [N]
    size: int = BATCH

    def batch(self, seed: int, step: int) -> tuple[Tensor, Tensor]:
        """Images [B, C, H, W] in [−1, 1] and labels [B]: no image twice in an epoch, in a new order each time.

        Fewer images than a batch are repeated in it, each as often as another or once more.
        """
        count = max(len(self.images), self.size)
        epoch, place = divmod(step, count // self.size)
        draw = generator(seed, epoch, BATCHES)
        order = draw.permutation(count)
        if count > len(self.images):
            order = draw.permutation(len(self.images))[order % len(self.images)]
        chosen = order[place * self.size : (place + 1) * self.size]
        images = torch.from_numpy(self.images[chosen]).float() / 127.5 - 1.0
        if images.ndim == 3:
            images = images[:, None]
        return images, torch.from_numpy(self.labels[chosen]).long()


def _noisy(clean: Tensor, mean: float, spread: float, draw: np.random.Generator) -> tuple[Tensor, list[Level]]:
    """Clean images with noise of log σ ~ N(mean, spread²), and the level of each."""
    sigmas = np.exp(mean + spread * draw.standard_normal(len(clean)))
    noise = torch.from_numpy(draw.standard_normal(clean.shape, dtype=np.float32))
    x = clean + torch.from_numpy(sigmas).float()[:, None, None, None] * noise
    return x, [Level(0.0, 1.0, float(sigma)) for sigma in sigmas]


def _coefficients(parameterization: Parameterization, levels: list[Level]) -> tuple[Tensor, ...]:
    """skip, out, into and the label of every level, each [B, 1, 1, 1]."""
    rows = torch.tensor([parameterization.coefficients(level) for level in levels])
    return rows[:, :, None, None, None].unbind(1)


@dataclass
class Denoising:
    """Denoising score matching (Vincent 2011) as ‖F − (x_0 − skip · x)/out‖² (Karras et al. 2022, eq. 8).

    log σ ~ N(mean, spread²), its mean another from a later step on, if one is given; for guidance the label is replaced
    by the null class with probability `drop`, and all tokens of a caption by 0.
    """

    network: nn.Module
    parameterization: Parameterization
    data: Data
    classes: int  # 0 of captions
    mean: float = -0.8
    spread: float = 1.2
    later: tuple[int, float] | None = None  # a step, and the mean from it on
    drop: float = 0.1
    part: slice = field(default_factory=lambda: slice(None))  # of a batch: this process's, where several share it

    def loss(self, seed: int, step: int) -> Tensor:
        clean, labels = self.data.batch(seed, step)
        draw = generator(seed, step, DRAWS)
        mean = self.later[1] if self.later and step >= self.later[0] else self.mean
        x, levels = _noisy(clean, mean, self.spread, draw)
        labels[torch.from_numpy(draw.random(len(labels)) < self.drop)] = self.classes
        device = next(self.network.parameters(), clean).device
        clean, x, labels = (rows[self.part].to(device) for rows in (clean, x, labels))
        skip, out, into, label = (row.to(device) for row in _coefficients(self.parameterization, levels[self.part]))
        with torch.autocast(device.type, torch.bfloat16):
            f = self.network(into * x, label.flatten(), labels)
        return functional.mse_loss(f.float(), (clean - skip * x) / out)


def moved(images: Tensor, angle: Array, log_scale: Array, shift: Array) -> Tensor:
    """Images [B, C, H, W], each turned and scaled by its own [B], and shifted [2, B] half sides; what comes in is 0."""
    cos, sin = np.cos(angle) * np.exp(log_scale), np.sin(angle) * np.exp(log_scale)
    affine = np.stack([np.stack([cos, -sin, shift[0]], 1), np.stack([sin, cos, shift[1]], 1)], 1)  # [B, 2, 3]
    places = functional.affine_grid(torch.from_numpy(affine).float(), list(images.shape), align_corners=False)
    return functional.grid_sample(images, places, align_corners=False)


@dataclass
class Classification:
    """Cross-entropy on images that are shifted, turned and scaled a little."""

    network: nn.Module
    data: Data

    def loss(self, seed: int, step: int) -> Tensor:
        images, labels = self.data.batch(seed, step)
        draw = generator(seed, step, DRAWS)
        angle, log_scale = 0.2 * draw.standard_normal((2, len(images))) * [[1.0], [0.5]]
        shift = draw.uniform(-0.15, 0.15, (2, len(images)))
        images = moved(images + 1.0, angle, log_scale, shift) - 1.0
        torch.manual_seed(seed + step)  # dropout
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(images)
        return functional.cross_entropy(logits.float(), labels, label_smoothing=0.05)


@dataclass
class NoisyClassification:
    """Cross-entropy on noisy images, log σ ~ N(mean, spread²), at all noise levels alike (Dhariwal & Nichol 2021).

    Neither smoothed labels nor changed images: guidance needs the probabilities of the data themselves.
    """

    network: nn.Module
    parameterization: Parameterization
    data: Data
    mean: float = 0.0
    spread: float = 1.6

    def loss(self, seed: int, step: int) -> Tensor:
        clean, labels = self.data.batch(seed, step)
        x, levels = _noisy(clean, self.mean, self.spread, generator(seed, step, DRAWS))
        _, _, into, label = _coefficients(self.parameterization, levels)
        scale = torch.tensor([[evidence(level.sigma)] for level in levels])  # [B, 1]
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(into * x, label.flatten(), scale)
        return functional.cross_entropy(logits, labels)
