"""All cells on one page, with their labels. Imports no torch."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from engine.pictures import Pixels, sheet
from engine.request import FIELDS
from engine.sweep.chart import SANS
from engine.sweep.folder import Result
from engine.sweep.plan import Sweep, model_title

SAMPLES = 16  # of a cell, at most
TILE = 112  # pixels of a cell, at least, and as many more as whole pixels of its samples need
GAP, MARGIN = 8, 28
INK, SOFT, EMPTY = "#15181d", "#4b535f", "#eceef1"


def tile(pictures: Pixels, samples: int = SAMPLES, least: int = TILE) -> Pixels:
    """The first samples of a cell on one square, [H, W, C], enlarged by a whole number to `least` pixels or more."""
    small = sheet(pictures[:samples], enlarge=1, gap=0)
    return sheet(pictures[:samples], enlarge=max(1, -(-least // max(small.shape[:2]))), gap=2)


@dataclass(frozen=True)
class _Place:
    """Where the cells lie."""

    left: int
    top: int
    side: tuple[int, int]  # width, height

    def of(self, row: int, column: int) -> tuple[int, int]:
        return self.left + column * (self.side[0] + GAP), self.top + row * (self.side[1] + GAP)


def page(sweep: Sweep, results: Mapping[int, Result]) -> Image.Image:
    """The grid, for paper: the values of the first of two axes at the left, those of the last above."""
    tiles = {index: tile(result.pictures) for index, result in results.items() if len(result.pictures)}
    height, width = (max((t.shape[side] for t in tiles.values()), default=TILE) for side in (0, 1))
    font, title = ImageFont.truetype(SANS, 15), ImageFont.truetype(SANS, 18)
    rows, columns = sweep.shape
    left_labels = [sweep.axes[0].label(row) for row in range(rows)] if len(sweep.axes) == 2 else []
    room = int(max((font.getlength(text) for text in left_labels), default=0.0)) + (GAP * 2 if left_labels else 0)
    heads = [_broken(sweep.axes[-1].label(column), font, width) for column in range(columns)]
    above = 20 * max(len(head) for head in heads)
    at = _Place(MARGIN + room, MARGIN + 34 + above + GAP, (width, height))
    right, bottom = at.of(rows, columns)
    wide = max(right - GAP + MARGIN, int(title.getlength(heading(sweep))) + 2 * MARGIN)
    found = Image.new("RGB", (wide, bottom - GAP + MARGIN), "white")
    pen = ImageDraw.Draw(found)
    pen.text((MARGIN, MARGIN), heading(sweep), INK, title, "la")
    for column, head in enumerate(heads):
        x = at.of(0, column)[0] + width // 2
        for number, line in enumerate(reversed(head)):
            pen.text((x, at.top - GAP - 20 * number), line, INK, font, "ms")
    for row, text in enumerate(left_labels):
        pen.text((at.left - GAP * 2, at.of(row, 0)[1] + height // 2), text, INK, font, "rm")
    for index in range(rows * columns):
        x, y = at.of(*sweep.place(index))
        if index not in tiles:
            pen.rectangle([x, y, x + width - 1, y + height - 1], EMPTY)
            said = "not possible" if index in results else "not done"
            pen.text((x + width // 2, y + height // 2), said, SOFT, ImageFont.truetype(SANS, 13), "mm")
            continue
        image = Image.fromarray(np.squeeze(tiles[index]))
        found.paste(image, (x + (width - image.width) // 2, y + (height - image.height) // 2))
    return found


def png(picture: Image.Image, sweep: Sweep) -> bytes:
    """A picture as PNG, with the sweep as the text chunk `scorescope-sweep`."""
    metadata, out = PngImagePlugin.PngInfo(), io.BytesIO()
    metadata.add_text("scorescope-sweep", sweep.to_json())
    picture.save(out, "PNG", pnginfo=metadata)
    return out.getvalue()


def heading(sweep: Sweep) -> str:
    """What all cells share, in a few words."""
    varied = {axis.name for axis in sweep.axes}
    said = [model_title(sweep.base.model)] if "model" not in varied else []
    if sweep.base.condition is not None and "condition" not in varied:
        said.append(f"c = {sweep.base.condition}")
    for name in ("sampler", "lam", "steps", "guidance", "seed"):
        value, field = getattr(sweep.base, name), FIELDS[name]
        if name in varied or (name == "guidance" and value == 1.0) or (name == "lam" and "sampler" in varied):
            continue
        if field.choices is not None:
            said.append(field.choices[value].label)
        else:
            said.append(f"{field.symbol or field.label.lower()} = {value:g}")
    return "   ".join(said)


def _broken(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Text in as many lines as its words need."""
    lines = [""]
    for word in text.split(" ") if font.getlength(text) > width else [text]:
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if font.getlength(longer) <= width or not lines[-1] else [*lines, word]
    return lines
