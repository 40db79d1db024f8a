"""Vector fields, densities and paths as line segments [S, 2, 2] (start, end): what the plane's one-item layers draw.

A grid [m, m, ...] covers [−half, half]²: row i lies at y = centres(m, half)[i], column j at x = centres(m, half)[j].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Segments = NDArray[np.float64]  # [S, 2, 2]

HEAD = 0.32  # an arrow's barbs, of its length
BARB = np.deg2rad(152)  # between the arrow and a barb
FAR = 60.0  # coordinates beyond this are brought in: painters overflow

# Marching squares: corners (below left, below right, above right, above left) above the level, as bits 1, 2, 4, 8,
# → one or two pairs of crossed edges (0 below, 1 right, 2 above, 3 left); −1 is none.
_PAIRS = np.full((16, 4), -1)
for _case, _edges in {1: (3, 0), 2: (0, 1), 3: (3, 1), 4: (1, 2), 6: (0, 2), 7: (3, 2)}.items():
    _PAIRS[_case, :2] = _PAIRS[15 - _case, :2] = _edges
_PAIRS[5], _PAIRS[10] = (3, 0, 1, 2), (0, 1, 2, 3)


def centres(count: int, half: float) -> NDArray[np.float64]:
    """The places of a grid's columns or rows, the centres of `count` equal cells."""
    return np.asarray((np.arange(count) + 0.5) * (2 * half / count) - half, np.float64)


def at(grid: Array, points: Array, half: float) -> NDArray[np.float64]:
    """A grid [m, m, ...] between its places, bilinearly, at points [..., 2]; beyond the outermost as at them."""
    m = len(grid)
    place = np.clip((np.asarray(points, np.float64) + half) * (m / (2 * half)) - 0.5, 0, m - 1)  # [..., 2]
    low = np.minimum(place.astype(np.intp), max(m - 2, 0))
    high = np.minimum(low + 1, m - 1)
    share = (place - low).reshape(place.shape + (1,) * (grid.ndim - 2))  # [..., 2, 1]
    u, v = np.moveaxis(share, place.ndim - 1, 0)
    (j, i), (jj, ii) = np.moveaxis(low, -1, 0), np.moveaxis(high, -1, 0)
    below = (1 - u) * grid[i, j] + u * grid[i, jj]
    above = (1 - u) * grid[ii, j] + u * grid[ii, jj]
    return np.asarray((1 - v) * below + v * above, np.float64)


def polylines(paths: Array) -> Segments:
    """Paths [k, M, 2] as their segments, in order along each path."""
    paths = _finite(paths)
    return np.stack([paths[:, :-1], paths[:, 1:]], 2).reshape(-1, 2, 2)


def dashes(paths: Array, on: float, off: float) -> Segments:
    """Paths [k, M, 2] cut into dashes of length `on` with gaps of `off`, following every bend. The first dash begins
    where the path begins, so that a path that grows keeps its dashes."""
    pieces = []
    for path in _finite(paths):
        length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])  # [M]
        starts = np.arange(0.0, length[-1], on + off)
        cuts = np.sort(np.concatenate([length, starts, np.minimum(starts + on, length[-1])]))
        inked = ((cuts[:-1] + cuts[1:]) / 2) % (on + off) < on
        inked &= cuts[1:] > cuts[:-1]
        places = np.stack([np.interp(cuts, length, path[:, d]) for d in (0, 1)], -1)  # [C, 2]
        pieces.append(np.stack([places[:-1][inked], places[1:][inked]], 1))
    return np.concatenate(pieces) if pieces else np.empty((0, 2, 2))


