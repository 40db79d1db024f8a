"""Quality against evaluations, a line for each value of the other axis. Imports no torch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.catalog import RESOURCES
from engine.sweep.folder import FIGURES, Result
from engine.sweep.plan import Sweep

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a93a0")  # Okabe & Ito
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 3), (2, 2), (8, 3, 2, 3), (12, 4))  # px, on and off
QUALITIES = ("error", "agreement", "distance")  # the first that there is, is shown first
COSTS = ("steps", "tolerance", "langevin_steps")  # what evaluations are bought with
SANS = RESOURCES / "fonts" / "Inter-Regular.otf"

Results = Mapping[int, Result]


@dataclass(frozen=True)
class Line:
    """The cells of one value of the other axis, by their evaluations."""

    label: str
    points: tuple[tuple[float, float], ...]
    colour: str
    dash: tuple[float, ...]

    @property
    def order(self) -> float | None:
        """p of error = O(N⁻ᵖ): the slope of the least squares line through the logarithms; None where there is none."""
        x, y = (np.array(side) for side in zip(*self.points, strict=True)) if self.points else (np.zeros(0),) * 2
        if len(set(x)) < 2 or not (x > 0).all() or not (y > 0).all():
            return None
        return -float(np.polyfit(np.log(x), np.log(y), 1)[0])


def qualities(results: Results) -> list[str]:
    """The figures of quality that there are."""
    return [name for name in QUALITIES if any(name in result.figures for result in results.values())]


def lines(sweep: Sweep, results: Results, figure: str) -> list[Line]:
    """Lines along the axis that costs evaluations, or else along the columns."""
    costing = [place for place, axis in enumerate(sweep.axes) if axis.name in COSTS]
    along = costing[-1] if costing else len(sweep.axes) - 1
    rows, columns = sweep.shape
    grid = np.arange(rows * columns).reshape(rows, columns)
    if len(sweep.axes) == 2 and along == 0:
        grid = grid.T
    other = sweep.axes[1 - along] if len(sweep.axes) == 2 else None
    found = []
    for place, indices in enumerate(grid.tolist()):
        figures = [results[index].figures for index in indices if index in results]
        points = sorted((at["nfe"], at[figure]) for at in figures if figure in at)
        label = other.label(place) if other else FIGURES[figure][0]
        found.append(Line(label, tuple(points), COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)]))
    return found


@dataclass(frozen=True)
class Scale:
    """From values to shares of an axis of a chart, and where its ticks are."""

    low: float
    high: float
    logarithmic: bool

    @classmethod
    def of(cls, values: list[float], logarithmic: bool) -> Scale:
        """With a little room around the values."""
        some = [value for value in values if value > 0] if logarithmic else [*values, 0.0, 1.0]
        if not some:
            return cls(1.0, 10.0, logarithmic)
        low, high = min(some), max(some)
        return cls(low / 1.25, high * 1.25, True) if logarithmic else cls(min(low, 0.0), max(high, 1.0), False)

    def share(self, value: float) -> float:
        """0 at the low end, 1 at the high one."""
        if not self.logarithmic:
            return (value - self.low) / (self.high - self.low)
        return math.log(max(value, 1e-300) / self.low) / math.log(self.high / self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Values to be marked: 1, 2, 5 of each decade, or 1 where there are many decades."""
        if not self.logarithmic:
            return [(value / 4, f"{value / 4:g}") for value in range(5)]
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        steps = (1,) if last - first > 4 else (1, 2, 5)
        values = [step * 10.0**decade for decade in range(first, last + 1) for step in steps]
        return [(value, written(value)) for value in values if self.low <= value <= self.high]


def written(value: float) -> str:
    """A tick’s value: 0.002, or 5·10⁻⁵ where it is smaller."""
    if value >= 0.99e-3:
        return f"{value:g}"
    digits, power = f"{value:.0e}".split("e")
    raised = f"10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
    return raised if digits == "1" else f"{digits}·{raised}"


def scales(found: list[Line], figure: str) -> tuple[Scale, Scale]:
    """Of evaluations and of the figure; a share of the images is shown from 0 to 1."""
    x, y = ([point[side] for line in found for point in line.points] for side in (0, 1))
    return Scale.of(x, True), Scale.of(y, figure != "agreement")


def draw(sweep: Sweep, results: Results, figure: str, width: int = 1200, height: int = 720) -> Image.Image:
    """The chart as a picture, for paper."""
    found, times = lines(sweep, results, figure), 2  # drawn twice as large, for smooth lines
    across, up = scales(found, figure)
    page = Image.new("RGB", (width * times, height * times), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.truetype(SANS, 20 * times)
    left, right, top, bottom = 110 * times, (width - 300) * times, 60 * times, (height - 80) * times

    def at(x: float, y: float) -> tuple[float, float]:
        return left + across.share(x) * (right - left), bottom - up.share(y) * (bottom - top)

    for value, text in across.ticks():
        x = at(value, up.low)[0]
        pen.line([(x, top), (x, bottom)], "#e2e5ea", times)
        pen.text((x, bottom + 10 * times), text, "#4b535f", font, "ma")
    for value, text in up.ticks():
        y = at(across.low, value)[1]
        pen.line([(left, y), (right, y)], "#e2e5ea", times)
        pen.text((left - 12 * times, y), text, "#4b535f", font, "rm")
    pen.text((left, top - 22 * times), FIGURES[figure][0], "#15181d", font, "ls")
    pen.text((right, height * times - 12 * times), "Evaluations", "#15181d", font, "rs")
    for place, line in enumerate(found):
        points = [at(x, y) for x, y in line.points if y > 0 or not up.logarithmic]
        _stroke(pen, points, line, times)
        y = top + place * 34 * times
        _stroke(pen, [(right + 24 * times, y), (right + 64 * times, y)], line, times, marks=False)
        order = line.order if figure == "error" else None
        said = line.label + (f"   order {order:.2f}" if order else "")
        pen.text((right + 76 * times, y), said, "#15181d", ImageFont.truetype(SANS, 17 * times), "lm")
    return page.resize((width, height), Image.Resampling.LANCZOS)


def _stroke(
    pen: ImageDraw.ImageDraw, points: list[tuple[float, float]], line: Line, times: int, marks: bool = True
) -> None:
    """A dashed line through points."""
    wide, gone = 3 * times, 0.0
    pattern = [length * times * 2 for length in line.dash] or [math.inf]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        length, done = math.hypot(x1 - x0, y1 - y0), 0.0
        while done < length:
            at, part = gone % sum(pattern) if line.dash else 0.0, 0
            while at >= pattern[part]:
                at, part = at - pattern[part], part + 1
            reach = min(pattern[part] - at, length - done)
            if part % 2 == 0:
                ends = [done / length, (done + reach) / length]
                pen.line([(x0 + (x1 - x0) * s, y0 + (y1 - y0) * s) for s in ends], line.colour, wide)
            done, gone = done + reach, gone + reach
    for x, y in points if marks else []:
        pen.ellipse([x - 5 * times, y - 5 * times, x + 5 * times, y + 5 * times], line.colour)
