"""From samples to pictures: bytes ready to draw, contact sheets, PNG files. Imports no torch."""

from __future__ import annotations

import io
import warnings
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from engine.chunks import MAX_PIXELS
from engine.files import FileError, read, replacing
from engine.metadata import Made, chunks
from engine.request import Request

Pixels = NDArray[np.uint8]


def pixels(x: NDArray[Any], scale: float = 1.0) -> Pixels:
    """[B, C, H, W], where [−1, 1] · scale is black to white, as bytes [B, H, W, C]."""
    bytes_ = np.clip(x * (127.5 / scale) + 128.0, 0.0, 255.0).astype(np.uint8)
    return np.ascontiguousarray(bytes_.transpose(0, 2, 3, 1))


def sheet(images: Pixels, columns: int | None = None, enlarge: int = 2, gap: int = 2) -> Pixels:
    """Images [B, H, W, C] on one sheet, row by row, enlarged by a whole number; the nearest square by default."""
    columns = columns or square(len(images))
    page = np.zeros(sheet_size(images.shape, columns, enlarge, gap), np.uint8)
    images = images.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    height, width = images.shape[1] + gap, images.shape[2] + gap
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        page[row * height :, column * width :][: image.shape[0], : image.shape[1]] = image
    return page


def sheet_size(shape: tuple[int, ...], columns: int | None, enlarge: int, gap: int) -> tuple[int, int, int]:
    """The shape [H, W, C] of a sheet of images [B, H, W, C]."""
    count, height, width, channels = shape
    columns = columns or square(count)
    rows = -(-count // columns)
    return rows * (height * enlarge + gap) - gap, columns * (width * enlarge + gap) - gap, channels


def square(count: int) -> int:
    """Columns of the nearest square."""
    return int(np.ceil(np.sqrt(count)))


def result(step: Any) -> Pixels:
    """The outcome of a run's last step, [B, H, W, C]; of Langevin, which stays noisy, as wide as its level."""
    return pixels(step.x_next.float().cpu().numpy(), hypot(step.next.alpha, step.next.std))


def save_png(path: Path, page: Pixels, request: Request | None = None, made: Made | None = None) -> None:
    """Write a picture [H, W, C] atomically, with the request that made it (see `engine.metadata`).

    However the writing ends, there is a whole file, the new one or the old one, and no draft. Raises OSError.
    """
    metadata = PngImagePlugin.PngInfo()
    if request is not None:
        for keyword, text in chunks(request, made or Made()).items():
            metadata.add_text(keyword, text)
    with replacing(path) as draft, draft.open("wb") as file:
        Image.fromarray(page[:, :, 0] if page.shape[2] == 1 else page).save(file, "PNG", pnginfo=metadata)


def read_png(path: Path) -> Pixels:
    """The pixels [H, W, C] of a picture that `save_png` wrote. Raises FileError."""
    data = io.BytesIO(read(path, path.name))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(data, formats=["PNG"]) as picture:
                _check(path, picture)
                page = np.asarray(picture)
    except FileError:
        raise
    except Exception as error:  # for a damaged file Pillow raises nearly anything
        raise FileError(f"{path.name} is no picture that can be read.") from error
    return page.reshape(*page.shape[:2], -1)


def _check(path: Path, picture: Image.Image) -> None:
    """What is known before the pixels are unpacked."""
    if getattr(picture, "is_animated", False):
        raise FileError(f"{path.name} is an animation, not a single picture.")
    if picture.mode not in ("L", "RGB") or picture.width * picture.height > MAX_PIXELS:
        raise FileError(f"{path.name} has other pixels than those that are saved here.")