def arrows(vectors: Array, half: float, log: bool, every: int, shortest: float) -> Segments:
    """A field [a, a, 2] as arrows centred on each `every`th place: shaft and two barbs, 3 segments each.

    Lengths are relative to the longest (its 98th percentile), which fills a cell; logarithmic ones span a factor of
    a hundred. What would be shorter than `shortest` is left out.
    """
    a = len(vectors)
    kept = np.arange((a - 1) % every // 2, a, every)
    axis = centres(a, half)[kept]
    cell = 2 * half / a * every
    field = _finite(vectors)[np.ix_(kept, kept)].reshape(-1, 2)
    places = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    size = np.hypot(*field.T)
    longest = float(np.percentile(size, 98)) if len(size) else 0.0
    if longest <= 0:
        return np.empty((0, 2, 2))
    share = np.log1p(100 * size / longest) / np.log(101) if log else size / longest
    length = np.minimum(share, 1.15) * 0.92 * cell
    seen = length >= shortest
    shaft = field[seen] * (length[seen] / size[seen])[:, None]
    start, end = places[seen] - shaft / 2, places[seen] + shaft / 2
    return np.stack([np.stack([start, end], 1), *barbs(shaft, end)], 1).reshape(-1, 2, 2)


def streamlines(vectors: Array, half: float, seeds: int, steps: int = 12) -> Segments:
    """Lines along a field [a, a, 2] from jittered seeds, an equal distance both ways (midpoint rule on the field's
    direction), each with a head at its end. A line ends where the field turns back, or where neighbouring directions
    disagree, as they do at a sink."""
    norm = np.hypot(vectors[..., 0], vectors[..., 1])[..., None]
    direction = _finite(vectors) / np.maximum(norm, 1e-12)
    jitter = np.random.default_rng(1).uniform(-0.35, 0.35, (seeds, seeds, 2)) * (2 * half / seeds)
    axis = centres(seeds, half)
    start = (np.stack(np.meshgrid(axis, axis), -1) + jitter).reshape(-1, 2)
    ways = []
    for way in (-1.0, 1.0):
        step, here = way * 0.018 * half, start
        last, alive = np.zeros_like(start), np.ones(len(start), bool)
        line = [start]
        for _ in range(steps):
            middle = here + 0.5 * step * at(direction, here, half)
            move = step * at(direction, middle, half)
            alive = alive & ((last * move).sum(-1) >= 0) & (np.hypot(*move.T) > 0.5 * abs(step))
            here = here + move * alive[:, None]
            last = move
            line.append(here)
        ways.append(np.stack(line, 1))  # [n, steps + 1, 2]
    lines = np.concatenate([ways[0][:, :0:-1], ways[1]], 1)
    end = lines[:, -1]
    shaft = at(direction, end, half) * 0.1 * half
    moved = np.abs(lines[:, -1] - lines[:, 0]).max(-1) > 0.02 * half
    heads = np.concatenate([barb[moved] for barb in barbs(shaft, end)])
    body = polylines(lines[moved])
    return np.concatenate([body[(body[:, 0] != body[:, 1]).any(-1)], heads])


def contours(values: Array, levels: Array, half: float) -> Segments:
    """Where a grid [m, m] crosses the levels: marching squares with linear interpolation, unordered."""
    m, found = len(values), []
    axis = centres(m, half)
    corners = np.stack([values[:-1, :-1], values[:-1, 1:], values[1:, 1:], values[1:, :-1]], -1)  # [m−1, m−1, 4]
    for level in np.asarray(levels, np.float64):
        case = ((corners > level) * np.array([1, 2, 4, 8])).sum(-1)
        i, j = np.nonzero((case > 0) & (case < 15))
        x = np.stack([axis[j], axis[j + 1], axis[j + 1], axis[j]], -1)  # [n, 4]
        y = np.stack([axis[i], axis[i], axis[i + 1], axis[i + 1]], -1)
        here = corners[i, j].astype(np.float64)
        following = np.roll(here, -1, -1)
        with np.errstate(divide="ignore", invalid="ignore"):  # of edges that are not crossed, and not used
            share = (level - here) / (following - here)
            crossing = np.stack([c + share * (np.roll(c, -1, -1) - c) for c in (x, y)], -1)  # [n, 4, 2]
        for pair in (_PAIRS[case[i, j]][:, :2], _PAIRS[case[i, j]][:, 2:]):
            used = pair[:, 0] >= 0
            found.append(np.take_along_axis(crossing[used], pair[used][:, :, None], 1))
    return np.concatenate(found) if found else np.empty((0, 2, 2))


def mass_levels(density: Array, shares: tuple[float, ...]) -> NDArray[np.float64]:
    """The heights above which the density [m, m] holds these shares of its mass."""
    falling = np.sort(density, axis=None)[::-1].astype(np.float64)
    mass = np.cumsum(falling)
    if not mass[-1] > 0:
        return np.empty(0)
    last = np.searchsorted(mass, np.array(shares) * mass[-1])
    return np.asarray(falling[np.minimum(last, len(falling) - 1)], np.float64)


def halved(grid: Array) -> Array:
    """A grid [m, m] of even m at half the resolution, by means."""
    m = len(grid) // 2
    return np.asarray(grid.reshape(m, 2, m, 2).mean((1, 3)))


def barbs(shaft: Array, end: Array) -> list[Segments]:
    """The two barbs of arrows along `shaft` [n, 2] that end at `end`, each [n, 2, 2]."""
    cos, sin = HEAD * np.cos(BARB), HEAD * np.sin(BARB)
    turns = [np.array([[cos, sign * sin], [-sign * sin, cos]]) for sign in (1, -1)]
    return [np.stack([end, end + shaft @ turn], 1) for turn in turns]


def _finite(values: Array) -> NDArray[np.float64]:
    return np.clip(np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=FAR, neginf=-FAR), -FAR, FAR)
