"""Cells on a cluster of dask.distributed: they travel as JSON, and come back as the bytes of their file.

As many cells run at a time as the workers have threads, each in one thread of torch. A worker that is lost takes no
cell with it: the scheduler gives its cells to the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import msgspec

from engine.request import Request
from engine.sweep.folder import Result, decode, encode
from engine.sweep.plan import Cell
from engine.sweep.running import SweepError

CONNECT_S = 5  # to reach the scheduler: an address that is wrong is tried for as long
WORKERS_S = 10  # and then to have at least one worker
ATTEMPTS = 3  # at a cell; the scheduler makes some of its own each time a worker dies


def written(cell: Cell) -> str:
    """A cell as it travels."""
    parts = [request.to_json() if request else "" for request in (cell.request, cell.reference)]
    return msgspec.json.encode(parts).decode()


def remote(text: str) -> tuple[bytes, str]:
    """On a worker: a cell as JSON to its file's bytes, or why there are none."""
    from engine.sweep.judging import finish

    request, reference = (Request.from_json(part) if part else None for part in msgspec.json.decode(text))
    cell = Cell(0, request, reference)
    result = finish(cell)
    return (b"", result.reason) if result.reason else (encode(cell, result), "")


def compute(cells: Sequence[Cell], scheduler: str) -> Iterator[tuple[Cell, Result]]:
    """Each cell as it is finished, in any order. Raises SweepError."""
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise SweepError("The executor dask needs dask.distributed: pip install 'scorescope[dask]'.") from error
    if not scheduler:
        raise SweepError("The executor dask needs the address of a scheduler, as in tcp://127.0.0.1:8786.")
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SweepError(f"No scheduler of dask answers at {scheduler}.") from error
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
        yield from _gathered(client, distributed, cells)
    except TimeoutError as error:
        raise SweepError(f"The scheduler at {scheduler} has no workers: start some with dask worker.") from error
    except (distributed.client.FutureCancelledError, distributed.comm.CommClosedError, OSError) as error:
        raise SweepError(f"The scheduler at {scheduler} was lost.") from error
    finally:
        client.close(timeout=2)


def _gathered(client: Any, distributed: Any, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Result]]:
    def submit(cell: Cell) -> Any:
        return client.submit(remote, written(cell), pure=False)

    under_way = {submit(cell): cell for cell in cells}
    attempts = Counter[int]()
    arriving = distributed.as_completed(list(under_way), loop=client.loop)
    for future in arriving:
        cell = under_way.pop(future)
        with suppress(distributed.scheduler.KilledWorker):
            try:
                data, reason = future.result()
            except ImportError as error:
                raise SweepError(f"A worker of the cluster cannot run cells: {error}.") from error
            result = Result(reason=reason) if reason else decode(cell, data)
            if result is not None:
                yield cell, result
                continue
        attempts[cell.index] += 1
        if attempts[cell.index] == ATTEMPTS:
            raise SweepError("The workers of the cluster die of a cell, or damage it, again and again.")
        again = submit(cell)
        under_way[again] = cell
        arriving.add(again)
