"""From files to starts: pictures and saved requests. Imports no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from engine import metadata
from engine.fields import RequestError
from engine.files import MAX_BYTES, FileError, opened, read
from engine.request import Request
from engine.starts import Encoding, Image, PureNoise, Slerp

MODES = ("1", "L", "P", "RGB")  # those that lose nothing as 8 bits a channel

Shape = tuple[int, int, int]  # channels, height, width


def image(path: Path, shape: Shape, strength: float = 0.6, mask: Path | None = None) -> Image:
    """A picture to start from; of the mask, what is white is painted anew. Raises FileError and RequestError."""
    repainted = None if mask is None else bytes(_pixels(mask, (1, *shape[1:])).ravel() >> 7)
    return Image(_pixels(path, shape).tobytes(), shape, strength, repainted)


def encoding(path: Path, shape: Shape, model: str | None = None, condition: int | str | None = None) -> Encoding:
    """The noise of a picture. Raises FileError and RequestError."""
    return Encoding(_pixels(path, shape).tobytes(), shape, model, condition)


def slerp(first: PureNoise | Encoding, second: PureNoise | Encoding, count: int) -> Slerp:
    """As many points as samples on the way from one to the other, both ends among them; for one sample the middle."""
    return Slerp(first, second, tuple(index / (count - 1) for index in range(count)) if count > 1 else (0.5,))


def request(path: Path) -> Request:
    """The request in a JSON file, or in a PNG that Scorescope saved; "-" is the standard input. Raises FileError."""
    data = sys.stdin.buffer.read(MAX_BYTES) if str(path) == "-" else read(path)
    return metadata.parse(str(path), data).request


def _pixels(path: Path, shape: Shape) -> NDArray[np.uint8]:
    """A picture as bytes [C, H, W]."""
    channels, height, width = shape
    with opened(path) as picture:
        if picture.size != (width, height):
            what = f"{_sheet(picture)}{picture.width} × {picture.height}"
            raise FileError(f"{path} is {what}; what is wanted is one image of {width} × {height}.")
        if getattr(picture, "n_frames", 1) > 1:
            raise FileError(f"{path} is an animation; what is wanted is one image of {width} × {height}.")
        opaque: Any = picture
        if picture.has_transparency_data:
            opaque = picture.convert("RGBA")
            if opaque.getextrema()[3] != (255, 255):
                raise FileError(f"{path} is transparent in places; what is wanted is an opaque image.")
            opaque = opaque.convert("RGB")
        if opaque.mode not in MODES:
            raise FileError(f"{path} has pixels of the kind {opaque.mode}; what is wanted is grey or RGB of 8 bits.")
        pixels = np.asarray(opaque.convert("L" if channels == 1 else "RGB"))
    return np.ascontiguousarray(pixels.reshape(height, width, channels).transpose(2, 0, 1))


def _sheet(picture: Pillow.Image) -> str:
    """The words “a sheet of 16 images, ” where it is one that Scorescope saved."""
    text = picture.info.get("scorescope")
    try:
        count = Request.from_json(text if isinstance(text, str) else "").count
    except RequestError:
        return ""
    return f"a sheet of {count} image{'s' if count > 1 else ''}, "
