"""The folder of the gallery: ordinary PNG files, what can be read of them, and what is put aside.

A star is an empty file in `.starred`, with the picture's name; what was deleted lies in `.trash` for 30 days. Both are
safe with two windows on one folder, and neither is lost with the index.
"""

from __future__ import annotations

import os
import shutil
import struct
import time
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import platformdirs
from PIL import Image

from engine import metadata
from engine.chunks import MAX_PIXELS
from engine.files import MAX_BYTES, FileError

THUMBNAIL = 304  # px, the longer side at most
KEPT_S = 30 * 24 * 3600.0  # in the trash


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of the gallery; without a width it cannot be shown, and without a request not be made again."""

    name: str
    changed: int  # ns
    size: int  # bytes
    width: int = 0
    height: int = 0
    request: dict[str, Any] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


_SIZE = struct.Struct("<HHB")
Stamp = tuple[int, int]  # when it was changed, and its size: what tells whether to read it again


def default_folder() -> Path:
    """Where pictures are kept; beside the settings where SCORESCOPE_CONFIG has a place for those."""
    own = os.environ.get("SCORESCOPE_CONFIG")
    return Path(own) / "gallery" if own else Path(platformdirs.user_pictures_dir()) / "Scorescope"


def names(folder: Path) -> dict[str, Stamp]:
    """The pictures in a folder; there are none in one that is not there. Raises OSError where it may not be read."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_picture(entry.name) and entry.is_file():
                    status = entry.stat()
                    if status.st_size:  # else a name that is reserved for a picture in the making
                        found[entry.name] = status.st_mtime_ns, status.st_size
    except FileNotFoundError:
        return {}
    return found


def _is_picture(name: str) -> bool:
    whole = not any("\ud800" <= letter <= "\udfff" for letter in name)  # else its name is no text at all
    return whole and name.lower().endswith(".png") and not name.startswith(".")


def starred(folder: Path) -> set[str]:
    """The names with a star."""
    try:
        return {path.name for path in (folder / ".starred").iterdir()}
    except OSError:
        return set()


def star(folder: Path, name: str, on: bool) -> None:
    """Give a picture a star, or take it. Raises OSError."""
    mark = folder / ".starred" / name
    if on:
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
    else:
        mark.unlink(missing_ok=True)


def read(folder: Path, name: str, stamp: Stamp) -> tuple[Picture, bytes]:
    """What is in a file, and its thumbnail (see `unpacked`); both are as much as can be had, and nothing is raised."""
    path, problem = folder / name, ""
    request, made = {}, {}
    try:
        saved = metadata.read(path)
        request, made = saved.request.to_dict(), msgspec.to_builtins(saved.made)
    except FileError as error:
        problem = str(error)
    try:
        image = _opened(path)
        width, height = image.size
        image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
        packed = _SIZE.pack(*image.size, len(image.getbands())) + zlib.compress(image.tobytes(), 1)
    except Exception as error:  # for a damaged file Pillow raises nearly anything
        return Picture(name, *stamp, 0, 0, {}, {}, problem or f"{name} is damaged: {error}."), b""
    return Picture(name, *stamp, width, height, request, made or {}, problem), packed


def unpacked(thumbnail: bytes) -> tuple[int, int, int, bytes]:
    """Width, height, channels and bytes of a thumbnail: zlib, unlike a reader of PNG, lets the window go on."""
    width, height, channels = _SIZE.unpack_from(thumbnail)
    return width, height, channels, zlib.decompress(thumbnail[_SIZE.size :])


def _opened(path: Path) -> Image.Image:
    """The picture in a file as grey or RGB; its size is known before anything is unpacked."""
    if path.stat().st_size > MAX_BYTES:
        raise ValueError("it is too large")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError("it has too many pixels")
            return picture.convert("L" if picture.mode in ("L", "1") else "RGB")


def free_name(folder: Path, stem: str) -> Path:
    """A name that is not taken, and from now on is: an empty file holds it. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = [entry.name[len(stem) + 1 : -4] for entry in os.scandir(folder) if entry.name.startswith(f"{stem}-")]
    number = max((int(part) for part in taken if part.isdecimal()), default=0)
    while True:
        number += 1
        path = folder / f"{stem}-{number:04d}.png"
        try:
            path.open("xb").close()
        except FileExistsError:  # of another window, in this moment
            continue
        return path


class Deletion:
    """Pictures that were put into the trash together, and can be put back."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder, self.names = folder, names
        self._moved: dict[Path, Path] = {}

    def make(self) -> int:
        """Put them into the trash; returns how many there were. Raises OSError, and then has moved all or none."""
        trash = self.folder / ".trash" / str(time.time_ns())
        trash.mkdir(parents=True)
        try:
            for name in self.names:
                path = self.folder / name
                if path.exists():
                    path.rename(trash / name)
                    self._moved[path] = trash / name
        except OSError:
            self.take_back()
            raise
        return len(self._moved)

    def take_back(self) -> int:
        """Put them back, under another name where there is a picture of that name by now. Raises OSError."""
        back = 0
        for path, kept in self._moved.items():
            if kept.exists():
                kept.rename(path if not path.exists() else free_name(path.parent, path.stem))
                back += 1
        for folder in {kept.parent for kept in self._moved.values()}:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        self._moved.clear()
        return back


def empty_trash(folder: Path, older_than: float = KEPT_S) -> int:
    """Delete what has been in the trash for so many seconds for good; returns how many pictures. Raises OSError."""
    count, now = 0, time.time_ns()
    trash = folder / ".trash"
    for kept in trash.iterdir() if trash.is_dir() else ():
        if kept.name.isdecimal() and kept.is_dir() and now - int(kept.name) >= older_than * 1e9:
            count += sum(1 for _ in kept.iterdir())
            shutil.rmtree(kept)
    return count
