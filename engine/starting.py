"""From files to starts: pictures and saved requests, read with care. Imports no torch.

What is read here was written by anyone: sizes are checked before anything is decoded, and every refusal is one
sentence that names the file.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from engine import metadata
from engine.fields import RequestError
from engine.request import Branch, Request
from engine.starts import Encoding, Image, PureNoise, Slerp

MAX_BYTES = 1 << 26  # of a file
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM")
MODES = ("1", "L", "P", "RGB")  # those that lose nothing as 8 bits a channel

Shape = tuple[int, int, int]  # channels, height, width


class FileError(Exception):
    """A file that cannot be used; the message is one sentence that begins with its name."""


def image(path: Path, shape: Shape, strength: float = 0.6, mask: Path | None = None) -> Image:
    """A picture to start from; of the mask, what is white is painted anew. Raises FileError and RequestError."""
    repainted = None if mask is None else bytes(_pixels(mask, (1, *shape[1:])).ravel() >> 7)
    return Image(_pixels(path, shape).tobytes(), shape, strength, repainted)


def encoding(path: Path, shape: Shape, model: str | None = None, condition: int | str | None = None) -> Encoding:
    """The noise of a picture. Raises FileError and RequestError."""
    return Encoding(_pixels(path, shape).tobytes(), shape, model, condition)


def branch(path: Path, step: int) -> Branch:
    """Step `step` of the run that a file holds. Raises FileError and RequestError."""
    return Branch(request(path), step)


def slerp(first: PureNoise | Encoding, second: PureNoise | Encoding, count: int) -> Slerp:
    """As many points as samples on the way from one to the other, both ends among them; for one sample the middle."""
    return Slerp(first, second, tuple(index / (count - 1) for index in range(count)) if count > 1 else (0.5,))


def request(path: Path) -> Request:
    """The request in a JSON file, or in a PNG that Scorescope saved; "-" is the standard input. Raises FileError."""
    data = sys.stdin.buffer.read(MAX_BYTES) if str(path) == "-" else _read(path)
    try:
        return metadata.parse(str(path), data).request
    except metadata.MetadataError as error:
        raise FileError(str(error)) from error


def _pixels(path: Path, shape: Shape) -> NDArray[np.uint8]:
    """A picture as bytes [C, H, W]."""
    channels, height, width = shape
    with _opened(path) as picture:
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


@contextmanager
def _opened(path: Path) -> Iterator[Pillow.Image]:
    """The picture in a file; its size and text are known, its pixels are read when they are asked for."""
    data = io.BytesIO(_read(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            with Pillow.open(data, formats=FORMATS) as picture:
                yield picture
    except (FileError, RequestError):
        raise
    except (Pillow.DecompressionBombWarning, Pillow.DecompressionBombError) as error:
        raise FileError(f"{path} has more pixels than any picture that is wanted here.") from error
    except UnidentifiedImageError as error:
        raise FileError(f"{path} is no picture that can be read; PNG, JPEG, BMP, GIF and PPM can be.") from error
    except Exception as error:  # for a damaged file Pillow raises nearly anything
        raise FileError(f"{path} is damaged: {str(error).rstrip('.') or type(error).__name__}.") from error


def _read(path: Path) -> bytes:
    """All of a file, where that is not too much."""
    try:
        if not path.is_file():
            raise FileError(f"{path} is {'a folder' if path.is_dir() else 'not there'}.")
        if path.stat().st_size > MAX_BYTES:
            raise FileError(f"{path} has more than {MAX_BYTES >> 20} MB, the most that is read.")
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}.") from error


def _sheet(picture: Pillow.Image) -> str:
    """The words “a sheet of 16 images, ” where it is one that Scorescope saved."""
    text = picture.info.get("scorescope")
    try:
        count = Request.from_json(text if isinstance(text, str) else "").count
    except RequestError:
        return ""
    return f"a sheet of {count} image{'s' if count > 1 else ''}, "
