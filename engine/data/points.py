"""Points in the plane from files and words: tables, arrays, pictures, text. Imports no torch.

What is read here was written by anyone: sizes are checked before anything is unpacked, nothing is executed, and every
refusal is one sentence that names the file, and of a table the line.
"""

from __future__ import annotations

import csv
import io
import math
import re
import warnings
import zipfile
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine import files
from engine.catalog import RESOURCES
from engine.fields import short
from engine.files import FileError

MAX_POINTS = 200_000
MAX_PIXELS = 1 << 25  # of a picture: in colours, and unpacked twice, 256 MB
SIDE = 512  # pictures are made this small: finer than the window shows them
REACH = 1.2  # points from files lie within ± this
LETTERS = 40

Array = NDArray[np.float64]

_PICTURE = re.compile(rb"\x89PNG|\xff\xd8|GIF8|P[1-6]\s|BM(?=[^\0]{0,8}\0)")
_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_FITTED = f"centred and scaled to ±{REACH}"


@dataclass(frozen=True)
class Points:
    """Points [N, 2] within ±1.2, and a sentence for the person who brought them."""

    points: NDArray[np.float32]
    message: str


def read(path: Path, count: int = 5_000) -> Points:
    """The points in a CSV, TSV, NPY, NPZ or picture, centred and scaled to ±1.2; more than 200,000 are thinned.

    A picture becomes `count` points, up to 200,000, the denser the darker it is. What is in the file decides what it
    is, not its name. Raises FileError.
    """
    data = files.read(path)
    if _PICTURE.match(data):
        drawn = _drawn(_darkness(path), count)
        return Points(_fitted(drawn), f"{count:,} points from the dark of {path.name}, {_FITTED}.")
    if data.startswith((b"\x93NUMPY", b"PK")):
        with np.errstate(over="ignore"):  # of long doubles, which are refused below
            points = numbers(path)[:, :2].astype(np.float64)
        if not bool(np.isfinite(points).all()):
            row = int(np.argmin(np.isfinite(points).all(1)))
            raise FileError(f"{path} has a value that is not finite in row {row} of its array.")
    else:
        points = _table(path, data)
    found = f"{len(points):,} point{'s' if len(points) > 1 else ''} from {path.name}"
    if len(points) > MAX_POINTS:
        points, found = thinned(points), f"{found}, thinned to {MAX_POINTS:,}"
    return Points(_fitted(points), f"{found}, {_FITTED}.")


def from_text(text: str, count: int = 5_000) -> Points:
    """A word, written in points. Raises ValueError for no letters, more than 40, or such as cannot be drawn."""
    text = text.strip()
    if not 1 <= len(text) <= LETTERS:
        raise ValueError(f"text must have 1 to {LETTERS} letters, not {len(text)}")
    font = ImageFont.truetype(
        RESOURCES / "fonts" / "Inter-SemiBold.otf", 120, layout_engine=ImageFont.Layout.BASIC
    )  # the other engine is not on every machine
    unknown = bytes(font.getmask("\U0010ffff"))
    for letter in text:
        if letter != " " and bytes(font.getmask(letter)) in (unknown, b""):
            raise ValueError(f"text must be of letters that can be drawn, which {letter!r} cannot")
    left, top, right, bottom = map(round, font.getbbox(text))
    page = Image.new("L", (right - left, bottom - top), 0)
    ImageDraw.Draw(page).text((-left, -top), text, fill=255, font=font)
    return Points(_fitted(_drawn(np.asarray(page, np.float64), count)), f"{count:,} points from “{text}”, {_FITTED}.")


def thinned(points: NDArray[Any]) -> NDArray[Any]:
    """Points [N, 2] where they are at most 200,000, else so many of them, in their order: always the same choice."""
    if len(points) <= MAX_POINTS:
        return points
    return points[np.sort(_draws().choice(len(points), MAX_POINTS, replace=False, shuffle=False))]


