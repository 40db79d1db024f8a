"""A run and its branches, and the branches of those: what is shown of them, and what is selected."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject, Signal

from desktop_app.state.controls import differing
from desktop_app.state.runs import Run
from desktop_app.state.words import difference
from engine.request import Branch, Request

MOST = 8  # runs of a tree


class Tree(QObject):
    """Runs in the order of their rows: every branch below its stem, the newest first.

    The root comes first. `beside` shows the stem of the selected run next to it.
    """

    changed = Signal()  # the runs, or which is selected

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runs: list[Run] = []
        self.selected: Run | None = None
        self.beside = True

    @property
    def lanes(self) -> list[Run]:
        """What is shown: the selected run, and its stem before it where they are shown beside each other."""
        run = self.selected
        if run is None:
            return []
        return [run.stem, run] if self.beside and run.stem is not None else [run]

    @property
    def is_full(self) -> bool:
        return len(self.runs) >= MOST

    def plant(self, root: Run) -> None:
        """Begin anew with this run."""
        self.restore([root], root)

    def add(self, branch: Run) -> None:
        """Take in a branch, and select it."""
        assert branch.stem is not None
        runs = list(self.runs)
        runs.insert(runs.index(branch.stem) + 1, branch)
        self.restore(runs, branch)

    def remove(self, run: Run) -> list[Run]:
        """Take out a branch and those that grow from it; its stem is selected if one of them was."""
        gone = [other for other in self.runs if run in lineage(other)]
        selected = run.stem if self.selected in gone else self.selected
        self.restore([other for other in self.runs if other not in gone], selected)
        return gone

    def select(self, run: Run) -> None:
        """Look at this run."""
        if run is not self.selected:
            self.restore(self.runs, run)

    def show_beside(self, on: bool) -> None:
        """Whether the stem is shown next to its branch."""
        self.beside = on
        self.changed.emit()

    def restore(self, runs: list[Run], selected: Run | None) -> None:
        """Have these runs, in this order."""
        self.runs, self.selected = list(runs), selected
        self.changed.emit()

    def depth(self, run: Run) -> int:
        """How many branchings lie before a run."""
        return sum(1 for _ in lineage(run)) - 1

    def label(self, run: Run) -> str:
        """What a run differs in from its stem, and whether it failed; of the root, what it is."""
        if run.stem is None:
            return "as generated"
        words = difference(run.request, changes(run.request, run.stem.request))
        return ("failed: " if run.status == "failed" else "") + (", ".join(words) or "no change")


def lineage(run: Run | None) -> Iterator[Run]:
    """A run, its stem, the stem of that …"""
    while run is not None:
        yield run
        run = run.stem


def changes(request: Request, stem: Request) -> list[str]:
    """The fields in which a branch differs from its stem, but for where it starts."""
    return [name for name in differing(request, stem) if name != "start"]


def branches_from(request: Request, run: Run) -> bool:
    """Whether a request is a branch of this run."""
    return isinstance(request.start, Branch) and request.start.request == run.request


def branch_of(run: Run, index: int) -> tuple[Run, Branch] | None:
    """The run that a position belongs to, and the start of a branch there; none of the result, or of what is coming."""
    owner, place = run.owner(index)
    own_steps = len(owner.levels) - 1 - owner.begins
    if not owner.levels or not 0 <= place < own_steps or index >= run.frames:
        return None
    return owner, Branch(owner.request, place)
