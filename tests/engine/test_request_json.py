"""The request survives JSON and the wire, and nothing else gets in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from request_strategies import ANYTHING, requests

from engine import wire
from engine.fields import RequestError
from engine.request import FIELDS, VERSION, Request

HUGE = 10**400


@given(requests())
def test_a_request_survives_json_and_the_wire(request: Request) -> None:
    assert Request.from_json(request.to_json()) == request
    assert Request.from_json(json.dumps(request.to_dict())) == request
    assert "\n" not in request.to_json()
    decoder = wire.Decoder()
    decoder.feed(wire.frame(wire.Run(1, request.to_dict())))
    ((message, _),) = decoder.messages()
    assert isinstance(message, wire.Run)
    assert Request.from_dict(message.request) == request


def test_missing_fields_take_their_defaults() -> None:
    """An old request, from before a field was there, is still read."""
    assert Request.from_json("{}") == Request()
    assert Request.from_json('{"version": 1, "steps": 5}') == Request(steps=5)
    assert Request().to_dict()["version"] == VERSION


def test_requests_of_version_1_are_read() -> None:
    """What the first release wrote: neither a sampler's options nor any start but noise."""
    old = {
        "version": 1,
        "model": "digits",
        "condition": 7,
        "count": 16,
        "seed": 1,
        "sampler": "bridge",
        "order": 2,
        "steps": 20,
        "spacing": "karras",
        "schedule": None,
        "lam": 0.5,
        "guidance": 2.0,
        "guidance_interval": [0.1, 5.0],
        "start": {"type": "noise"},
    }
    wanted = Request(condition=7, seed=1, lam=0.5, guidance=2.0, guidance_interval=(0.1, 5.0))
    assert Request.from_json(json.dumps(old)) == wanted
    assert Request.from_dict({**old, "sampler": "heun", "lam": 0.0}) == wanted.replace(sampler="heun")


@pytest.mark.parametrize("version", [0, VERSION + 1, -1, 1.0, "1", None, True, HUGE])
def test_other_versions_are_refused(version: Any) -> None:
    with pytest.raises(RequestError, match="version must be") as caught:
        Request.from_dict({"version": version})
    assert caught.value.field == "version"


@pytest.mark.parametrize("name", ["alien", "Steps", "", "__class__", "self", "x" * 5000])
def test_unknown_fields_are_refused(name: str) -> None:
    with pytest.raises(RequestError, match="is not a field of a request; they are model, ") as caught:
        Request.from_dict({name: 1})
    assert caught.value.field == name
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "3",
        '"digits"',
        "{]",
        "NaN",
        '{"lam": NaN}',
        '{"lam": 1e999}',
        '{"steps": ' + "9" * 5000 + "}",
        '{"seed": ' + "9" * 400 + "}",
        '{"steps": 20.5}',
        '{"condition": ' + "[" * 100_000,
        '{"condition": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"condition": "\\ud800"}',
        b'{"condition": "\xff"}',
        b"\xff\xfe",
        b"\x00",
        '{"start": {"type": "noise", "type": "image"}}',
        '{"model": {"model": {}}}',
    ],
    ids=range(23),
)
def test_hostile_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(RequestError):
        Request.from_json(text)


def test_nesting_at_the_edge_of_the_stack_is_refused() -> None:
    """Some depths can be read and are too deep to be shown: still a RequestError."""
    for depth in range(700, 1010):
        with pytest.raises(RequestError):
            Request.from_json('{"condition": ' + "[" * depth + "]" * depth + "}")


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_random_bytes_are_refused_or_read(text: str | bytes) -> None:
    try:
        Request.from_json(text)
    except RequestError:
        return


@given(st.dictionaries(st.sampled_from([*FIELDS, "version", "alien"]), ANYTHING, max_size=4))
def test_random_values_are_refused_or_read(values: dict[str, Any]) -> None:
    """A request that is let in can be written down and read again."""
    try:
        request = Request.from_dict(values)
    except RequestError as error:
        refusal = error
    else:
        assert Request.from_json(request.to_json()) == request
        return
    said = str(refusal)
    assert said.startswith(f"{refusal.field} must ") or said.startswith("'alien' is not a field")
    assert said.endswith(".")
