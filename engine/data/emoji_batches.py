"""The batches that a model of emoji learns from: keyed by (seed, step), changed a little, with captions that vary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from engine.data import emoji
from engine.data.emoji import Emoji
from engine.noise import generator

ORDER, CHANGES = 0, 2  # stages of the keyed generators
NAMED, DESCRIBED = 0.45, 0.85  # of captions: the share of names, and of names with keywords; the rest is keywords


@dataclass
class EmojiBatches:
    """Every emoji once an epoch, one in two of those with skin tones in a tone: of 3,786 pictures 1,875 are tones.

    Pictures are moved by a pixel at most, and mirrored where that changes nothing. Neither turned nor scaled: at
    32 × 32 that would blur them.
    """

    size: int  # of a batch

    def batch(self, seed: int, step: int) -> tuple[Tensor, Tensor]:
        """Images [B, 3, 32, 32] in [−1, 1] and the tokens of captions [B, TOKENS]."""
        count = max(len(self._tones), self.size)
        epoch, place = divmod(step, count // self.size)
        order = generator(seed, epoch, ORDER).permutation(count)[place * self.size :][: self.size] % len(self._tones)
        draw = generator(seed, step, CHANGES)
        chosen = [self._with_tone(int(number), draw) for number in order]
        texts = [caption(number, draw) for number in chosen]
        shifts, mirrored = draw.integers(-1, 2, (len(chosen), 2)), draw.random(len(chosen)) < 0.5
        pictures = np.full((len(chosen), 3, 34, 34), 255, np.uint8)
        for picture, number, (down, right), mirror in zip(pictures, chosen, shifts, mirrored, strict=True):
            there = emoji.load()[number]
            mirror = mirror and subject(number).symmetric
            picture[:, 1 + down : 33 + down, 1 + right : 33 + right] = there[..., ::-1] if mirror else there
        images = torch.from_numpy(pictures[:, :, 1:33, 1:33]).float() / 127.5 - 1.0
        known = emoji.vocabulary()
        return images, torch.tensor([known.tokens(text) for text in texts])

    @cached_property
    def _tones(self) -> list[list[int]]:
        """For each emoji its own number, then those of its skin tones."""
        found: dict[int, list[int]] = {}
        for number, entry in enumerate(emoji.names().emoji):
            found.setdefault(number if entry.of is None else entry.of, []).append(number)
        return list(found.values())

    def _with_tone(self, place: int, draw: np.random.Generator) -> int:
        base, *tones = self._tones[place]
        return int(draw.choice(tones)) if tones and draw.random() < 0.5 else base


def subject(number: int) -> Emoji:
    """What a picture shows, whatever its tone."""
    of = emoji.names().emoji[number].of
    return emoji.names().emoji[number if of is None else of]


def caption(number: int, draw: np.random.Generator) -> str:
    """The name of a picture; or the name and one to four keywords; or two to five keywords, if it has no tone."""
    entry, kind = emoji.names().emoji[number], draw.random()
    if kind < NAMED:
        return entry.name
    keywords = [*subject(number).keywords, subject(number).subgroup]
    if kind < DESCRIBED or entry.of is not None:
        return " ".join([entry.name, *draw.permutation(keywords)[: draw.integers(1, 5)]])
    return " ".join(draw.permutation(keywords)[: draw.integers(2, 6)])
