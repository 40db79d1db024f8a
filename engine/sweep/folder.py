"""Where a sweep is kept: its plan, and an ordinary PNG for every cell that is done. Imports no torch."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image, PngImagePlugin

from engine.fields import RequestError
from engine.files import FileError, read, write
from engine.metadata import Made, chunks, program
from engine.pictures import Pixels, sheet
from engine.sweep.plan import Cell, Sweep
from engine.weights import fingerprint, fingerprints

PLAN, CELLS = "sweep.json", "cells"
FIGURES = {  # as they are called in tables and charts
    "agreement": (
        "Agreement",
        "Share of the images in which the judge sees the class, or among five the caption, that was asked for.",
    ),
    "distance": ("Distance", "Sliced Wasserstein distance of the particles from the true distribution."),
    "error": ("Error", "Root mean square distance from the solution, in units of x."),
    "nfe": ("Evaluations", "Evaluations of the network."),
    "seconds": ("Seconds", "Time of the run."),
}


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a cell: its pictures and figures, or in one sentence why nothing did."""

    pictures: Pixels = field(default_factory=lambda: np.zeros((0, 1, 1, 1), np.uint8))  # [B, H, W, C]
    figures: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    """What stands in a cell's file beside its pixels and its request."""

    key: str
    shape: tuple[int, int, int, int]
    figures: dict[str, float]
    weights: dict[str, str] = {}  # of all its models


def encode(cell: Cell, result: Result) -> bytes:
    """A PNG of all pictures without gaps, with the request as any saved picture has it, and the figures."""
    assert cell.request is not None
    texts = PngImagePlugin.PngInfo()
    # what says nothing of the precision was made in float32, as every cell is
    made = Made(enlarge=1, gap=0, program=program(), threads=1, weights=fingerprint(cell.request.model))
    for keyword, text in chunks(cell.request, made).items():
        texts.add_text(keyword, text)
    count, height, width, channels = result.pictures.shape
    written = _Written(cell.key, (count, height, width, channels), dict(result.figures), fingerprints(cell.request))
    texts.add_text("scorescope-cell", msgspec.json.encode(written).decode())
    page, out = sheet(result.pictures, enlarge=1, gap=0), io.BytesIO()
    Image.fromarray(page[:, :, 0] if page.shape[2] == 1 else page).save(out, "PNG", pnginfo=texts)
    return out.getvalue()


def decode(cell: Cell, data: bytes) -> Result | None:
    """What `encode` wrote of this cell, with the weights that are there; None for anything else."""
    assert cell.request is not None
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            written = msgspec.json.decode(str(picture.info["scorescope-cell"]).encode(), type=_Written)
            count, height, width, channels = written.shape
            columns = math.ceil(math.sqrt(count))
            rows = -(-count // columns)
            if written.key != cell.key or picture.size != (columns * width, rows * height):
                return None
            if written.weights and written.weights != fingerprints(cell.request):
                return None  # the model has been trained on since
            page = np.asarray(picture)
        tiles = page.reshape(rows, height, columns, width, channels).transpose(0, 2, 1, 3, 4)
        return Result(np.ascontiguousarray(tiles.reshape(-1, height, width, channels)[:count]), written.figures)
    except Exception:  # of a damaged file, for which Pillow raises nearly anything: it is done again
        return None


class Folder:
    """A folder with one file for each cell, named by its request: what is there and whole need not be done again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def plan(self) -> Sweep:
        """The sweep that is kept here. Raises RequestError where there is none that can be read."""
        try:
            return Sweep.from_json((self.path / PLAN).read_bytes())
        except OSError as error:
            raise RequestError("sweep", f"sweep must be in {self.path / PLAN}: {error.strerror or error}.") from error

    def begin(self, sweep: Sweep) -> None:
        """Keep the plan. Raises OSError."""
        (self.path / CELLS).mkdir(parents=True, exist_ok=True)
        write(self.path / PLAN, sweep.to_json().encode())

    def file(self, cell: Cell) -> Path:
        """The file of a cell."""
        return self.path / CELLS / f"{cell.key}.png"

    def load(self, cell: Cell) -> Result | None:
        """What is kept of a cell; None where that is nothing, or damaged."""
        if cell.request is None:
            return None
        try:
            return decode(cell, read(self.file(cell)))
        except FileError:
            return None

    def save(self, cell: Cell, result: Result) -> None:
        """Keep what came of a cell, atomically. Raises OSError."""
        write(self.file(cell), encode(cell, result))

    def prune(self, sweep: Sweep, most: int) -> None:
        """Keep the newest `most` cells of other sweeps, so that a change can be taken back. Raises OSError."""
        wanted = {f"{cell.key}.png" for cell in sweep.cells if cell.request is not None}
        others = [path for path in (self.path / CELLS).glob("*.png") if path.name not in wanted]
        for path in sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)[most:]:
            path.unlink(missing_ok=True)


def table(sweep: Sweep, results: Mapping[int, Result]) -> str:
    """All cells as CSV: the values of the axes, the figures that there are, and why a cell has none."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    figures = [name for name in FIGURES if any(name in result.figures for result in results.values())]
    rows.writerow([*(axis.name for axis in sweep.axes), *figures, "reason", "file"])
    for cell in sweep.cells:
        result = results.get(cell.index, Result(reason=cell.reason))
        places = sweep.place(cell.index)[-len(sweep.axes) :]
        values = ["none" if (v := axis.values[at]) is None else v for axis, at in zip(sweep.axes, places, strict=True)]
        there = f"{CELLS}/{cell.key}.png" if len(result.pictures) else ""
        found = [result.figures.get(name, "") for name in figures]
        rows.writerow([*values, *found, result.reason, there])
    return out.getvalue()
