"""Files: read with care, whoever wrote them; written whole or not at all. Imports no torch.

Sizes are checked before anything is decoded, and every refusal is one sentence that names the file.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

MAX_BYTES = 1 << 26  # of a file
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM")


class FileError(Exception):
    """A file that cannot be used; the message is one sentence that begins with its name."""


def read(path: Path, name: str = "") -> bytes:
    """All of a file, where that is not too much. Raises FileError, which calls the file `name`, or by its path."""
    name = name or str(path)
    try:
        if not path.is_file():
            raise FileError(f"{name} is {'a folder' if path.is_dir() else 'not there'}.")
        size = path.stat().st_size  # asked for all that may be read, `read` would take that much memory
        with path.open("rb") as file:
            data = file.read(min(size, MAX_BYTES) + 1)
    except OSError as error:
        raise FileError(f"{name} cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_BYTES:
        raise FileError(f"{name} has more than {MAX_BYTES >> 20} MB, the most that is read.")
    return data


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The picture in a file; its size and text are known, its pixels are read when they are asked for.

    Raises FileError, also for what goes wrong with the picture inside.
    """
    data = io.BytesIO(read(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(data, formats=FORMATS) as picture:
                yield picture
    except FileError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise FileError(f"{path} has more pixels than any picture that is wanted here.") from error
    except UnidentifiedImageError as error:
        raise FileError(f"{path} is no picture that can be read; PNG, JPEG, BMP, GIF and PPM can be.") from error
    except Exception as error:  # for a damaged file Pillow raises nearly anything
        raise FileError(f"{path} is damaged: {str(error).rstrip('.') or type(error).__name__}.") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside a file, which takes its place once it is whole; it is gone where it never is. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """The new file, or still the old one, whole. Raises OSError."""
    with replacing(path) as draft:
        draft.write_bytes(data)
