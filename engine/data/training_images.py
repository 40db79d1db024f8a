"""The pictures that a model learned from, where they are here: shipped, or kept beside a model of one's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine import catalog
from engine.catalog import Card
from engine.data import digits, emoji
from engine.models.checkpoint import ModelError, load_tensors, save_tensors


def of(card: Card) -> NDArray[np.uint8] | None:
    """The images [N, C, H, W] that a model learned from, as bytes; none where they are not here, or are no such images.

    Of a model of one's own they are NAME.pictures.safetensors beside its card.
    """
    match card.dataset:
        case "digits":
            return digits.load("train")[0][:, None]
        case "emoji":
            return emoji.load()
        case catalog.OWN if (folder := catalog.home(card.name)) is not None:
            return _kept(_place(folder, card.name), card.shape)
        case _:
            return None


def keep(folder: Path, name: str, images: NDArray[np.uint8]) -> None:
    """Keep the images [N, C, H, W] of the model NAME beside it, in `folder`. Raises OSError."""
    save_tensors(_place(folder, name), {"images": torch.from_numpy(images)}, {"name": name})


def _place(folder: Path, name: str) -> Path:
    return folder / f"{name}.pictures.safetensors"


def _kept(path: Path, shape: tuple[int, int, int]) -> NDArray[np.uint8] | None:
    try:
        images = _read(path, path.stat().st_mtime_ns)
    except (OSError, ModelError):
        return None
    return images if images.shape[1:] == shape and len(images) else None


@lru_cache(maxsize=1)
def _read(path: Path, changed: int) -> NDArray[np.uint8]:
    """Read again when the file has changed. Raises ModelError for a file of anything else."""
    images = load_tensors(path)[0].get("images")
    if images is None or images.dtype != torch.uint8:
        raise ModelError(f"{path} holds no images.")
    return images.numpy()
