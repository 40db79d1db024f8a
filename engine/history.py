"""The steps of the worker's runs, under a budget of bytes: in full precision, or as thumbnails.

What does not fit is thinned, the oldest run first, from its first step on: full steps become thumbnails. When no step
is full, of the oldest run's thumbnails every second one goes, and every second one again; at the very last all do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from engine.origin import Left
from engine.pictures import Pixels, pixels
from engine.request import Image, PureNoise, Request
from engine.samplers import Step
from engine.schedules import Level
from engine.views import Values, noisy, reduced
from engine.weights import fingerprints
from engine.wire import Keep

SIDE = 32  # px, the longest of a thumbnail


@dataclass(slots=True)
class Moment:
    """A step that is kept: x and D as the sampler made them, or pictures of them [B, h, w, C]."""

    level: Level
    nfe: int  # with this step's evaluations
    x: Tensor | None
    denoised: Tensor | None
    small: tuple[Pixels, Pixels] | None = None
    reduced: bool = False  # the pictures are smaller than x

    @property
    def full(self) -> bool:
        return self.x is not None

    def arrays(self) -> tuple[Values, Values]:
        """x and D [B, C, H, W] in full precision."""
        assert self.x is not None
        assert self.denoised is not None
        return self.x.numpy(), self.denoised.numpy()

    @property
    def is_result(self) -> bool:
        """Whether it is what the last step has led to: x, in the place of D too."""
        return self.denoised is self.x if self.small is None else self.small[1] is self.small[0]

    @property
    def nbytes(self) -> int:
        if self.small is not None:
            return self.small[0].nbytes * (1 if self.is_result else 2)
        assert self.x is not None
        return self.x.nbytes * (1 if self.is_result else 2)

    def thinned(self) -> Moment:
        """The same step as thumbnails."""
        x, denoised = self.arrays()
        seen = noisy(reduced(x, SIDE), self.level.alpha, self.level.std)
        clean = seen if self.is_result else pixels(reduced(denoised, SIDE))
        return Moment(self.level, self.nfe, None, None, (seen, clean), seen.shape[1:3] != x.shape[2:])


@dataclass
class Record:
    """A run and the steps of it that are kept, by their place; the result's is behind the last step's."""

    request: Request
    weights: dict[str, str]  # as they were when it began: `engine.weights`
    moments: dict[int, Moment] = field(default_factory=dict)
    last: int = -1  # place so far
    closed: bool = False  # the last place is the result's
    full_from: int = 0  # no step before this place is full
    stride: int = 1  # thumbnails at multiples of it were left when they were thinned, and the two at the ends

    def full(self) -> Iterator[int]:
        """The places of the full steps, in order."""
        return (place for place in range(self.full_from, self.last + 1) if self._is_full(place))

    def _is_full(self, place: int) -> bool:
        moment = self.moments.get(place)
        return moment is not None and moment.full


class History:
    """Keeps steps; `used` bytes of `budget`."""

    def __init__(self, budget: int = Keep().budget) -> None:
        self.budget = budget
        self.used = 0
        self.records: dict[int, Record] = {}  # the oldest run first

    def set_budget(self, budget: int) -> None:
        """Have this many bytes from now on."""
        self.budget = budget
        self._thin_full(budget)
        self._thin_small(budget)

    def open(self, run: int, request: Request) -> None:
        """A run begins."""
        if run in self.records:
            self.used -= sum(moment.nbytes for moment in self.records[run].moments.values())
        self.records[run] = Record(request, fingerprints(request))

    def keep(self, run: int, step: Step) -> None:
        """Keep a step: its x and D."""
        self._add(self.records[run], Moment(step.level, step.nfe, _own(step.x), _own(step.denoised)))

    def close(self, run: int, step: Step) -> None:
        """Keep where the last step has led: the result, which is its own D."""
        result = _own(step.x_next)
        self._add(self.records[run], Moment(step.next, step.nfe, result, result))
        self.records[run].closed = True

    def recall(self, request: Request, step: int) -> Left | None:
        """The run of this request, by the weights that are there, at a step, where that is kept in full; and before."""
        for record in reversed(self.records.values()):
            at, before = record.moments.get(step), record.moments.get(step - 1)
            if at is None or not at.full or record.request != request or (record.closed and step == record.last):
                continue
            if record.weights != fingerprints(request):  # of a model that has been trained on since
                continue
            assert at.x is not None
            if before is not None and before.denoised is not None:
                return Left(at.level, at.x, (before.level, before.denoised), before.nfe)
            if step == 0 and isinstance(request.start, PureNoise | Image):  # nothing came before
                return Left(at.level, at.x, None, 0)
        return None

    def _add(self, record: Record, moment: Moment) -> None:
        """Make room first, so that the sum is never above the budget."""
        self._thin_full(self.budget - moment.nbytes)
        record.last += 1
        if self.used + moment.nbytes > self.budget:
            moment = moment.thinned()
            self._thin_small(self.budget - moment.nbytes)
        if self.used + moment.nbytes <= self.budget:
            record.moments[record.last] = moment
            self.used += moment.nbytes

    def _thin_full(self, room: int) -> None:
        """Turn full steps into thumbnails until no more than `room` bytes are used, or none is full."""
        for record in self.records.values():
            for place in record.full():
                if self.used <= room:
                    return
                self.used -= record.moments[place].nbytes
                record.moments[place] = record.moments[place].thinned()
                self.used += record.moments[place].nbytes
                record.full_from = place + 1
            record.full_from = record.last + 1

    def _thin_small(self, room: int) -> None:
        """Drop thumbnails until no more than `room` bytes are used, or none is left."""
        for record in self.records.values():  # every second one between the ends of a run, and every second one again
            while self.used > room and len(record.moments) > 2:
                record.stride *= 2
                self._drop(record, [place for place in list(record.moments)[1:-1] if place % record.stride])
        for record in self.records.values():  # then the ends too
            if self.used > room:
                self._drop(record, list(record.moments))
        self.records = {run: record for run, record in self.records.items() if record.moments or not record.closed}

    def _drop(self, record: Record, places: list[int]) -> None:
        for place in places:
            self.used -= record.moments.pop(place).nbytes


def _own(x: Tensor) -> Tensor:
    """On the CPU, and with no more memory than its own: not a part of a larger one, which would be kept with it."""
    x = x.detach().cpu()
    return x if x.untyped_storage().nbytes() == x.nbytes else x.clone()
