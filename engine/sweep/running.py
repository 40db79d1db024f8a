"""run_sweep: cells one after another in this process, or on a cluster. Imports no torch before it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from engine import threads
from engine.fields import RequestError, short
from engine.sweep.folder import Folder, Result
from engine.sweep.plan import Cell, Sweep

EXECUTORS = ("local", "dask")


class SweepError(RuntimeError):
    """A sweep that cannot go on; the message is one sentence."""


Told = Callable[[Cell, int, int], None]


def run_sweep(
    sweep: Sweep,
    folder: Folder | None = None,
    executor: str = "local",
    scheduler: str = "",
    progress: Told = lambda cell, step, steps: None,
) -> Iterator[tuple[int, Result]]:
    """Yields the index and the result of every cell, first those that the folder has, then each as it is finished.

    Stop iterating to pause: called again with the same folder it goes on where it was. A combination that is no
    request, or a run that fails, is a cell with its reason. The pixels are the same whatever the executor and order.
    `progress` is told of every step, of cells in this process. Raises SweepError where the cluster or the device
    cannot be used, RequestError for another executor, and OSError where the folder cannot be written.
    """
    if executor not in EXECUTORS:
        raise RequestError("executor", f"executor must be one of {', '.join(EXECUTORS)}, not {short(executor)}.")
    if folder is not None:
        folder.begin(sweep)
    waiting = []
    for cell in sweep.cells:
        known = Result(reason=cell.reason) if cell.request is None else folder.load(cell) if folder else None
        if known is not None:
            yield cell.index, known
        else:
            waiting.append(cell)
    if not waiting:
        return
    if executor == "local":
        finished = _local(waiting, progress)
    else:
        from engine.sweep.cluster import compute

        finished = compute(waiting, scheduler)
    for cell, result in finished:
        if folder is not None and not result.reason:
            folder.save(cell, result)
        yield cell.index, result


def _local(cells: Iterable[Cell], progress: Told) -> Iterator[tuple[Cell, Result]]:
    """One after another, in one thread; between two steps it can be stopped."""
    from engine.device import pick
    from engine.sweep.judging import judged

    try:
        pick()
    except ValueError as error:
        raise SweepError(f"{error}.") from error
    for cell in cells:
        working = judged(cell)
        while True:
            try:
                with threads.exactly(1):
                    at = next(working)
            except StopIteration as done:
                yield cell, done.value
                break
            progress(cell, at.step, at.steps)
