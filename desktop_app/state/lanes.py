"""Two to four lanes that are compared: their controls, what they share, and how they draw noise."""

from __future__ import annotations

from itertools import zip_longest

from PySide6.QtCore import QObject, Signal

from desktop_app.state import words
from desktop_app.state.controls import Controls, differing
from desktop_app.state.runs import Run
from engine import catalog
from engine.request import Request

NAMES = "ABCD"
LEAST = 2
SHARED = ("seed", "count")  # what makes the starting noise the same


class Lanes(QObject):
    """The controls of the lanes: of four, `count` are in use. Each sets its own fields; some are shared by all."""

    changed = Signal()  # a field, or which lanes there are

    def __init__(self, requests: list[Request], count: int = LEAST, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.all = [Controls(request, self) for request in requests]
        self.count = count
        self.one_path = True
        self._sharing = False
        for controls in self.all:
            controls.changed.connect(lambda name, c=controls: self._on_changed(c, name))
        self._share(self.all[0])

    @property
    def shown(self) -> list[Controls]:
        """The controls of the lanes that are in use."""
        return self.all[: self.count]

    @property
    def follows(self) -> list[Controls]:
        """Those whose sampler can take its noise from a path."""
        return [controls for controls in self.shown if controls.has("noise")]

    def requests(self) -> list[Request]:
        """What each lane comes to."""
        return [controls.request() for controls in self.shown]

    def differing(self, requests: list[Request]) -> list[str]:
        """The fields in which not all of the requests agree, in the order of the class."""
        found = {name for other in requests[1:] for name in differing(requests[0], other)}
        return [name for name in Request.__struct_fields__ if name in found]

    def take(self, requests: list[Request]) -> None:
        """Be these lanes, two to four; one alone is put beside itself on the other side of λ."""
        if len(requests) == 1:
            requests = [requests[0], opposite(requests[0])]
        requests = requests[: len(NAMES)]
        self.count = len(requests)
        for controls, request in zip(self.all, requests, strict=False):
            controls.take(request)
        self._share(self.all[0])
        self.follow_path(self.one_path)

    def have(self, count: int) -> None:
        """Have so many lanes in use, as they are set."""
        self.count = count
        self.changed.emit()

    def add(self, like: int) -> int:
        """One more lane, the same as another; returns its number."""
        assert self.count < len(NAMES)
        self.count += 1
        self.all[self.count - 1].take(self.all[like].exact)
        self.changed.emit()
        return self.count - 1

    def remove(self, lane: int) -> None:
        """One lane less; those behind it move up."""
        assert self.count > LEAST
        for index in range(lane, self.count - 1):
            self.all[index].take(self.all[index + 1].exact)
        self.count -= 1
        self.changed.emit()

    def follow_path(self, on: bool) -> None:
        """Let the lanes follow one Brownian path, or draw for each step."""
        self.one_path = on
        for controls in self.follows:
            controls.set("noise", "path" if on else "step")
        self.changed.emit()

    def about_noise(self) -> str:
        """What the lanes share of their noise, in words."""
        if not self.follows:
            text = "None of these samplers takes its noise from a path."
        elif self.one_path:
            text = "Every step takes its increment of one path in log σ: what differs is the sampler, not the draw."
        else:
            text = "Step k takes draw k, wherever its noise levels lie."
        return f"All lanes start from the same noise. {text}"

    def _on_changed(self, source: Controls, name: str) -> None:
        if self._sharing:
            return
        if name in SHARED:
            self._share(source)
        if name in ("sampler", "noise"):
            self.follow_path(self.one_path)
        else:
            self.changed.emit()

    def _share(self, source: Controls) -> None:
        self._sharing = True
        for controls in self.all:
            controls.seed_locked = source.seed_locked
            for name in SHARED:
                controls.set(name, source[name])
        self._sharing = False


def matched(requests: list[Request], runs: list[Run], gone: list[Request]) -> list[Run | Request]:
    """For each lane what ran of its request, or the request where that was let go; up to a lane that never ran.

    A lane that has been set otherwise since it ran has the next of those that are of none.
    """

    def of(ran: Request, request: Request) -> bool:
        return ran == request.replace(count=ran.count)  # of a cloud there is one sample

    stay = [run if of(run.request, request) else None for run, request in zip(runs, requests, strict=False)]
    rest, found = [run for run in runs if run not in stay], list[Run | Request]()
    for request, run in zip_longest(requests, stay[: len(requests)]):
        again = request if any(of(ran, request) for ran in gone) else None
        here = run or next((other for other in rest if of(other.request, request)), again) or next(iter(rest), None)
        if here is None:
            break
        rest = [other for other in rest if other is not here]
        found.append(here)
    return found


def opposite(request: Request) -> Request:
    """The same on the other side of λ: the SDE of an ODE, the ODE of an SDE."""
    sampler = request.sampler if catalog.SAMPLERS[request.sampler].has_lam else "bridge"
    return request.replace(sampler=sampler, lam=0.0 if words.is_stochastic(request) else 1.0)
