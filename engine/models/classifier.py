"""A small convolutional classifier of digits: the judge of generated samples, and the space of the Fréchet distance."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def convolution(inputs: int, outputs: int, pool: int = 1) -> list[nn.Module]:
    """A layer of 3 × 3, whose sides are then a `pool`-th as long."""
    pooling: list[nn.Module] = [nn.MaxPool2d(pool)] if pool > 1 else []
    convolved = nn.Conv2d(inputs, outputs, 3, padding=1)
    return [convolved, *pooling, nn.GroupNorm(outputs // 8, outputs), nn.SiLU()]


class Classifier(nn.Module):
    """Logits [B, classes] of images [B, C, 28, 28] in [−1, 1]; `features` gives the layer before, [B, features]."""

    def __init__(self, channels: int = 1, classes: int = 10, width: int = 32, features: int = 128) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *convolution(channels, width, pool=2),  # 14 × 14: norms at 28 × 28 would cost half of the training time
            *convolution(width, 2 * width),
            *convolution(2 * width, 2 * width, pool=2),  # 7 × 7
            *convolution(2 * width, 4 * width),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(9 * 4 * width, features),
            nn.SiLU(),
        )
        self.head = nn.Linear(features, classes)

    def features(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.body(x))

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.head(self.features(x)))
