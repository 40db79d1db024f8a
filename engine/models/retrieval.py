"""Which caption belongs to which picture: the judge of a model of captions, as CLIP is for larger ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.classifier import convolution


class Retrieval(nn.Module):
    """Pictures [B, 3, H, W] in [−1, 1] and tokens [B, TOKENS] as unit vectors [B, features]; a pair has a large cosine.

    A caption is the sum of its words: their order is not judged.
    """

    def __init__(self, words: int, channels: int = 3, width: int = 32, features: int = 128) -> None:
        super().__init__()
        self.picture = nn.Sequential(
            *convolution(channels, width, pool=2),  # 16 × 16
            *convolution(width, 2 * width, pool=2),  # 8 × 8
            *convolution(2 * width, 4 * width),
            *convolution(4 * width, 4 * width, pool=2),  # 4 × 4
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(16 * 4 * width, features),
        )
        self.word = nn.EmbeddingBag(words + 1, features, mode="sum", padding_idx=0)
        self.caption = nn.Sequential(nn.LayerNorm(features), nn.Linear(features, 2 * features), nn.SiLU())
        self.last = nn.Linear(2 * features, features)
        self.sharpness = nn.Parameter(torch.tensor(2.5))  # log of the inverse temperature

    def pictures(self, images: Tensor) -> Tensor:
        return functional.normalize(self.picture(images), dim=1)

    def captions(self, tokens: Tensor) -> Tensor:
        return functional.normalize(self.last(self.caption(self.word(tokens))), dim=1)

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        """Logits [B, B'] of every caption for every picture."""
        pictures, captions = self.pictures(images), self.captions(tokens)
        with torch.autocast(images.device.type, enabled=False):  # bfloat16 would round a logit of 100 to halves
            return pictures.float() @ captions.float().mT * self.sharpness.clamp(max=4.6).exp()
