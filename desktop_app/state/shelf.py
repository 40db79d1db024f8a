"""The pictures that the window itself holds: those that were seen last, under a bound of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

BOUND = 64 << 20  # bytes

Pictures = NDArray[np.uint8]  # [B, H, W, C]
Place = tuple[str, int]  # a view, and a place of a run


class Shelf:
    """Pictures of runs. What was not looked at for longest goes first."""

    def __init__(self, bound: int = BOUND) -> None:
        self.bound = bound
        self.used = 0
        self._order: OrderedDict[tuple[Hashable, Place], None] = OrderedDict()
        self._held: dict[Hashable, dict[str, dict[int, Pictures]]] = {}

    def put(self, run: Hashable, view: str, place: int, pictures: Pictures) -> None:
        """Hold these; the newest are held whatever their size."""
        self._take_out(run, view, place)
        self._held.setdefault(run, {}).setdefault(view, {})[place] = pictures
        self._order[run, (view, place)] = None
        self.used += pictures.nbytes
        while self.used > self.bound and len(self._order) > 1:
            oldest, (its_view, its_place) = next(iter(self._order))
            self._take_out(oldest, its_view, its_place)

    def get(self, run: Hashable, view: str, place: int) -> Pictures | None:
        """The pictures of a place, where they are held."""
        found = self._held.get(run, {}).get(view, {}).get(place)
        if found is not None:
            self._order.move_to_end((run, (view, place)))
        return found

    def nearest(self, run: Hashable, view: str, place: int) -> Pictures | None:
        """Of the pictures that are held in a view, those of the place nearest to this one."""
        held = self._held.get(run, {}).get(view)
        return held[min(held, key=lambda other: abs(other - place))] if held else None

    def any(self, run: Hashable) -> Pictures | None:
        """Some pictures of a run: they have its size."""
        return next((pictures for held in self._held.get(run, {}).values() for pictures in held.values()), None)

    def drop(self, run: Hashable) -> None:
        """Hold nothing of a run any more."""
        for view, held in list(self._held.get(run, {}).items()):
            for place in list(held):
                self._take_out(run, view, place)

    def _take_out(self, run: Hashable, view: str, place: int) -> None:
        pictures = self._held.get(run, {}).get(view, {}).pop(place, None)
        if pictures is not None:
            self.used -= pictures.nbytes
            del self._order[run, (view, place)]
            if not any(self._held[run].values()):
                del self._held[run]
