"""A sweep on a cluster of real processes: the same pixels as here, also when a worker is killed in the middle."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from engine import cli
from engine.request import Request
from engine.sweep import Axis, Folder, Result, Sweep, SweepError, run_sweep
from engine.sweep import cluster as sweeping

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 120.0  # s, for anything that is waited for
SWEEP = Sweep(
    base=Request(model="tiny", count=2, condition=1, noise="path"),
    axes=(Axis("lam", (0.0, 0.5, 1.0)), Axis("steps", (40, 60, 80, 100))),
    reference=120,
)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def process(folder: Path, command: str, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of dask's, with its words in a file; ended at the end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (folder / f"{command}-{len(list(folder.iterdir()))}.log").open("wb") as log:
        arguments = [sys.executable, "-m", f"distributed.cli.{command}", *flags]
        running = subprocess.Popen(arguments, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.kill()
            running.wait()


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler with so many workers of one thread, and the processes, the scheduler's first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    place = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    flags = (address, "--no-nanny", "--no-dashboard", "--nthreads", "1", "--local-directory", str(folder))
    with ExitStack() as stack:
        scheduler = stack.enter_context(process(folder, "dask_scheduler", *place))
        yield (
            address,
            [scheduler, *(stack.enter_context(process(folder, "dask_worker", *flags)) for _ in range(workers))],
        )


def same(results: dict[int, Result], wanted: dict[int, Result]) -> None:
    assert results.keys() == wanted.keys()
    for index, result in results.items():
        np.testing.assert_array_equal(result.pictures, wanted[index].pictures)
        for figure in ("nfe", "error"):
            assert result.figures[figure] == wanted[index].figures[figure]


def test_a_killed_workers_cells_are_done_again_with_the_same_pixels(tiny: str, tmp_path: Path) -> None:
    with cluster(tmp_path, 2) as (address, (_, killed, other)):
        wanted = dict(run_sweep(SWEEP))
        with Client(address, timeout=LIMIT, set_as_default=False) as watching:
            watching.wait_for_workers(2, timeout=LIMIT)
            results: dict[int, Result] = {}
            for index, result in run_sweep(SWEEP, Folder(tmp_path / "sweep"), "dask", address):
                results[index] = result
                if len(results) == 2:
                    at_work = [bool(cells) for cells in watching.processing().values()]
                    assert at_work == [True, True], "the one that is killed has a cell"
                    killed.kill()
            until(lambda: len(watching.scheduler_info()["workers"]) == 1)
        assert other.poll() is None
    same(results, wanted)
    same(dict(run_sweep(SWEEP, Folder(tmp_path / "sweep"), "dask", "tcp://127.0.0.1:1")), wanted)  # all are there


def test_a_lost_scheduler_is_one_sentence_and_what_is_done_is_kept(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONNECT_S", "WORKERS_S"):  # it has just been started
        monkeypatch.setattr(sweeping, name, LIMIT)
    folder = Folder(tmp_path / "sweep")
    with cluster(tmp_path, 1) as (address, (scheduler, _)):
        sweeping_on = run_sweep(SWEEP, folder, "dask", address)
        index, _ = next(sweeping_on)
        scheduler.kill()
        with pytest.raises(SweepError, match="was lost"):
            dict(sweeping_on)
    assert folder.load(SWEEP.cells[index]) is not None


def test_a_scheduler_that_is_not_there_or_has_no_workers_is_one_sentence(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweeping.CONNECT_S <= 5, "an address that is wrong is soon told"
    monkeypatch.setattr(sweeping, "CONNECT_S", 1)
    with pytest.raises(SweepError, match=r"^No scheduler of dask answers at tcp://127\.0\.0\.1:1\.$"):
        next(run_sweep(SWEEP, executor="dask", scheduler="tcp://127.0.0.1:1"))
    with pytest.raises(SweepError, match=r"^The executor dask needs the address of a scheduler"):
        next(run_sweep(SWEEP, executor="dask"))
    monkeypatch.setattr(sweeping, "CONNECT_S", LIMIT)
    monkeypatch.setattr(sweeping, "WORKERS_S", 1)
    with cluster(tmp_path, 0) as (address, _):
        out = str(tmp_path / "out")
        flags = ["--over", "steps=2,3", "--model", "tiny", "--executor", "dask", "--scheduler", address, "--out", out]
        assert cli.main(["sweep", *flags]) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith(f"scorescope sweep: The scheduler at {address} has no workers")
    assert said.endswith(f"to go on: scorescope sweep --out {out} --executor dask --scheduler {address}")


def test_without_dask_the_sentence_says_how_to_install_it(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SweepError, match=r"pip install 'scorescope\[dask\]'\.$"):
        next(run_sweep(SWEEP, executor="dask", scheduler="tcp://127.0.0.1:1"))


def test_cells_travel_as_json_and_come_back_as_bytes(tiny: str) -> None:
    cell = SWEEP.cells[0]
    data, reason = sweeping.remote(sweeping.written(cell))
    assert not reason
    found = sweeping.decode(cell, data)
    assert found is not None
    np.testing.assert_array_equal(found.pictures, next(run_sweep(SWEEP))[1].pictures)
    impossible = Sweep(base=Request(model="tiny"), axes=(Axis("condition", (9,)),))
    reason = dict(run_sweep(impossible))[0].reason
    assert reason.startswith("condition must be")
    assert sweeping.remote(sweeping.written(impossible.cells[0])) == (b"", reason)
