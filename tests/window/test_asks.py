"""Asking the real worker through the client: answers, refusals, drops, a worker that dies; and the latest of many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest
from conftest import LIMIT, kill, run_loop, until
from PySide6.QtWidgets import QApplication

from desktop_app.engine_client import EngineClient, RefusedError
from desktop_app.state.latest import Latest
from engine import wire
from engine.request import Request

MOONS = Request(model="moons", steps=10, particles=200).to_dict()


@pytest.fixture
def asking(qapp: QApplication) -> Callable[[Callable[[EngineClient], Awaitable[Any]]], None]:
    """`asking(scenario)` starts a worker, awaits scenario(client), and ends it."""

    def run(scenario: Callable[[EngineClient], Awaitable[Any]]) -> None:
        errors: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
            client = EngineClient()
            client.start()
            try:
                await asyncio.wait_for(scenario(client), LIMIT)
            finally:
                client.shut_down()
            assert not client._lines, "nobody waits any more"

        run_loop(qapp, main())
        assert not errors, errors

    return run


def test_an_answer_comes_with_its_arrays(asking) -> None:
    async def scenario(client: EngineClient) -> None:
        values, (positions,) = await client.answer("cloud", {"request": MOONS})
        assert positions.shape == (11, 200, 2)
        assert positions.dtype == np.float32
        assert len(values["levels"]) == len(values["distance"]) == len(values["nfe"]) == 11
        kept, _ = await client.answer("points", {}, positions[-1])
        assert kept["model"].startswith("points-")
        _, (density, score, _) = await client.answer("field", {"model": kept["model"], "level": [0.1, 1.0, 0.1]})
        assert (density.shape, score.shape) == ((256, 256), (40, 40, 2))

    asking(scenario)


REFUSED: list[tuple[str, dict[str, Any], list[Any], str]] = [
    ("fortune", {}, [], "what"),
    ("cloud", {"request": {**MOONS, "steps": 0}}, [], "steps"),
    ("cloud", {"request": {**MOONS, "model": "digits", "particles": None}}, [], "model"),
    ("cloud", {"request": MOONS, "alien": 1}, [], "alien"),
    ("data", {"model": "moons", "count": 0}, [], "count"),
    ("points", {}, [], "arrays"),
    ("points", {}, [np.full((3, 2), np.nan, np.float32)], "points"),
    ("points", {}, [np.zeros((3, 2))], ""),  # float64 cannot be sent
    ("data", {"model": "moons", "seed": 2**70}, [], ""),  # nor can this
]


def test_what_cannot_be_answered_is_refused_by_field(asking) -> None:
    async def scenario(client: EngineClient) -> None:
        for what, values, arrays, field in REFUSED:
            with pytest.raises(RefusedError) as caught:
                await client.answer(what, values, *arrays)
            assert caught.value.field == field
            assert str(caught.value).endswith(".")
            await client.answer("data", {"model": "moons"})  # and the worker goes on

    asking(scenario)


def test_a_stream_that_is_left_is_dropped(asking) -> None:
    """Training tells how it goes, by a name that works at once; left in the middle, the worker is idle again."""

    async def scenario(client: EngineClient) -> None:
        seen = []
        async with aclosing(client.ask("learn", {"model": "moons", "steps": 10**6, "width": 16})) as pieces:
            async for values, _ in pieces:
                seen.append(values)
                if len(seen) == 2:
                    break
        assert seen[0]["step"] < seen[1]["step"]
        learned = {"model": "moons", "level": [0.1, 1.0, 0.1], "source": "difference", "learned": seen[1]["model"]}
        _, arrays = await client.answer("field", learned)
        assert len(arrays) == 4
        further = {"model": "moons", "width": 16, "learned": seen[1]["model"], "steps": seen[1]["step"] + 3}
        values, _ = await client.answer("learn", further)
        assert values["step"] == seen[1]["step"] + 3

    asking(scenario)


def test_asks_of_a_worker_that_dies_are_refused(asking) -> None:
    async def scenario(client: EngineClient) -> None:
        async with aclosing(client.ask("learn", {"model": "moons", "steps": 10**6, "width": 16})) as pieces:
            await anext(pieces)
            kill(client.pid)
            with pytest.raises(RefusedError, match="The engine stopped"):
                await asyncio.wait_for(last(pieces), LIMIT)
        await until(lambda: client.is_ready)
        await client.answer("data", {"model": "moons"})

    asking(scenario)


async def last(pieces: AsyncIterator[Any]) -> Any:
    """Everything up to the end."""
    async for piece in pieces:
        found = piece
    return found


def test_without_a_worker_an_ask_is_refused(qapp: QApplication) -> None:
    async def ask() -> None:
        with pytest.raises(RefusedError, match="not running"):
            await EngineClient().answer("data", {"model": "moons"})

    asyncio.run(ask())


class Slow:
    """A client whose answers come when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], asyncio.Future[tuple[dict[str, Any], wire.Arrays]]]] = []

    async def answer(self, what: str, values: dict[str, Any], *arrays: Any) -> tuple[dict[str, Any], wire.Arrays]:
        self.asked.append((what, values, asyncio.get_running_loop().create_future()))
        return await self.asked[-1][2]


