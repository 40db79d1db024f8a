"""The process behind the window, over real pipes."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import engine
from engine import wire
from engine.pictures import pixels

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 180.0  # seconds for one message; a worker starts in about three
NOISY = """
import os, sys
from engine import runs, worker
begin = runs.begin
def noisy(request, **more):
    print("printed by a library", flush=True)
    os.write(1, b"written by a library in C")
    return begin(request, **more)
runs.begin = noisy
sys.exit(worker.main())
"""


class Process:
    """A worker and what it has sent: messages with their arrays, then None at the end of its output."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        environment = {**os.environ, "SCORESCOPE_MODELS": str(folder), "SCORESCOPE_DEVICE": "cpu"}
        environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, *(arguments or ("-m", "engine.worker"))],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.events: queue.Queue[Any] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        decoder = wire.Decoder()
        try:
            while data := os.read(self.process.stdout.fileno(), 1 << 16):
                decoder.feed(data)
                for event in decoder.messages():
                    self.events.put(event)
        except wire.WireError as error:
            self.events.put(error)
        self.events.put(None)

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, *messages: Any) -> None:
        self.write(b"".join(wire.frame(message) for message in messages))

    def until(self, kind: type, **fields: Any) -> list[tuple[Any, wire.Arrays]]:
        """What comes until a message of this kind, included; the message has these fields."""
        got: list[tuple[Any, wire.Arrays]] = []
        while not got or not isinstance(got[-1][0], kind):
            event = self.events.get(timeout=PATIENCE)
            assert isinstance(event, tuple), f"{event} came instead of {kind.__name__}, after {got}"
            got.append(event)
        for name, value in fields.items():
            assert getattr(got[-1][0], name) == value
        return got

    def end(self) -> list[Any]:
        """Close its input; what still comes until its output ends. It ends by itself, with exit code 0."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        rest = list(iter(lambda: self.events.get(timeout=PATIENCE), None))
        assert self.process.wait(PATIENCE) == 0
        self.reader.join(PATIENCE)
        self.process.stdout.close()
        return rest

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()


Start = Callable[..., Process]


@pytest.fixture(scope="module")
def start(model_folder: Path) -> Iterator[Start]:
    """Starts workers, and ends those that the test leaves."""
    started: list[Process] = []

    def start(*arguments: str) -> Process:
        started.append(Process(model_folder, *arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture(scope="module")
def worker(start: Start) -> Process:
    """One worker for all tests that leave it idle."""
    process = start()
    process.until(wire.Ready, device="cpu")
    return process


def run(number: int, **changes: Any) -> wire.Run:
    return wire.Run(number, request(**changes).to_dict())


def request(**changes: Any) -> engine.Request:
    return engine.Request(**{"model": "tiny", "count": 3, "steps": 5, **changes})


def test_a_run_sends_what_the_engine_makes(worker: Process, tiny: str) -> None:
    """Started with the levels, every step's pictures, and the final image: the same bytes as engine.run gives."""
    asked = request(seed=4, lam=1.0, condition=1, guidance=2.0)
    worker.send(wire.Run(1, asked.to_dict()))
    (started, _), *steps, (finished, (image, at_end)) = worker.until(wire.Finished, run=1, nfe=5)
    expected = list(engine.run(asked))
    levels = [step.level for step in expected] + [expected[-1].next]
    assert started == wire.Started(1, [(level.t, level.alpha, level.std) for level in levels], {"tiny": "fp32"})
    assert len(steps) == 5
    before, earlier = 0.0, None
    for (stepped, (noisy, clean, measured)), step in zip(steps, expected, strict=True):
        assert (stepped.run, stepped.index, stepped.nfe) == (1, step.index, step.nfe)
        assert before <= stepped.seconds <= finished.seconds
        before = stepped.seconds
        scale = (step.level.alpha**2 + step.level.std**2) ** 0.5
        np.testing.assert_allclose(noisy, pixels(step.x.numpy(), scale), atol=1)
        np.testing.assert_allclose(clean, pixels(step.denoised.numpy()), atol=1)
        change = torch.full_like(step.x, torch.nan) if earlier is None else step.denoised - earlier
        sizes = [values.double().flatten(1).square().mean(1).sqrt() for values in (step.score, change)]
        np.testing.assert_allclose(measured, sizes, rtol=1e-3)
        earlier = step.denoised
    assert np.isnan(at_end[0]).all(), "the score is not finite without noise"
    change = (expected[-1].x_next - earlier).flatten(1).square().mean(1).sqrt()
    np.testing.assert_allclose(at_end[1], change, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(image, pixels(expected[-1].x_next.numpy()), atol=1)


def test_two_runs_at_a_time_do_not_mix(worker: Process) -> None:
    """Asked for together they are under way together, and each is what it is alone."""
    worker.send(run(10, seed=1, steps=40), run(11, seed=2, steps=40))
    together = worker.until(wire.Finished) + worker.until(wire.Finished)
    order = [message.run for message, _ in together if isinstance(message, wire.Stepped | wire.Finished)]
    assert order.index(11) < len(order) - 1 - order[::-1].index(10)
    for number, seed in ((10, 1), (11, 2)):
        worker.send(run(20, seed=seed, steps=40))
        alone = [arrays for message, arrays in worker.until(wire.Finished) if not isinstance(message, wire.Started)]
        mine = [arrays for message, arrays in together if message.run == number and arrays]
        for ours, theirs in zip(alone, mine, strict=True):
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(one, other)


def test_a_cancelled_run_is_over(worker: Process) -> None:
    """Cancelled comes, long before the run would have ended, and nothing of this run after it."""
    worker.send(run(30, steps=1000, count=64))
    worker.until(wire.Stepped, run=30)
    worker.send(wire.Cancel(30))
    before = worker.until(wire.Cancelled, run=30)
    assert len(before) < 900
    worker.send(run(31))
    assert {message.run for message, _ in worker.until(wire.Finished, run=31)} == {31}


def test_cancelling_what_is_not_there_is_no_error(worker: Process) -> None:
    worker.send(wire.Cancel(40), run(41))
    assert len(worker.until(wire.Finished, run=41)) == 7


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": "many"}, "steps"),
        ({"alien": 1}, "alien"),
        ({"version": 99}, "version"),
        ({"model": "absent"}, "model"),
        ({"condition": 3}, "condition"),
        ({"sampler": "heun", "lam": 1.0}, "lam"),
    ],
)
def test_a_bad_request_is_answered_by_field(worker: Process, changes: dict[str, Any], field: str) -> None:
    worker.send(wire.Run(50, {**request().to_dict(), **changes}))
    ((failed, _),) = worker.until(wire.Failed, run=50, field=field)
    assert field in failed.message
    assert "Traceback" in failed.details
    worker.send(run(51))
    worker.until(wire.Finished, run=51)


