"""From samples to pictures: bytes ready to draw, contact sheets, PNG files. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from engine.request import Request

Pixels = NDArray[np.uint8]


def pixels(x: NDArray[Any], scale: float = 1.0) -> Pixels:
    """[B, C, H, W], where [−1, 1] · scale is black to white, as bytes [B, H, W, C]."""
    bytes_ = np.clip(x * (127.5 / scale) + 128.0, 0.0, 255.0).astype(np.uint8)
    return np.ascontiguousarray(bytes_.transpose(0, 2, 3, 1))


def sheet(images: Pixels, columns: int | None = None, enlarge: int = 2, gap: int = 2) -> Pixels:
    """Images [B, H, W, C] on one sheet, row by row, enlarged by a whole number; the nearest square by default."""
    count, height, width, channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    images = images.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    height, width = height * enlarge + gap, width * enlarge + gap
    page = np.zeros((rows * height - gap, columns * width - gap, channels), np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        page[row * height :, column * width :][: image.shape[0], : image.shape[1]] = image
    return page


def save_png(path: Path, page: Pixels, request: Request | None = None) -> None:
    """Write a picture [H, W, C] atomically, with the request that made it as the text chunk `scorescope`."""
    metadata = PngImagePlugin.PngInfo()
    if request is not None:
        metadata.add_text("scorescope", request.to_json())
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    Image.fromarray(page[:, :, 0] if page.shape[2] == 1 else page).save(draft, "PNG", pnginfo=metadata)
    os.replace(draft, path)
