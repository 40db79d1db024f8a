"""The worker's turns, in this process, where what arrives between two steps is exact."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import engine
from engine import wire
from engine.worker import Inbox, Worker


def run(number: int, **changes: Any) -> wire.Run:
    return wire.Run(number, engine.Request(**{"model": "tiny", "count": 3, "steps": 5, **changes}).to_dict())


def here(*commands: Any, react: Callable[[Any, Inbox], None] = lambda event, inbox: None) -> list[Any]:
    """What a worker in this process sends for some commands, and for those put in by `react` to its events."""
    inbox: Inbox = queue.SimpleQueue()
    sent: list[Any] = []

    def send(event: Any, *arrays: object) -> None:
        sent.append(event)
        react(event, inbox)

    for command in commands:
        inbox.put(command)
    Worker(inbox, send).work()
    return sent


def shut_down_after(count: int) -> Callable[[Any, Inbox], None]:
    """A reaction: Shutdown when so many runs have finished."""
    finished: list[int] = []

    def react(event: Any, inbox: Inbox) -> None:
        if isinstance(event, wire.Finished):
            finished.append(event.run)
            if len(finished) == count:
                inbox.put(wire.Shutdown())

    return react


def test_two_runs_take_turns(tiny: str) -> None:
    """One step each, so that lanes that are compared get the same share."""
    sent = here(run(1, seed=1), run(2, seed=2), react=shut_down_after(2))
    assert [event.run for event in sent] == [1, 2] * 7
    assert [type(event).__name__ for event in sent[::2]] == ["Started", *["Stepped"] * 5, "Finished"]


def test_shutdown_ends_it_with_a_run_under_way(tiny: str) -> None:
    def react(event: Any, inbox: Inbox) -> None:
        if isinstance(event, wire.Stepped) and event.index == 1:
            inbox.put(wire.Shutdown())

    sent = here(run(1, steps=100), react=react)
    assert [type(event).__name__ for event in sent] == ["Started", "Stepped", "Stepped"]


def test_cancel_takes_one_step_at_most(tiny: str) -> None:
    """A cancel that arrives while a step is sent is answered before the next step of that run; others go on."""

    def react(event: Any, inbox: Inbox) -> None:
        if isinstance(event, wire.Stepped) and (event.run, event.index) == (1, 2):
            inbox.put(wire.Cancel(1))
        if isinstance(event, wire.Finished):
            inbox.put(wire.Shutdown())

    sent = here(run(1, steps=100), run(2), react=react)
    assert [event.index for event in sent if isinstance(event, wire.Stepped) and event.run == 1] == [0, 1, 2]
    assert [event.run for event in sent if isinstance(event, wire.Cancelled)] == [1]
    assert sum(isinstance(event, wire.Stepped) and event.run == 2 for event in sent) == 5
    after = sent[sent.index(wire.Cancelled(1)) + 1 :]
    assert all(event.run == 2 for event in after)


def test_a_failing_run_does_not_take_the_others_along(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the middle of a run is told as one sentence, and the other run ends as it would."""
    good = engine.runs.run  # type: ignore[attr-defined]

    def fragile(asked: engine.Request) -> Iterator[engine.Step]:
        for step in good(asked):
            if asked.seed == 13 and step.index == 2:
                raise MemoryError("no room for step 2")
            yield step

    monkeypatch.setattr("engine.runs.run", fragile)
    sent = here(run(1, seed=13), run(2), react=shut_down_after(1))
    (failed,) = [event for event in sent if isinstance(event, wire.Failed)]
    assert (failed.run, failed.message, failed.field) == (1, "no room for step 2", "")
    assert sent[-1].run == 2
    assert isinstance(sent[-1], wire.Finished)
