"""The worker's turns, in this process, where what arrives between two steps is exact."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import engine
from engine import wire
from engine.request import Branch
from engine.worker import Inbox, Worker


def run(number: int, **changes: Any) -> wire.Run:
    return wire.Run(number, engine.Request(**{"model": "tiny", "count": 3, "steps": 5, **changes}).to_dict())


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learned is kept in a folder of this test alone."""
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))


def put(inbox: Inbox, command: Any, *arrays: Any) -> None:
    inbox.put((command, list(arrays)))


def here(*commands: Any, react: Callable[[Any, Inbox], None] = lambda event, inbox: None) -> list[Any]:
    """What a worker in this process sends for some commands, and for those put in by `react` to its events."""
    inbox: Inbox = queue.SimpleQueue()
    sent: list[Any] = []

    def send(event: Any, *arrays: object) -> None:
        sent.append(event)
        react(event, inbox)

    for command in commands:
        put(inbox, command)
    Worker(inbox, send).work()
    return sent


def shut_down_after(count: int) -> Callable[[Any, Inbox], None]:
    """A reaction: Shutdown when so many runs have finished."""
    finished: list[int] = []

    def react(event: Any, inbox: Inbox) -> None:
        if isinstance(event, wire.Finished):
            finished.append(event.run)
            if len(finished) == count:
                put(inbox, wire.Shutdown())

    return react


def test_two_runs_take_turns(tiny: str) -> None:
    """One step each, so that lanes that are compared get the same share."""
    sent = here(run(1, seed=1), run(2, seed=2), react=shut_down_after(2))
    assert [event.run for event in sent] == [1, 2] * 7
    assert [type(event).__name__ for event in sent[::2]] == ["Started", *["Stepped"] * 5, "Finished"]


def test_shutdown_ends_it_with_a_run_under_way(tiny: str) -> None:
    def react(event: Any, inbox: Inbox) -> None:
        if isinstance(event, wire.Stepped) and event.index == 1:
            put(inbox, wire.Shutdown())

    sent = here(run(1, steps=100), react=react)
    assert [type(event).__name__ for event in sent] == ["Started", "Stepped", "Stepped"]


def test_cancel_takes_one_step_at_most(tiny: str) -> None:
    """A cancel that arrives while a step is sent is answered before the next step of that run; others go on."""

    def react(event: Any, inbox: Inbox) -> None:
        if isinstance(event, wire.Stepped) and (event.run, event.index) == (1, 2):
            put(inbox, wire.Cancel(1))
        if isinstance(event, wire.Finished):
            put(inbox, wire.Shutdown())

    sent = here(run(1, steps=100), run(2), react=react)
    assert [event.index for event in sent if isinstance(event, wire.Stepped) and event.run == 1] == [0, 1, 2]
    assert [event.run for event in sent if isinstance(event, wire.Cancelled)] == [1]
    assert sum(isinstance(event, wire.Stepped) and event.run == 2 for event in sent) == 5
    after = sent[sent.index(wire.Cancelled(1)) + 1 :]
    assert all(event.run == 2 for event in after)