@pytest.mark.parametrize(
    "data",
    [
        wire._LENGTHS.pack(5, 0) + b"alien",
        wire._LENGTHS.pack(2, 0) + b"\xa1\xff",
        wire.frame(wire.Ready("cpu", "0")),
        wire.frame(wire.Stepped(1, 2, 3, 0.5), np.zeros(3, np.uint8)),
    ],
    ids=["not a message", "bad utf-8", "an event", "a step"],
)
def test_an_unknown_message_is_answered(worker: Process, data: bytes) -> None:
    """With Failed of run 0; and the worker goes on."""
    worker.write(data)
    ((failed, _),) = worker.until(wire.Failed, run=0)
    assert failed.message.startswith("The worker was sent ")
    worker.send(run(60))
    worker.until(wire.Finished, run=60)


def test_a_stream_out_of_step_ends_it(start: Start) -> None:
    process = start()
    process.write(b"\xff" * 100)
    process.until(wire.Failed, run=0)
    assert process.end() == []


def test_prints_do_not_reach_its_frames_and_the_end_of_its_input_ends_it(start: Start) -> None:
    """Libraries that print, from Python or from C, cannot break the stream: there are frames only.

    At the end of its input it ends with exit code 0, even with a run under way.
    """
    process = start("-c", NOISY)
    process.send(run(1))
    events = process.until(wire.Finished, run=1)
    assert [type(message).__name__ for message, _ in events] == ["Ready", "Started", *["Stepped"] * 5, "Finished"]
    process.send(run(2, steps=1000, count=64))
    process.until(wire.Stepped)
    rest = process.end()
    assert len(rest) < 900
    assert all(isinstance(message, wire.Stepped) for message, _ in rest)


def test_an_ask_travels_with_its_arrays(worker: Process) -> None:
    """Points go there, and a name comes back, which a field can be asked of."""
    points = np.random.Generator(np.random.Philox(3)).normal(0.0, 0.5, (40, 2)).astype(np.float32)
    worker.write(wire.frame(wire.Ask(70, "points", {}), points))
    ((kept, _),) = worker.until(wire.Answer, ask=70, last=True)
    worker.send(wire.Ask(71, "field", {"model": kept.values["model"], "level": [0.5, 1.0, 0.5], "density": 16}))
    ((_, arrays),) = worker.until(wire.Answer, ask=71)
    assert [array.shape for array in arrays] == [(16, 16), (40, 40, 2), (40, 40, 2)]


@pytest.mark.parametrize(
    ("what", "values", "arrays", "field"),
    [
        ("", {}, [], "what"),
        ("a" * 10_000, {}, [], "what"),
        ("field", {"model": "moons", "level": [0.5, 1.0, "x" * 10_000]}, [], "level"),
        ("cloud", {"request": {"particles": 2**63}}, [], "particles"),
        ("cloud", {"request": {"start": {"type": "branch", "step": 0, "request": {"steps": []}}}}, [], "start"),
        ("points", {}, [np.zeros((2, 2), np.uint8)], "points"),
        ("points", {}, [np.zeros((2, 0, 3, 1), np.float32)], "points"),
        ("points", {}, [np.zeros((2, 2), np.float32)] * 2, "arrays"),
        ("data", {"model": "moons"}, [np.zeros(3, np.float32)], "arrays"),
    ],
)
def test_a_hostile_ask_is_refused_by_field(
    worker: Process, what: str, values: dict[str, Any], arrays: list[Any], field: str
) -> None:
    """With one short sentence; and the worker goes on."""
    worker.write(wire.frame(wire.Ask(80, what, values), *arrays))
    ((refused, _),) = worker.until(wire.Refused, ask=80, field=field)
    assert refused.message.endswith(".")
    assert len(refused.message) < 300
    worker.send(wire.Ask(81, "data", {"model": "moons", "count": 3}))
    worker.until(wire.Answer, ask=81)


def test_its_end_is_its_end_with_a_training_under_way(start: Start) -> None:
    process = start()
    process.send(wire.Ask(1, "learn", {"model": "moons", "width": 16, "steps": 10**6}))
    process.until(wire.Answer, ask=1, last=False)
    assert all(isinstance(message, wire.Answer) for message, _ in process.end())
