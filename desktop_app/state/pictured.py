"""The pictures of a run, as the window has them: held, asked for, small ones for the filmstrip, and what they lack."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from desktop_app.state.recall import NOT_KEPT
from desktop_app.state.shelf import Pictures, Shelf
from engine.request import Request


class Pictured(QObject):
    """What has pictures at positions.

    A branch has a `stem`: its positions up to `begins` are those of its stem, and its own steps follow. A *position*
    counts from the noise, a *place* from the run's own start.
    """

    pictured = Signal()  # pictures that were missing have come
    wanted = Signal(str, int)  # a view and a place whose pictures are not held
    strip_wanted = Signal(str, int, object)  # a view, a sample, and places
    images = True  # whether it has pictures

    def __init__(self, request: Request, parent: QObject | None, stem: Self | None, shelf: Shelf | None) -> None:
        super().__init__(parent)
        self.request = request
        self.stem = stem
        self.begins = 0
        self.lost = ""  # why the pictures that are not held cannot be had any more
        self.shelf = shelf or Shelf()
        self.notes: dict[tuple[str, int], str] = {}  # view and place → what is not as it was
        self.scales: dict[tuple[str, int], float] = {}  # view and place → the value of the strongest colour
        self._stills: dict[tuple[str, int, int], NDArray[np.uint8]] = {}  # view, sample, place → a small picture

    @property
    def frames(self) -> int:
        """How many positions can be shown."""
        raise TypeError("a run knows its frames")

    def owner(self, index: int) -> tuple[Self, int]:
        """The run whose own step a position is, this one or one that it has branched from, and its place there."""
        run: Self = self
        while run.stem is not None and index < run.begins:
            run = run.stem
        return run, index - run.begins

    def pictures(self, view: str, index: int) -> Pictures:
        """What a view shows at a position; until that has come, what is held nearest to it."""
        run, place = self.owner(index)
        found = run.shelf.get(run, view, place)
        if found is not None:
            return found
        if not run.lost and run.notes.get((view, place)) != NOT_KEPT:
            run.wanted.emit(view, place)
        nearest = run.shelf.nearest(run, view, place)
        if nearest is not None:
            return nearest
        some = run.shelf.any(run)
        shape = (run.request.count, 28, 28, 1) if some is None else (*some.shape[:3], 1)
        return np.full(shape, 128, np.uint8)

    @property
    def noisy(self) -> list[Pictures]:
        """x_t at every position."""
        return [self.pictures("noisy", index) for index in range(self.frames)]

    @property
    def denoised(self) -> list[Pictures]:
        """x̂₀ at every position."""
        return [self.pictures("denoised", index) for index in range(self.frames)]

    def stills(self, view: str, sample: int, indices: list[int]) -> dict[int, NDArray[np.uint8]]:
        """Small pictures [h, w, C] of a sample at these positions, as far as they are here; others are asked for."""
        found: dict[int, NDArray[np.uint8]] = {}
        missing: dict[Pictured, list[int]] = {}
        for index in indices:
            run, place = self.owner(index)
            key, whole = (view, sample, place), run.shelf.get(run, view, place)
            if whole is not None and sample < len(whole):
                run._stills[key] = whole[sample].copy()
            if key in run._stills:
                found[index] = run._stills[key]
            elif index < run.frames and not run.lost and run.notes.get((view, place)) != NOT_KEPT:
                missing.setdefault(run, []).append(place)
        for run, places in missing.items():
            run.strip_wanted.emit(view, sample, places)
        return found

    def keep_stills(self, view: str, sample: int) -> None:
        """Forget the small pictures of all other views and samples."""
        self._stills = {key: still for key, still in self._stills.items() if key[:2] == (view, sample)}
        if self.stem is not None:
            self.stem.keep_stills(view, sample)

    def note(self, view: str, index: int) -> str:
        """What is to be said of the pictures of a position: nothing where they are exact."""
        run, place = self.owner(index)
        if run.lost and run.shelf.get(run, view, place) is None:
            return NOT_KEPT
        return run.notes.get((view, place), "")

    def scale(self, view: str, index: int) -> float:
        """The value that the strongest colour stands for, 0 where there is none."""
        run, place = self.owner(index)
        return run.scales.get((view, place), 0.0)

    def take(self, view: str, place: int, pictures: Pictures | None, note: str, scale: float = 0.0) -> None:
        """Take in pictures that were asked for; none where they cannot be had."""
        self.notes.pop((view, place), None)
        if note:
            self.notes[view, place] = note
        if pictures is not None:
            self.shelf.put(self, view, place, pictures)
            self.scales[view, place] = scale
        self.pictured.emit()

    def take_stills(self, view: str, sample: int, asked: list[int], found: list[int], stills: Pictures | None) -> None:
        """Take in small pictures [n, h, w, C]; those that were asked for and have not come cannot be had."""
        for number, place in enumerate(found):
            assert stills is not None
            self._stills[view, sample, place] = stills[number]
        for place in set(asked) - set(found):
            self.notes.setdefault((view, place), NOT_KEPT)
        self.pictured.emit()

    def put(self, place: int, noisy: Pictures, denoised: Pictures) -> None:
        """Take in the pictures of a step that is walked again."""
        for view, pictures in (("noisy", noisy), ("denoised", denoised)):
            self.shelf.put(self, view, place, pictures)
            self.notes.pop((view, place), None)
        self.pictured.emit()

    def lose(self, why: str) -> None:
        """Its steps cannot be walked again."""
        self.lost = why
        self.pictured.emit()