def latest() -> tuple[Slow, Latest, list[Any]]:
    """A Latest over a slow client, and what it tells."""
    client, told = Slow(), []
    asking = Latest(client)
    asking.answered.connect(lambda channel, values, _: told.append((channel, values["n"])))
    asking.refused.connect(lambda channel, error: told.append((channel, str(error))))
    return client, asking, told


def test_only_the_newest_of_many_wants_is_asked(qapp: QApplication) -> None:
    """Of five wants the first and the last are asked, one after the other; another channel does not wait."""

    async def scenario() -> None:
        client, asking, told = latest()
        for n in range(5):
            asking.want("cloud", "cloud", {"n": n})
            asking.want("field", "field", {"n": n})
            await asyncio.sleep(0)
        assert [(what, values["n"]) for what, values, _ in client.asked] == [("cloud", 0), ("field", 0)]
        for place in range(4):
            client.asked[place][2].set_result((client.asked[place][1], []))
            while len(client.asked) < min(place + 3, 4):
                await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert sorted(told) == [("cloud", 0), ("cloud", 4), ("field", 0), ("field", 4)]
        assert not asking.is_busy("cloud")

    asyncio.run(scenario())


def test_after_a_refusal_the_next_want_is_asked(qapp: QApplication) -> None:
    async def scenario() -> None:
        client, asking, told = latest()
        asking.want("cloud", "cloud", {"n": 1})
        await asyncio.sleep(0)
        asking.want("cloud", "cloud", {"n": 2})
        client.asked[0][2].set_exception(RefusedError("steps must be fewer."))
        while len(client.asked) < 2:
            await asyncio.sleep(0)
        client.asked[1][2].set_result(({"n": 2}, []))
        await asyncio.sleep(0.01)
        assert told == [("cloud", "steps must be fewer."), ("cloud", 2)]

    asyncio.run(scenario())


def test_what_is_forgotten_is_not_told(qapp: QApplication) -> None:
    async def scenario() -> None:
        client, asking, told = latest()
        asking.want("cloud", "cloud", {"n": 1})
        await asyncio.sleep(0)
        asking.want("cloud", "cloud", {"n": 2})
        asking.stop()
        await asyncio.sleep(0)
        assert client.asked[0][2].cancelled()
        asking.want("cloud", "cloud", {"n": 3})
        await asyncio.sleep(0)
        client.asked[1][2].set_result(({"n": 3}, []))
        await asyncio.sleep(0.01)
        assert told == [("cloud", 3)]

    asyncio.run(scenario())
