"""A small U-Net, class-conditional: the network F that `parameterization` turns into a denoiser.

The first layer folds 2 × 2 pixels into channels (pixel-unshuffle), so that a 28 × 28 digit is worked on at 14 × 14 and
7 × 7: the whole network costs a few milliseconds on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def noise_embedding(noise: Tensor, width: int) -> Tensor:
    """Fourier features of the noise label (log σ / 4 in EDM), [B] → [B, width]: from 1/8 to 8 periods a unit."""
    octaves = torch.linspace(-3.0, 3.0, width // 2, device=noise.device)
    angle = 2 * math.pi * noise[:, None] * torch.exp2(octaves)
    return torch.cat([angle.cos(), angle.sin()], dim=1)


def _zero(layer: nn.Module) -> None:
    """Start a layer at zero, so that its block starts as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class ResidualBlock(nn.Module):
    """GroupNorm, SiLU, convolution, twice; the embedding scales and shifts the second norm (Dhariwal & Nichol 2021)."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(inputs // 16, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.norm2 = nn.GroupNorm(outputs // 16, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        _zero(self.conv2)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x)))
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)  # each [B, C, 1, 1]
        h = torch.addcmul(shift, self.norm2(h), 1 + scale)
        out: Tensor = self.skip(x) + self.conv2(functional.silu(h))
        return out


class Attention(nn.Module):
    """Self-attention over the H·W places, with a residual."""

    def __init__(self, channels: int, head: int = 32) -> None:
        super().__init__()
        self.heads = channels // head
        self.norm = nn.GroupNorm(channels // 16, channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        _zero(self.out)

    def forward(self, x: Tensor) -> Tensor:
        b, c, height, width = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)  # [B, H·W, C]
        qkv = self.qkv(tokens).reshape(b, height * width, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*qkv.unbind(0))  # [B, heads, H·W, head]
        h: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return x + h.transpose(1, 2).reshape(b, c, height, width)


class UNet(nn.Module):
    """F(x, noise, label): [B, C, H, W], [B], [B] → [B, C, H, W].

    H and W are multiples of `fold` · 2^(levels − 1). Labels run from 0 to `classes`; `classes` itself is the null class
    (no condition), which classifier-free guidance needs.
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 10,
        fold: int = 2,
        widths: Sequence[int] = (64, 128),
        blocks: int = 1,
        embedding: int = 256,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.fold = fold
        self.embedding = embedding // 4
        self.label: nn.Module = nn.Embedding(classes + 1, embedding)
        self.noise = nn.Sequential(nn.Linear(embedding // 4, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.stem = nn.Conv2d(channels * fold * fold, widths[0], 3, padding=1)

        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, width = [widths[0]], widths[0]
        for level, outputs in enumerate(widths):
            if level:
                self.down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
            for _ in range(blocks):
                self.down.append(self.block(width, outputs, embedding, level))
                width = outputs
                skips.append(width)
        self.middle = nn.ModuleList([ResidualBlock(width, width, embedding), ResidualBlock(width, width, embedding)])
        self.attention: nn.Module = Attention(width)
        for level, outputs in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                self.up.append(self.block(width + skips.pop(), outputs, embedding, level))
                width = outputs
            if level:
                self.up.append(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1)))
        last = nn.Conv2d(width, channels * fold * fold, 3, padding=1)
        self.head = nn.Sequential(nn.GroupNorm(width // 16, width), nn.SiLU(), last)
        _zero(last)

    def block(self, inputs: int, outputs: int, embedding: int, level: int) -> nn.Module:
        """A block on the way down or up; level 0 is the finest."""
        return ResidualBlock(inputs, outputs, embedding)

    def forward(self, x: Tensor, noise: Tensor, label: Tensor) -> Tensor:
        embedding = self.noise(noise_embedding(noise, self.embedding)) + self.label(label)
        embedding = functional.silu(embedding)  # [B, E]
        return self.through(x, lambda layer, h: layer(h, embedding) if isinstance(layer, ResidualBlock) else layer(h))

    def through(self, x: Tensor, pass_on: Callable[[nn.Module, Tensor], Tensor]) -> Tensor:
        """Down, through the middle and up again; `pass_on` gives a layer what else it needs."""
        h = self.stem(functional.pixel_unshuffle(x, self.fold))
        skips = [h]
        for layer in self.down:
            h = pass_on(layer, h)
            skips.append(h)
        before, after = self.middle
        h = pass_on(after, pass_on(self.attention, pass_on(before, h)))
        for layer in self.up:
            enlarges = isinstance(layer, nn.Sequential)
            h = pass_on(layer, h if enlarges else torch.cat([h, skips.pop()], dim=1))
        return functional.pixel_shuffle(self.head(h), self.fold)