def numbers(path: Path) -> NDArray[Any]:
    """The array of an NPY, or the first of an NPZ, that is [N, 2] or wider, of numbers. Raises FileError."""
    data = files.read(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for found in _arrays(data):
                if found.ndim == 2 and found.shape[1] >= 2 and len(found) and found.dtype.kind in "fiu":
                    return found
    except Exception as error:  # a damaged archive raises nearly anything
        raise FileError(f"{path} is damaged: {str(error).rstrip('.') or type(error).__name__}.") from error
    raise FileError(f"{path} holds no points; what is wanted is an array of numbers [N, 2].")


def _arrays(data: bytes) -> Iterator[NDArray[Any]]:
    """The arrays of an NPY or NPZ; nothing that is larger than the largest file is unpacked."""
    if not data.startswith(b"PK"):
        yield _array(data)
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        if sum(member.file_size for member in members) > files.MAX_BYTES:
            raise ValueError(f"unpacked it would have more than {files.MAX_BYTES >> 20} MB")
        for member in members:
            yield _array(archive.read(member))


def _array(data: bytes) -> NDArray[Any]:
    """An NPY without its objects: a view of these bytes, so that no header can ask for more memory."""
    stream = io.BytesIO(data)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, fortran, dtype = header[np.lib.format.read_magic(stream)](stream)
    if dtype.hasobject or min(shape, default=0) <= 0:
        return np.empty(0)
    flat = np.frombuffer(data, dtype, math.prod(shape), stream.tell())
    return flat.reshape(shape, order="F" if fortran else "C")


def _table(path: Path, data: bytes) -> Array:
    """x and y of every row: columns of these names, or else the first two. Blank lines and lines with # are passed."""
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    if not mark and b"\0" in data[:4096]:
        wanted = "CSV, TSV, NPY, NPZ, PNG, JPEG, BMP, GIF and PPM can be"
        raise FileError(f"{path} is no table, array or picture that can be read; {wanted}.")
    encoding = _MARKS.get(mark, "utf-8")

    def lines() -> io.TextIOWrapper:
        return io.TextIOWrapper(io.BytesIO(data[len(mark) :]), encoding, errors="replace", newline="")

    first = next((line for line in lines() if line.strip() and not line.lstrip().startswith("#")), "")
    delimiter = next((sign for sign in "\t;," if sign in first), " ")
    plain: Iterable[str] = lines() if delimiter == "," else (line.replace(",", ".") for line in lines())
    rows = csv.reader(plain, delimiter=delimiter, skipinitialspace=True)
    try:
        return _columns(path, rows)
    except csv.Error as error:
        raise FileError(f"{path} is damaged in line {rows.line_num}: {error}.") from error


def _columns(path: Path, rows: Any) -> Array:
    """The columns x and y, [N, 2], of the rows of a CSV reader."""
    first: list[str] = next((row for row in rows if not _blank(row)), [])
    if len(first) == 1:
        raise FileError(f"{path} has one column in line {rows.line_num}; two are wanted, x and y.")
    names = [cell.strip().lower() for cell in first]
    a, b = (names.index("x"), names.index("y")) if {"x", "y"} <= set(names) else (0, 1)
    x, y = array("d"), array("d")
    for row in chain([first] if any(map(_is_number, first)) else [], rows):
        try:
            here, there = float(row[a]), float(row[b])
        except (ValueError, IndexError):
            if _blank(row):
                continue
            raise FileError(f"{path} {_fault(row, a, b)} in line {rows.line_num}.") from None
        if not (math.isfinite(here) and math.isfinite(there)):
            raise FileError(f"{path} has a value that is not finite in line {rows.line_num}.")
        x.append(here)
        y.append(there)
    if not x:
        raise FileError(f"{path} holds no points: it has no row of numbers.")
    return np.stack([x, y], -1)


def _blank(row: list[str]) -> bool:
    return not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _fault(row: list[str], a: int, b: int) -> str:
    """What is wrong with a row whose places a and b are not two numbers."""
    if len(row) <= max(a, b):
        return f"has {len(row)} column{'s' if len(row) > 1 else ''}, where {max(a, b) + 1} are wanted,"
    cell = next(row[place] for place in (a, b) if not _is_number(row[place])).strip()
    return f"has {short(cell)} where a number should be," if cell else "has nothing where a number should be,"


def _darkness(path: Path) -> Array:
    """How dark a picture is, [H, W] from 0 to 1 and no larger than 512; what is transparent is not dark."""
    with files.opened(path) as picture:
        picture.draft("L", (2 * SIDE, 2 * SIDE))  # a JPEG is unpacked no larger than it is needed
        if picture.width * picture.height > MAX_PIXELS:
            raise FileError(f"{path} has more than {MAX_PIXELS:,} pixels, the most that are read.")
        if picture.mode.startswith(("I", "F")):
            raise FileError(f"{path} has pixels of the kind {picture.mode}; what is wanted is 8 bits a channel.")
        small: Image.Image = picture.convert("RGBA" if picture.has_transparency_data else "L")
        small.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
        if small.mode == "RGBA":
            small = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("L")
        dark = 255.0 - np.asarray(small, np.float64)
    if not dark.any():
        raise FileError(f"{path} is white all over; points are drawn from what is dark.")
    return dark


def _drawn(dark: Array, count: int) -> Array:
    """Points [count, 2] with a density in proportion to `dark` [H, W], whose first row is the top; in mixed order.

    The points are evenly spaced along the cumulative sum, so that every pixel has its share to within a point.
    """
    if not 1 <= count <= MAX_POINTS:
        raise ValueError(f"count must be from 1 to {MAX_POINTS:,}, not {count}")
    draws, cumulative = _draws(), np.cumsum(dark)
    heights = (draws.permutation(count) + draws.random()) / count * cumulative[-1]
    below = np.nextafter(cumulative[-1], 0.0)  # the last height may round up to the whole sum
    row, column = np.divmod(np.searchsorted(cumulative, np.minimum(heights, below), side="right"), dark.shape[1])
    inside = draws.random((count, 2))
    return np.stack([column + inside[:, 0], -row - inside[:, 1]], -1)


def _fitted(points: Array) -> NDArray[np.float32]:
    """The points moved and scaled, the same in both directions, so that they just fill ±1.2 in the wider one."""
    low, high = points.min(0), points.max(0)
    reach = float((0.5 * high - 0.5 * low).max())  # halved first: their difference may be too large for a float
    fitted: Array = (points - (0.5 * low + 0.5 * high)) / (reach or 1.0) * REACH
    return fitted.astype(np.float32)


def _draws() -> np.random.Generator:
    """The same numbers every time: the same file is the same points."""
    return np.random.Generator(np.random.Philox(key=0))