def test_a_failing_run_does_not_take_the_others_along(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the middle of a run is told as one sentence, and the other run ends as it would."""
    good = engine.runs.begin  # type: ignore[attr-defined]

    def fragile(asked: engine.Request, **more: Any) -> Any:
        origin, steps = yield from good(asked, **more)

        def until_the_second() -> Iterator[engine.Step]:
            for step in steps:
                if asked.seed == 13 and step.index == 2:
                    raise MemoryError("no room for step 2")
                yield step

        return origin, until_the_second()

    monkeypatch.setattr("engine.runs.begin", fragile)
    sent = here(run(1, seed=13), run(2), react=shut_down_after(1))
    (failed,) = [event for event in sent if isinstance(event, wire.Failed)]
    assert (failed.run, failed.message, failed.field) == (1, "no room for step 2", "")
    assert sent[-1].run == 2
    assert isinstance(sent[-1], wire.Finished)


# --- asks ---


def ask(number: int, what: str, **values: Any) -> wire.Ask:
    return wire.Ask(number, what, values)


def cloud(number: int, **changes: Any) -> wire.Ask:
    request = engine.Request(**{"model": "moons", "particles": 10, "steps": 5, **changes})
    return ask(number, "cloud", request=request.to_dict())


def after_answers(count: int) -> Callable[[Any, Inbox], None]:
    """A reaction: Shutdown when so many asks are over."""
    over: list[int] = []

    def react(event: Any, inbox: Inbox) -> None:
        if isinstance(event, wire.Refused) or (isinstance(event, wire.Answer) and event.last):
            over.append(event.ask)
            if len(over) == count:
                put(inbox, wire.Shutdown())

    return react


def test_an_ask_is_answered_once() -> None:
    sent = here(cloud(7), cloud(8, steps=3), react=after_answers(2))
    levels = {event.ask: len(event.values["levels"]) for event in sent if event.last}
    assert levels == {7: 6, 8: 4}
    assert len(sent) == 2


def test_a_drop_is_seen_between_two_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """It arrives while a report is sent: nothing more of that ask is sent, and another is answered."""
    monkeypatch.setattr("engine.lab.learning.EVERY", 0.0)

    def react(event: Any, inbox: Inbox) -> None:
        if isinstance(event, wire.Answer) and event.ask == 1 and event.values["step"] == 3:
            put(inbox, wire.Drop(1))
            put(inbox, cloud(2))
        elif event.ask == 2:
            put(inbox, wire.Shutdown())

    sent = here(ask(1, "learn", model="moons", width=16, steps=10**6), react=react)
    assert [(event.ask, event.last) for event in sent] == [(1, False)] * 3 + [(2, True)]


def test_dropping_what_is_not_there_is_no_error() -> None:
    sent = here(wire.Drop(3), cloud(4), wire.Drop(5), react=after_answers(1))
    assert [event.ask for event in sent] == [4]


def test_a_run_goes_on_while_a_network_learns(tiny: str) -> None:
    """Both have their turns: the run ends, though the training would go on for ever."""

    def react(event: Any, inbox: Inbox) -> None:
        if isinstance(event, wire.Finished):
            put(inbox, wire.Shutdown())

    sent = here(ask(1, "learn", model="moons", width=16, steps=10**6), run(1), react=react)
    assert isinstance(sent[-1], wire.Finished)
    assert not any(isinstance(event, wire.Refused) for event in sent)


def test_what_fails_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the middle of an answer is one sentence; the ask beside it, and the next, are answered."""

    def fragile(name: str, count: int, *_: Any, **__: Any) -> Any:
        raise MemoryError(f"no room for {count} points")

    monkeypatch.setattr("engine.lab.points.plane.sample", fragile)
    sent = here(ask(1, "data", model="moons", count=9), ask(2, "alien"), react=after_answers(2))
    assert [(event.ask, event.message, event.field) for event in sent] == [
        (1, "no room for 9 points", ""),
        (2, sent[1].message, "what"),
    ]
    assert "Traceback" in sent[0].details


def test_points_are_no_images() -> None:
    """A run is of images: one of a distribution is told so, by the field."""
    asked = wire.Run(1, engine.Request(model="moons").to_dict())

    def react(event: Any, inbox: Inbox) -> None:
        put(inbox, wire.Shutdown())

    (failed,) = here(asked, react=react)
    assert (failed.field, failed.message) == ("model", "model must make images here, not points, as moons does.")


# --- branches and the history ---


def branched(number: int, step: int, steps: int = 60, **changes: Any) -> wire.Run:
    """A branch of a run of seed 0."""
    parent = engine.Request(model="tiny", count=3, steps=steps)
    return wire.Run(number, parent.replace(start=Branch(parent, step), **changes).to_dict())


def test_a_parent_is_walked_again_in_turns(tiny: str) -> None:
    """While the steps before a branch are made again, another run goes on, and a cancel is seen."""
    order: list[int] = []

    def react(event: Any, inbox: Inbox) -> None:
        order.append(event.run)
        if isinstance(event, wire.Stepped) and event.run == 2 and event.index == 9:
            put(inbox, wire.Cancel(1))
        if isinstance(event, wire.Finished):
            put(inbox, wire.Shutdown())

    sent = here(branched(1, 50), run(2, steps=20), react=react)
    assert [event for event in sent if event.run == 1] == [wire.Cancelled(1)], "before it had come to its own steps"
    assert sum(isinstance(event, wire.Stepped) for event in sent) == 20


def test_a_parent_that_is_remembered_is_not_walked_again(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are the parents of its branch: its own steps begin at once, and are the same."""
    made: list[tuple[Any, list[Any]]] = []
    calls: list[int] = []
    good = engine.runs.guided_by  # type: ignore[attr-defined]

    def counted(*asked: Any) -> Any:
        denoise = good(*asked)

        def denoised(x: Any, level: Any) -> Any:
            calls.append(1)
            return denoise(x, level)

        return denoised

    monkeypatch.setattr("engine.runs.guided_by", counted)
    inbox: Inbox = queue.SimpleQueue()

    def send(event: Any, *arrays: Any) -> None:
        made.append((event, [array.copy() for array in arrays]))
        if isinstance(event, wire.Finished):
            put(inbox, {1: branched(2, 50), 2: wire.Keep(0), 3: wire.Shutdown()}[event.run])
            if event.run == 2:
                put(inbox, branched(3, 50))

    put(inbox, run(1, steps=60))
    Worker(inbox, send).work()
    counts = {number: sum(event.run == number for event, _ in made) for number in (1, 2, 3)}
    assert counts == {1: 62, 2: 12, 3: 12}
    assert len(calls) == 60 + 10 + 51 + 10, "with nothing kept the parent is walked, with the step that it is left at"
    remembered, again = ([pair for pair in made if pair[0].run == number] for number in (2, 3))
    for (one, ours), (other, theirs) in zip(remembered, again, strict=True):
        assert getattr(one, "nfe", 0) == getattr(other, "nfe", 0)
        assert [array.tobytes() for array in ours] == [array.tobytes() for array in theirs]


def test_pictures_of_a_run_are_asked_for_while_another_goes_on(tiny: str) -> None:
    def react(event: Any, inbox: Inbox) -> None:
        if isinstance(event, wire.Stepped) and (event.run, event.index) == (2, 0):
            put(inbox, ask(5, "picture", run=1, view="score", place=3))
            put(inbox, ask(6, "picture", run=9, view="score", place=3))
        if isinstance(event, wire.Finished) and event.run == 1:
            put(inbox, run(2, steps=30))
        if isinstance(event, wire.Finished) and event.run == 2:
            put(inbox, wire.Shutdown())

    sent = here(run(1), react=react)
    (answer,) = [event for event in sent if isinstance(event, wire.Answer)]
    (refused,) = [event for event in sent if isinstance(event, wire.Refused)]
    assert (answer.ask, answer.values["place"], answer.values["exact"]) == (5, 3, True)
    assert (refused.ask, refused.field) == (6, "run")
    assert sent.index(answer) < sent.index(next(e for e in sent if isinstance(e, wire.Finished) and e.run == 2))
