"""The objective of the judge of captions, and how pictures are changed so that it sees what they show, not how."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.noise import generator
from engine.training.objectives import DRAWS, Data, moved


@dataclass
class Contrastive:
    """Each picture of a batch finds its caption, and each caption its picture (Radford et al. 2021, figure 3)."""

    network: nn.Module
    data: Data

    def loss(self, seed: int, step: int) -> Tensor:
        images, tokens = self.data.batch(seed, step)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(changed(images, generator(seed, step, DRAWS)), tokens)
        pairs = torch.arange(len(images))
        return 0.5 * (functional.cross_entropy(logits, pairs) + functional.cross_entropy(logits.mT, pairs))


def changed(images: Tensor, draw: np.random.Generator) -> Tensor:
    """Images [B, C, H, W] in [−1, 1] on white: turned, scaled, moved, dimmed, blurred and with noise, each a little."""
    count = len(images)
    angle, log_scale = 0.12 * draw.standard_normal((2, count))
    shift = draw.uniform(-0.12, 0.12, (2, count))
    sharp = moved(images - 1.0, angle, log_scale, shift)  # white is 0 here, as outside
    blurred = functional.avg_pool2d(sharp, 3, stride=1, padding=1)
    each = torch.from_numpy(draw.random((4, count, 1, 1, 1), dtype=np.float32))
    hue = torch.from_numpy(draw.normal(1.0, 0.06, (count, images.shape[1], 1, 1)).astype(np.float32))
    soft = torch.lerp(sharp, blurred, 0.8 * each[0]) * (0.85 + 0.3 * each[1]) * hue
    noise = torch.from_numpy(draw.standard_normal(images.shape, dtype=np.float32))
    return (soft + 1.0 + 0.25 * each[2] * each[3] * noise).clamp(-1.0, 1.0)
