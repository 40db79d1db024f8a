"""Noto Emoji, as shipped in resources/data/emoji: 3,786 pictures of 32 × 32 on white, with names and keywords."""

from __future__ import annotations

from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.captions import Vocabulary
from engine.catalog import RESOURCES

SHAPE = (3, 32, 32)
SIGMA_DATA = 0.5972  # standard deviation of the pixels in [−1, 1]
FOLDER = RESOURCES / "data" / "emoji"
COLUMNS = 62  # of the sheet

# whose mirror image shows the same thing, unless the name has a direction: nothing with letters, signs or hands
SYMMETRIC = ("Animals & Nature", "Food & Drink")
SYMMETRIC_FACES = ("face-", "cat-face", "monkey-face")
DIRECTIONS = ("left", "right", "facing")


class Emoji(msgspec.Struct, frozen=True):
    """One picture: its name, and the keywords and groups of what it shows."""

    name: str
    keywords: tuple[str, ...] = ()
    group: str = ""
    subgroup: str = ""
    of: int | None = None  # of a skin tone: the emoji, by its number, that has the keywords and the group

    @property
    def symmetric(self) -> bool:
        """Whether its mirror image may be called the same."""
        harmless = self.group in SYMMETRIC or self.subgroup.startswith(SYMMETRIC_FACES)
        return harmless and not any(word in self.name for word in DIRECTIONS)


class Names(msgspec.Struct, frozen=True):
    """The file beside the sheet."""

    words: str
    emoji: tuple[Emoji, ...]


@cache
def names() -> Names:
    """What the pictures show, in their order, and the words that occur."""
    return msgspec.json.decode((FOLDER / "names.json").read_bytes(), type=Names)


def vocabulary() -> Vocabulary:
    """The words of the names, and those of at least two emoji's keywords."""
    return Vocabulary(names().words.split())


@cache
def load() -> NDArray[np.uint8]:
    """The pictures [N, 3, 32, 32], as bytes."""
    with Image.open(FOLDER / "sheet.png") as image:
        sheet = np.asarray(image.convert("RGB"))
    height, width = SHAPE[1:]
    places = sheet.reshape(len(sheet) // height, height, COLUMNS, width, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(places.reshape(-1, *SHAPE)[: len(names().emoji)])
