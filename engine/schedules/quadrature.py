"""Integrals from 0 to every t in [0, 1]: Gauss–Legendre panels, narrower and narrower towards 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.polynomial import legendre

_ORDER = 16
# halved 24 times below 1/64, so that an integral which starts from 0 is relatively exact there too
EDGES = np.concatenate([[0.0], 2.0 ** np.arange(-30, -6), np.arange(1, 65) / 64])
_WIDTHS = np.diff(EDGES)
_X, _WEIGHTS = legendre.leggauss(_ORDER)
NODES = EDGES[:-1, None] + 0.5 * _WIDTHS[:, None] * (1.0 + _X)  # [panels, order]


def _running_mean() -> np.ndarray[Any, Any]:
    """From values at the nodes of [−1, 1] to the Legendre series of the mean from −1 to x, by a product."""
    project = (legendre.legvander(_X, _ORDER - 1) * _WEIGHTS[:, None]) * (np.arange(_ORDER) + 0.5)  # [order, series]
    means = legendre.legval(_X, legendre.legint(project.T, lbnd=-1)) / (1.0 + _X)  # [order, order]
    matrix: np.ndarray[Any, Any] = means @ project
    return matrix


_MEAN = _running_mean()


class Antiderivative:
    """F(t) = ∫ from 0 to t of a function known at `NODES` (values [panels, order]), for t a float or an array.

    Within a panel it is (t − left) times a series for the mean since the left end, which cancels nothing near there.
    """

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.series = values @ _MEAN  # [panels, order]
        totals = 0.5 * _WIDTHS * (values @ _WEIGHTS)
        self.knots = np.concatenate([[0.0], np.cumsum(totals)])

    def __call__(self, t: Any) -> Any:
        panel = np.minimum(np.searchsorted(EDGES, t, side="right") - 1, len(_WIDTHS) - 1)
        left = EDGES[panel]
        x = 2.0 * (t - left) / _WIDTHS[panel] - 1.0
        mean = legendre.legval(x, np.moveaxis(self.series[panel], -1, 0), tensor=False)
        return self.knots[panel] + (t - left) * mean
