"""The U-Net of captions: words are attended to at 8 × 8 and below, and their summary modulates every block."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.captions import TOKENS
from engine.models.unet import Attention, ResidualBlock, UNet, noise_embedding


class TextEncoder(nn.Module):
    """Words [B, TOKENS, W] and their summary [B, E] from tokens [B, TOKENS], of which 0 is none.

    One transformer layer, so that a word knows its neighbours: “light skin tone, dark hair” is not the other way round.
    A summary stands before the words; without a word it is all there is, and says so: the null caption.
    """

    def __init__(self, words: int, width: int, embedding: int, head: int = 32) -> None:
        super().__init__()
        self.word = nn.Embedding(words + 1, width)
        self.place = nn.Parameter(0.02 * torch.randn(TOKENS + 1, width))
        self.layer = nn.TransformerEncoderLayer(
            width, width // head, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.norm = nn.LayerNorm(width)
        self.summary = nn.Linear(width, embedding)
        nn.init.normal_(self.word.weight, std=0.5)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The summary, the words, and where there is something to attend to: True in [B, 1 + TOKENS]."""
        there = functional.pad(tokens > 0, (1, 0), value=True)
        h = functional.pad(self.word(tokens), (0, 0, 1, 0)) + self.place  # [B, 1 + TOKENS, W]
        h = self.norm(self.layer(h, src_key_padding_mask=~there))
        return self.summary(h[:, 0]), h, there


class TextAttention(Attention):
    """Attention of the H·W places to each other and to the words, in one (as in GLIDE, Nichol et al. 2022)."""

    def __init__(self, channels: int, width: int, head: int = 32) -> None:
        super().__init__(channels, head)
        self.words = nn.Linear(width, 2 * channels)

    def forward(self, x: Tensor, words: Tensor, there: Tensor) -> Tensor:  # type: ignore[override]
        b, c, height, width = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)  # [B, H·W, C]
        q, k, v = self._heads(self.qkv(tokens), 3)  # each [B, heads, H·W, head]
        k_words, v_words = self._heads(self.words(words), 2)
        nothing = functional.pad(~there, (height * width, 0))[:, None, None]  # [B, 1, 1, H·W + 1 + TOKENS]
        # written out: on a CPU the backward pass of PyTorch's own costs three to seven times as much
        scores = (q * q.shape[-1] ** -0.5) @ torch.cat([k, k_words], dim=2).mT  # [B, heads, H·W, H·W + 1 + TOKENS]
        mixed = scores.masked_fill(nothing, float("-inf")).softmax(-1) @ torch.cat([v, v_words], dim=2)
        h: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return x + h.transpose(1, 2).reshape(b, c, height, width)

    def _heads(self, rows: Tensor, parts: int) -> tuple[Tensor, ...]:
        """[B, N, parts · C] as parts of [B, heads, N, head]."""
        b, count, _ = rows.shape
        return torch.unbind(rows.reshape(b, count, parts, self.heads, -1).permute(2, 0, 3, 1, 4))


class TextBlock(nn.Module):
    """A residual block, then attention."""

    def __init__(self, inputs: int, outputs: int, embedding: int, width: int) -> None:
        super().__init__()
        self.residual = ResidualBlock(inputs, outputs, embedding)
        self.attention = TextAttention(outputs, width)

    def forward(self, x: Tensor, embedding: Tensor, words: Tensor, there: Tensor) -> Tensor:
        out: Tensor = self.attention(self.residual(x, embedding), words, there)
        return out


class TextUNet(UNet):
    """F(x, noise, tokens): [B, C, H, W], [B], [B, TOKENS] → [B, C, H, W]; tokens are numbers of words, 0 for none."""

    def __init__(
        self,
        words: int,
        channels: int = 3,
        fold: int = 2,
        widths: Sequence[int] = (64, 128, 192),
        blocks: int = 1,
        embedding: int = 256,
        word_width: int = 192,
    ) -> None:
        self.word_width = word_width
        super().__init__(channels, 0, fold, widths, blocks, embedding)
        self.attention = TextAttention(widths[-1], word_width)
        self.label = TextEncoder(words, word_width, embedding)

    def block(self, inputs: int, outputs: int, embedding: int, level: int) -> nn.Module:
        if level:
            return TextBlock(inputs, outputs, embedding, self.word_width)
        return ResidualBlock(inputs, outputs, embedding)

    def forward(self, x: Tensor, noise: Tensor, tokens: Tensor) -> Tensor:
        summary, words, there = self.label(tokens)
        embedding = functional.silu(self.noise(noise_embedding(noise, self.embedding)) + summary)  # [B, E]

        def pass_on(layer: nn.Module, h: Tensor) -> Tensor:
            match layer:
                case TextBlock():
                    return torch.as_tensor(layer(h, embedding, words, there))
                case TextAttention():
                    return torch.as_tensor(layer(h, words, there))
                case ResidualBlock():
                    return torch.as_tensor(layer(h, embedding))
                case _:
                    return torch.as_tensor(layer(h))

        return self.through(x, pass_on)
