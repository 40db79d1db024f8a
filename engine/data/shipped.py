"""The pictures that ship with the program, by the name that a card has for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.data import digits, emoji


def training_images(dataset: str) -> NDArray[np.uint8] | None:
    """The images [N, C, H, W] that a model learned from, as bytes; none where they do not ship with the program."""
    match dataset:
        case "digits":
            return digits.load("train")[0][:, None]
        case "emoji":
            return emoji.load()
        case _:
            return None
