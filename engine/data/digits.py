"""MNIST, as shipped in resources/data/mnist: 60,000 training and 10,000 test images of 28 × 28."""

from __future__ import annotations

import lzma
import struct
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.catalog import RESOURCES

SHAPE = (1, 28, 28)
SIGMA_DATA = 0.6162  # standard deviation of the pixels in [−1, 1]

Split = Literal["train", "test"]


@cache
def load(split: Split) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images [N, 28, 28] and labels [N] of one split, as bytes."""
    prefix = {"train": "train", "test": "t10k"}[split]
    return _idx(f"{prefix}-images-idx3-ubyte.xz"), _idx(f"{prefix}-labels-idx1-ubyte.xz")


def _idx(name: str) -> NDArray[np.uint8]:
    """An IDX file: two zero bytes, the type (8: bytes), the number of axes, their lengths, the data."""
    raw = lzma.decompress((RESOURCES / "data" / "mnist" / name).read_bytes())
    axes = raw[3]
    lengths = struct.unpack(f">{axes}I", raw[4 : 4 + 4 * axes])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(lengths)
