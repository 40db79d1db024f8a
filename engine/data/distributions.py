"""Distributions in the plane as mixtures of Gaussians, so that their score and density are exact. Imports no torch.

Curves are strings of Gaussians that lie along them; a square is four. Data lie within about ±1.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Curve = Callable[[Array], tuple[Array, Array]]
"""x and y at u from 0 to 1."""


@dataclass(frozen=True)
class Components:
    """Σ_k w_k N(μ_k, Σ_k), component k of class `labels[k]`: means [K, 2], covariances [K, 2, 2], the rest [K]."""

    means: Array
    covariances: Array
    weights: Array
    labels: NDArray[np.int64]


def components(name: str) -> Components:
    """The components of one of `catalog.DISTRIBUTIONS`. Raises KeyError for any other."""
    parts = _DISTRIBUTIONS[name]()
    weights = np.concatenate([part.weights for part in parts])
    return Components(
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.covariances for part in parts]),
        weights / weights.sum(),
        np.concatenate([part.labels for part in parts]),
    )


def _blobs(means: ArrayLike, std: float, label: int = 0, weight: float = 1.0) -> Components:
    """Round Gaussians, each of this weight."""
    places = np.asarray(means, np.float64).reshape(-1, 2)
    return _leaning(places, np.zeros(len(places)), std, std, label, weight)


def _leaning(
    means: Array, angles: ArrayLike, along: ArrayLike, across: ArrayLike, label: int = 0, weight: ArrayLike = 1.0
) -> Components:
    """Gaussians of standard deviation `along` in the direction of `angles` and `across` at right angles to it."""
    count = len(means)
    cos, sin = np.cos(angles), np.sin(angles)
    turns = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)  # [K, 2, 2]
    stds = np.stack([np.broadcast_to(along, count), np.broadcast_to(across, count)], -1)  # [K, 2]
    roots = turns * stds[:, None]
    weights = np.broadcast_to(np.asarray(weight, np.float64), count)
    return Components(means, roots @ roots.swapaxes(-1, -2), weights, np.full(count, label))


def _stroke(curve: Curve, count: int, width: ArrayLike, label: int = 0, weight: float = 1.0) -> Components:
    """Gaussians along a curve, one for each of `count` pieces of equal length, together of this weight.

    Half a piece long, they add up to a density that ripples by 1.4 % along a straight curve.
    """
    x, y = curve(np.linspace(0.0, 1.0, 4001))
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    ends = np.linspace(0.0, length[-1], 2 * count + 1)  # and the middles between them
    places = np.stack([np.interp(ends, length, x), np.interp(ends, length, y)], -1)
    chords = places[2::2] - places[:-1:2]  # [count, 2]
    angles = np.arctan2(chords[:, 1], chords[:, 0])
    return _leaning(places[1::2], angles, 0.5 * length[-1] / count, width, label, weight / count)


def _arc(radius: float, start: float, stop: float, centre: tuple[float, float] = (0.0, 0.0)) -> Curve:
    """A part of a circle, between two angles in turns."""
    return _spiral(radius, radius, start, stop, centre)


def _spiral(inner: float, outer: float, start: float, stop: float, centre: tuple[float, float] = (0.0, 0.0)) -> Curve:
    """An Archimedean spiral between two radii, and two angles in turns."""

    def curve(u: Array) -> tuple[Array, Array]:
        radius, angle = inner + (outer - inner) * u, 2.0 * np.pi * (start + (stop - start) * u)
        return centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)

    return curve


def _three_points() -> list[Components]:
    corners = [(-0.95, -0.65), (0.95, -0.65), (0.0, 1.0)]
    return [_blobs(corner, 0.05, label) for label, corner in enumerate(corners)]


def _gaussian() -> list[Components]:
    return [_leaning(np.zeros((1, 2)), np.pi / 6.0, 0.8, 0.3)]


def _two_gaussians() -> list[Components]:
    left, right = np.array([[-0.7, -0.3]]), np.array([[0.7, 0.3]])
    return [_leaning(left, np.pi / 3.0, 0.35, 0.18, 0), _leaning(right, -np.pi / 6.0, 0.3, 0.2, 1)]


def _rare_mode() -> list[Components]:
    return [_blobs((-0.6, -0.3), 0.3, 0, 0.95), _blobs((1.0, 0.8), 0.1, 1, 0.05)]


def _ring() -> list[Components]:
    angles = np.pi / 4.0 * np.arange(8)
    places = 1.2 * np.stack([np.cos(angles), np.sin(angles)], -1)
    return [_blobs(place, 0.1, label) for label, place in enumerate(places)]


def _grid() -> list[Components]:
    axis = np.linspace(-1.2, 1.2, 5)
    return [_blobs(np.stack(np.meshgrid(axis, axis), -1), 0.07)]


def _moons() -> list[Components]:
    upper, lower = _arc(0.8, 0.0, 0.5, (-0.4, -0.2)), _arc(0.8, 0.5, 1.0, (0.4, 0.2))
    return [_stroke(upper, 8, 0.07, 0), _stroke(lower, 8, 0.07, 1)]


def _circles() -> list[Components]:
    return [_stroke(_arc(0.6, 0.0, 1.0), 12, 0.06, 0), _stroke(_arc(1.2, 0.0, 1.0), 18, 0.06, 1)]


def _swiss_roll() -> list[Components]:
    return [_stroke(_spiral(0.35, 1.3, 0.25, 1.85), 26, 0.055)]


def _spirals() -> list[Components]:
    return [_stroke(_spiral(0.3, 1.3, 0.5 * arm, 0.5 * arm + 1.0), 15, 0.06, arm) for arm in range(2)]


def _checkerboard() -> list[Components]:
    corners = [(i - 2, j - 2) for i in range(4) for j in range(4) if (i + j) % 2 == 0]
    quarters = [(a, b) for a in (0.25, 0.75) for b in (0.25, 0.75)]
    return [_blobs([(0.65 * (x + a), 0.65 * (y + b)) for x, y in corners for a, b in quarters], 0.125)]


def _pinwheel() -> list[Components]:
    arms = []
    for arm in range(5):
        curve = _spiral(0.3, 1.35, 0.2 * arm, 0.2 * arm + 0.18)
        arms.append(_stroke(curve, 5, np.linspace(0.1, 0.05, 5), arm))
    return arms


def _smiley() -> list[Components]:
    return [
        _stroke(_arc(1.2, 0.0, 1.0), 18, 0.045, 0, 0.6),
        _blobs([(-0.42, 0.4), (0.42, 0.4)], 0.1, 1, 0.09),
        _stroke(_arc(0.65, 0.57, 0.93, (0.0, -0.05)), 7, 0.045, 2, 0.22),
    ]


def _tree() -> list[Components]:
    """Of each class: half the trunk, and a bough that parts four times; the twigs of a branch are a little fainter."""
    parts = []
    for label, side in enumerate((-1.0, 1.0)):
        tips = [(np.array([0.0, -1.35]), np.pi / 2.0)]  # place and direction
        for depth, (length, spread) in enumerate([(0.75, 0.0), (0.65, 0.5), (0.5, 0.45), (0.4, 0.4), (0.3, 0.35)]):
            turns = [-side * spread] if depth <= 1 else [-spread, spread]
            grown = [(place, angle + turn) for place, angle in tips for turn in turns]
            ways = length * np.array([(np.cos(angle), np.sin(angle)) for _, angle in grown])
            roots = np.array([place for place, _ in grown])
            angles = [angle for _, angle in grown]
            across = 0.05 * 0.85**depth
            parts.append(_leaning(roots + 0.5 * ways, angles, 0.3 * length, across, label, length / len(grown) ** 0.5))
            tips = [(root + way, angle) for root, way, angle in zip(roots, ways, angles, strict=True)]
    return parts


def _crossing() -> list[Components]:
    middle = np.zeros((1, 2))
    return [_leaning(middle, np.pi / 4.0, 0.7, 0.09, 0), _leaning(middle, -np.pi / 4.0, 0.7, 0.09, 1)]


def _lemniscate() -> list[Components]:
    """Bernoulli's, (x² + y²)² = a² (x² − y²), with y stretched by 1.3."""

    def curve(u: Array) -> tuple[Array, Array]:
        angle = 2.0 * np.pi * u
        scale = 1.35 / (1.0 + np.sin(angle) ** 2)
        return scale * np.cos(angle), 1.3 * scale * np.sin(angle) * np.cos(angle)

    return [_stroke(curve, 26, 0.06)]


_DISTRIBUTIONS: dict[str, Callable[[], list[Components]]] = {
    "three-points": _three_points,
    "gaussian": _gaussian,
    "two-gaussians": _two_gaussians,
    "rare-mode": _rare_mode,
    "ring": _ring,
    "grid": _grid,
    "moons": _moons,
    "circles": _circles,
    "swiss-roll": _swiss_roll,
    "spirals": _spirals,
    "checkerboard": _checkerboard,
    "pinwheel": _pinwheel,
    "smiley": _smiley,
    "tree": _tree,
    "crossing": _crossing,
    "lemniscate": _lemniscate,
}
