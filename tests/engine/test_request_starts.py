"""What a run starts from: what is refused, and what comes back from JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.fields import RequestError
from engine.request import MAX_BRANCHES, Branch, Request
from engine.starts import MAX_SIDE, Encoding, Image, PureNoise, Slerp

PIXELS = bytes(range(12))
SHAPE = (1, 3, 4)
PLAIN: dict[str, dict[str, Any]] = {  # as they are written in JSON
    "noise": {"type": "noise"},
    "image": {"type": "image", "pixels": "AAECAwQFBgcICQoL", "shape": [1, 3, 4]},
    "encoding": {"type": "encoding", "pixels": "AAECAwQFBgcICQoL", "shape": [1, 3, 4]},
    "slerp": {"type": "slerp", "first": {"type": "noise"}, "second": {"type": "noise", "seed": 3}, "fractions": [0.5]},
    "branch": {"type": "branch", "request": {"steps": 3}, "step": 1},
}
READ = {
    "noise": PureNoise(),
    "image": Image(PIXELS, SHAPE),
    "encoding": Encoding(PIXELS, SHAPE),
    "slerp": Slerp(PureNoise(), PureNoise(3), (0.5,)),
    "branch": Branch(Request(steps=3), 1),
}


def nested(depth: int) -> Request:
    """A branch of a branch of …, so many deep."""
    request = Request(count=1)
    for _ in range(depth):
        request = Request(count=1, start=Branch(request, 0))
    return request


@pytest.mark.parametrize("kind", PLAIN)
def test_each_start_is_read_as_it_is_written(kind: str) -> None:
    request = Request.from_dict({"count": 1, "start": PLAIN[kind]})
    assert request == Request(count=1, start=READ[kind])
    assert Request.from_json(request.to_json()) == request


REFUSED: dict[str, Callable[[], Any]] = {
    "seed": lambda: PureNoise(seed=-1),
    "seed of text": lambda: PureNoise(seed="1"),  # type: ignore[arg-type]
    "too few pixels": lambda: Image(PIXELS[:-1], SHAPE),
    "too many pixels": lambda: Image(PIXELS + b"0", SHAPE),
    "no bytes": lambda: Image("0" * 12, SHAPE),  # type: ignore[arg-type]
    "no pixels": lambda: Image(b"", (1, 0, 4)),
    "two sides": lambda: Image(PIXELS, (3, 4)),  # type: ignore[arg-type]
    "a side too long": lambda: Image(bytes(MAX_SIDE + 1), (1, 1, MAX_SIDE + 1)),
    "true as a side": lambda: Image(PIXELS, (True, 3, 4)),
    "no strength": lambda: Image(PIXELS, SHAPE, strength=0),
    "too much strength": lambda: Image(PIXELS, SHAPE, strength=1.01),
    "strength nan": lambda: Image(PIXELS, SHAPE, strength=float("nan")),
    "small mask": lambda: Image(PIXELS, SHAPE, mask=bytes(11)),
    "grey mask": lambda: Image(PIXELS, SHAPE, mask=bytes([255] * 12)),
    "encoded by a path": lambda: Encoding(PIXELS, SHAPE, model="../digits"),
    "encoded as nothing": lambda: Encoding(PIXELS, SHAPE, condition=-1),
    "slerp of an image": lambda: Slerp(PureNoise(), Image(PIXELS, SHAPE), (0.5,)),  # type: ignore[arg-type]
    "slerp of none": lambda: Slerp(PureNoise(), PureNoise(), ()),
    "slerp beyond": lambda: Slerp(PureNoise(), PureNoise(), (1.5,)),
    "slerp of a list": lambda: Slerp(PureNoise(), PureNoise(), [0.5]),  # type: ignore[arg-type]
    "branch of nothing": lambda: Branch({}, 0),  # type: ignore[arg-type]
    "branch before": lambda: Branch(Request(), -1),
    "branch between": lambda: Branch(Request(), 1.5),  # type: ignore[arg-type]
    "too deep": lambda: nested(MAX_BRANCHES + 1),
    "slerp of another count": lambda: Request(count=3, start=READ["slerp"]),
    "dict": lambda: Request(start=PLAIN["image"]),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_started_from_is_refused(case: str) -> None:
    with pytest.raises(RequestError, match=r"^start must .*\.$") as caught:
        REFUSED[case]()
    assert caught.value.field == "start"
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("noise", {"seed": -1}),
        ("noise", {"seed": "x"}),
        ("image", {"pixels": "?"}),
        ("image", {"pixels": "AAEC"}),
        ("image", {"shape": [1, 3]}),
        ("image", {"shape": "134"}),
        ("image", {"strength": 0}),
        ("image", {"mask": "AAEC"}),
        ("encoding", {"alien": 1}),
        ("encoding", {"model": 3}),
        ("slerp", {"first": {"type": "image"}}),
        ("slerp", {"first": None}),
        ("slerp", {"fractions": [2]}),
        ("slerp", {"fractions": [0, 1]}),  # for one sample
        ("branch", {"step": -1}),
        ("branch", {"step": None}),
        ("branch", {"request": {"steps": 0}}),
        ("branch", {"request": {"alien": 0}}),
        ("branch", {"request": {"start": {"type": "alien"}}}),
        ("branch", {"request": 3}),
        ("branch", {"request": {"version": 99}}),
    ],
)
def test_what_is_written_wrongly_is_refused(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r"^start must .*[^.]\.$") as caught:
        Request.from_dict({"count": 1, "start": {**PLAIN[kind], **changes}})
    assert caught.value.field == "start"


@pytest.mark.parametrize("start", [{"type": "a" * 100_000}, {"type": "noise", "b" * 100_000: 1}], ids=["type", "field"])
def test_a_refusal_does_not_repeat_all_that_was_given(start: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r"^start must .*\.$") as caught:
        Request.from_dict({"start": start})
    assert len(str(caught.value)) < 600


def test_a_branch_has_at_most_the_samples_of_its_parent() -> None:
    parent = Request(count=4)
    assert Request(count=3, start=Branch(parent, 2)).count == 3
    with pytest.raises(RequestError, match=r"^count must be at most 4, as in the run it branches from\.$") as caught:
        Request(count=5, start=Branch(parent, 2))
    assert caught.value.field == "count"


def test_branches_go_so_deep_and_no_deeper() -> None:
    deepest = nested(MAX_BRANCHES)
    assert Request.from_json(deepest.to_json()) == deepest
    text = deepest.to_json()
    for _ in range(300):
        text = f'{{"count": 1, "start": {{"type": "branch", "request": {text}, "step": 0}}}}'
        with pytest.raises(RequestError, match=r"^start must .*\.$"):
            Request.from_json(text)
