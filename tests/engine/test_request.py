"""The request: what it refuses and how it says so, and that it survives JSON and the wire."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import catalog, wire
from engine.request import FIELDS, VERSION, PureNoise, Request, RequestError

HUGE = 10**400
DEEP: Any = []
for _ in range(900):
    DEEP = [DEEP]

REFUSED: dict[str, list[Any]] = {
    "model": ["", "a b", "../digits", "a/b", "x" * 65, None, 3, b"digits", "digits\n"],
    "condition": [-1, 2**31, 1.0, True, HUGE, "x" * 1001, "\ud800", [1], DEEP, b"7"],
    "count": [0, -1, 1025, 1.0, "16", None, True, HUGE, math.nan, 10**5000],
    "seed": [-1, 2**32, 0.0, "0", None, False, HUGE],
    "sampler": ["", "alien", None, 0, ["bridge"]],
    "order": [0, 3, -1, "1", "2", 2.0, None, True, HUGE, 10**5000],
    "steps": [0, 1001, -5, 20.0, "20", None, True, HUGE],
    "spacing": ["", "alien", None, 1],
    "schedule": ["", "alien", 1, True],
    "lam": [-0.1, 100.1, math.nan, math.inf, -math.inf, "1", None, True, HUGE, 1j],
    "guidance": [-0.1, 100.1, math.nan, math.inf, "1", None, True, HUGE],
    "guidance_interval": [
        (1.0, 1.0),
        (2.0, 1.0),
        (-1.0, 1.0),
        (0.0, math.inf),
        (math.nan, 1.0),
        (0.0, math.nan),
        (0, HUGE),
        (0.0,),
        (0.0, 1.0, 2.0),
        ("0", "1"),
        (False, True),
        3.0,
        "all",
    ],
    "start": [None, "noise", {"type": "image"}, {"type": "noise", "more": 1}, 0],
}
RANGES = {  # words that the message must hold
    "model": ["letters"],
    "condition": ["class number", "caption"],
    "count": ["1", "64"],
    "seed": ["0", "4294967295"],
    "sampler": list(catalog.SAMPLERS),
    "order": ["1", "2"],
    "steps": ["1", "1000"],
    "spacing": list(catalog.SPACINGS),
    "schedule": list(catalog.SCHEDULES),
    "lam": ["0", "100"],
    "guidance": ["0", "100"],
    "guidance_interval": ["0 ≤ low < high ≤ 1000000"],
    "start": ["start"],
}
CASES = [pytest.param(field, value, id=f"{field}-{n}") for field in REFUSED for n, value in enumerate(REFUSED[field])]


def requests() -> st.SearchStrategy[Request]:
    """Valid requests, all over their ranges."""
    numbers = st.floats(0, 100) | st.integers(0, 100)
    interval = st.lists(st.floats(0, 1e6) | st.integers(0, 10**6), min_size=2, max_size=2, unique=True).map(sorted)
    bridge = st.fixed_dictionaries({"sampler": st.just("bridge"), "order": st.sampled_from([1, 2]), "lam": numbers})
    heun = st.just({"sampler": "heun", "order": 2, "lam": 0.0})
    others = st.fixed_dictionaries(
        {},
        optional={
            "model": st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
            "condition": st.none() | st.integers(0, 2**31 - 1) | st.text(max_size=1000),
            "count": st.integers(1, 64),
            "seed": st.integers(0, 2**32 - 1),
            "steps": st.integers(1, 1000),
            "spacing": st.sampled_from(sorted(catalog.SPACINGS)),
            "schedule": st.none() | st.sampled_from(sorted(catalog.SCHEDULES)),
            "guidance": numbers,
            "guidance_interval": st.none() | interval.map(tuple),
            "start": st.just(PureNoise()),
        },
    )
    return st.builds(lambda sampler, rest: Request(**sampler, **rest), bridge | heun, others)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def test_every_field_is_tried() -> None:
    assert set(REFUSED) == set(RANGES) == set(FIELDS) == set(Request.__struct_fields__)


@pytest.mark.parametrize(("field", "value"), CASES)
def test_what_is_out_of_range_is_refused_by_name(field: str, value: Any) -> None:
    """Each way in refuses it: the message is one sentence with the field's name and its range."""
    for make in (lambda: Request(**{field: value}), lambda: Request.from_dict({field: value})):
        with pytest.raises(RequestError) as caught:
            make()
        assert caught.value.field == field
        message = str(caught.value)
        assert message.startswith(f"{field} must be ")
        assert message.endswith(".")
        assert all(word in message for word in RANGES[field])
        assert len(message) < 300


@pytest.mark.parametrize(("field", "value"), CASES)
def test_what_is_out_of_range_cannot_be_replaced_in(field: str, value: Any) -> None:
    with pytest.raises(RequestError):
        Request().replace(**{field: value})


def test_a_refusal_shows_what_was_given() -> None:
    with pytest.raises(RequestError, match=r"^steps must be a whole number from 1 to 1000, not 5000\.$"):
        Request(steps=5000)
    with pytest.raises(RequestError, match=r"^schedule must be one of edm, .*, or none, not 'alien'\.$"):
        Request(schedule="alien")


def test_samplers_limit_their_fields() -> None:
    """Heun has no λ and no order 1."""
    with pytest.raises(RequestError, match="lam must be 0 with the sampler heun") as caught:
        Request(sampler="heun", lam=1.0)
    assert caught.value.field == "lam"
    with pytest.raises(RequestError, match="order must be 2 with the sampler heun") as caught:
        Request(sampler="heun", order=1)
    assert caught.value.field == "order"


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


@pytest.mark.parametrize("version", [0, 2, -1, 1.0, "1", None, True, HUGE])
def test_other_versions_are_refused(version: Any) -> None:
    with pytest.raises(RequestError, match="version must be") as caught:
        Request.from_dict({"version": version})
    assert caught.value.field == "version"


@pytest.mark.parametrize("name", ["alien", "Steps", "", "__class__", "self", "x" * 5000])
def test_unknown_fields_are_refused(name: str) -> None:
    with pytest.raises(RequestError, match="is not a field of a request; they are model, ") as caught:
        Request.from_dict({name: 1})
    assert caught.value.field == name
    assert len(str(caught.value)) < 300


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
    except RequestError:
        return
    assert Request.from_json(request.to_json()) == request


def test_a_request_is_fixed_and_hashable() -> None:
    with pytest.raises(AttributeError):
        Request().steps = 3  # type: ignore[misc]
    assert len({Request(), Request(), Request(seed=1)}) == 2
    assert Request().replace(seed=1) == Request(seed=1)


def test_metadata_is_complete() -> None:
    """Controls, flags and messages are made from it: every field has a label, a help sentence, and a range."""
    for name, field in FIELDS.items():
        assert field.label
        assert field.help.endswith(".")
        assert field.admits(getattr(Request(), name))
        if field.kind in ("integer", "number"):
            assert math.isfinite(field.minimum)
            assert math.isfinite(field.maximum)
        if field.kind == "choice":
            assert field.choices
