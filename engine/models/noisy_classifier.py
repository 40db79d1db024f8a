"""Classifiers of noisy images, log p(y | x_t): what turns an unconditional denoiser into a conditional one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.denoiser import TrainedNetwork
from engine.models.unet import ResidualBlock, noise_embedding
from engine.schedules import Level


@runtime_checkable
class NoisyClassifier(Protocol):
    """What guidance knows of a classifier. It is differentiable in x."""

    shape: tuple[int, ...]  # of one sample
    classes: int

    def log_probabilities(self, x: Tensor, level: Level) -> Tensor:
        """log p(y | x_t) of every class y, [B, classes], for x [B, *shape] at `level`."""
        ...


def evidence(sigma: float) -> float:
    """The scale of what an image can say of its class: log p(x_t | y) differs by O(1) without noise, by O(1/σ) in much.

    With it the network's output is of one size at every level, σ² ∇ log p(y | x_t) stays finite as σ grows, and the
    classifier of pure noise is the prior, exactly and without having been trained there.
    """
    return 1.0 / math.hypot(1.0, sigma)


class NoisyClassifierNetwork(nn.Module):
    """Logits [B, classes] of noisy images: the logits of the prior, and `scale` times what is seen in the image.

    x [B, C, size, size] and the noise label [B] are what EDM's preconditioning gives a denoiser. The head is linear in
    all 7 × 7 places: in much noise a class is a direction in the space of images.
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 10,
        size: int = 28,
        fold: int = 2,
        widths: Sequence[int] = (32, 64),
        embedding: int = 128,
    ) -> None:
        super().__init__()
        self.fold = fold
        self.embedding = embedding // 4
        self.noise = nn.Sequential(nn.Linear(embedding // 4, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.stem = nn.Conv2d(channels * fold * fold, widths[0], 3, padding=1)
        self.body = nn.ModuleList()
        width = widths[0]
        for level, outputs in enumerate(widths):
            if level:
                self.body.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
            self.body.append(ResidualBlock(width, outputs, embedding))
            self.body.append(ResidualBlock(outputs, outputs, embedding))
            width = outputs
        places = (size // fold // 2 ** (len(widths) - 1)) ** 2
        last = nn.Linear(width * places, classes)
        self.head = nn.Sequential(nn.GroupNorm(width // 16, width), nn.SiLU(), nn.Flatten(), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.prior = nn.Parameter(torch.zeros(classes))

    def forward(self, x: Tensor, noise: Tensor, scale: Tensor | float) -> Tensor:
        embedding = functional.silu(self.noise(noise_embedding(noise, self.embedding)))  # [B, E]
        h = self.stem(functional.pixel_unshuffle(x, self.fold))
        for layer in self.body:
            h = layer(h, embedding) if isinstance(layer, ResidualBlock) else layer(h)
        seen: Tensor = self.head(h)
        return self.prior + scale * seen.float()


class NetworkClassifier(TrainedNetwork):
    """A trained network as a classifier of noisy images, on any schedule: σ is matched as `NetworkDenoiser` does.

    In float32 on every device: what guidance makes of the gradient is multiplied by σ².
    """

    def log_probabilities(self, x: Tensor, level: Level) -> Tensor:
        """log p(y | x_t) of every class, [B, classes]. Below or above the σ of the training: as at its end."""
        schedule = self.schedule
        own = schedule.level_at_sigma(min(max(level.sigma, schedule.sigma_min), schedule.sigma_max))
        scale = own.alpha / level.alpha if level.sigma < own.sigma else own.std / level.std
        coefficients = self.parameterization.coefficients(own)
        labels = torch.full((len(x),), coefficients.label, device=self.device)
        logits = self.network(x * (scale * coefficients.into), labels, evidence(level.sigma))
        return functional.log_softmax(logits, dim=1)
