"""The request: what it refuses and how it says so, and how its fields go together."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engine import catalog
from engine.fields import RequestError
from engine.request import ABSENT, FIELDS, OPTIONS, Request

HUGE = 10**400
DEEP: Any = []
for _ in range(900):
    DEEP = [DEEP]

NO_NUMBERS: list[Any] = [math.nan, math.inf, -math.inf, "1", True, HUGE, 1j, [1.0]]
NO_INTERVALS: list[Any] = [
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
]
REFUSED: dict[str, list[Any]] = {
    "model": ["", "a b", "../digits", "a/b", "x" * 65, None, 3, b"digits", "digits\n"],
    "condition": [-1, 2**31, 1.0, True, HUGE, "x" * 1001, "\ud800", [1], DEEP, b"7"],
    "count": [0, -1, 65, 1.0, "16", None, True, HUGE, math.nan, 10**5000],
    "particles": [0, -1, 50_001, 1.0, "16", True, HUGE],
    "seed": [-1, 2**32, 0.0, "0", None, False, HUGE],
    "sampler": ["", "alien", None, 0, ["bridge"]],
    "order": [0, 3, -1, "1", "2", 2.0, True, HUGE, 10**5000],
    "steps": [0, 1001, -5, 20.0, "20", None, True, HUGE],
    "spacing": ["", "alien", None, 1],
    "sigmas": [
        (),
        (0.0,),
        (-1.0,),
        (1.0, 1.0),
        (1.0, 2.0),
        (2e6, 1.0),
        (math.inf, 1.0),
        (math.nan,),
        (2.0, math.nan, 1.0),
        (True,),
        ("2", "1"),
        tuple(float(n) for n in range(1001, 0, -1)),
        (HUGE, 1.0),
        3.0,
        "80 20 5",
    ],
    "schedule": ["", "alien", 1, True],
    "lam": [-0.1, 100.1, *NO_NUMBERS],
    "noise_interval": NO_INTERVALS,
    "noise": ["", "alien", 1, ["path"]],
    "eta": [-0.1, 1.1, *NO_NUMBERS],
    "churn": [-1, 1000.1, *NO_NUMBERS],
    "tolerance": [0, 1e-9, 0.2, *NO_NUMBERS],
    "langevin_steps": [0, 21, 1.0, "1", True, HUGE],
    "step_size": [0, 1e-5, 1.1, *NO_NUMBERS],
    "sigma": [0, 1e-4, 1e5, *NO_NUMBERS],
    "guidance": [-0.1, 100.1, None, *NO_NUMBERS],
    "guidance_interval": NO_INTERVALS,
    "guide": ["", "a b", "x" * 65, 3],
    "guidance_rescale": [-0.1, 1.1, None, *NO_NUMBERS],
    "clip": [0, 0.001, 101, *NO_NUMBERS],
    "start": [None, "noise", {"type": "alien"}, {"type": "noise", "more": 1}, {}, 0, [], DEEP],
}
RANGES = {  # words that the message must hold
    "model": ["letters"],
    "condition": ["class number", "caption"],
    "count": ["1", "64"],
    "particles": ["1", "50000", "none"],
    "seed": ["0", "4294967295"],
    "sampler": list(catalog.SAMPLERS),
    "order": ["1", "2"],
    "steps": ["1", "1000"],
    "spacing": list(catalog.SPACINGS),
    "sigmas": ["1 to 1000", "falling", "1000000 at most", "1e-06 at least"],
    "schedule": list(catalog.SCHEDULES),
    "lam": ["0", "100"],
    "noise_interval": ["0 ≤ low < high ≤ 1000000"],
    "noise": list(catalog.NOISES),
    "eta": ["0", "1"],
    "churn": ["0", "1000"],
    "tolerance": ["1e-08", "0.1"],
    "langevin_steps": ["1", "20"],
    "step_size": ["0.0001", "1"],
    "sigma": ["0.001", "10000"],
    "guidance": ["0", "100"],
    "guidance_interval": ["0 ≤ low < high ≤ 1000000"],
    "guide": ["letters", "or none"],
    "guidance_rescale": ["0", "1"],
    "clip": ["0.01", "100", "or none"],
    "start": ["start"],
}
CASES = [pytest.param(field, value, id=f"{field}-{n}") for field in REFUSED for n, value in enumerate(REFUSED[field])]


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
        assert "\n" not in message
        assert all(word in message for word in RANGES[field])
        assert len(message) < 400


@pytest.mark.parametrize(("field", "value"), CASES)
def test_what_is_out_of_range_cannot_be_replaced_in(field: str, value: Any) -> None:
    with pytest.raises(RequestError):
        Request().replace(**{field: value})


def test_a_refusal_shows_what_was_given() -> None:
    with pytest.raises(RequestError, match=r"^steps must be a whole number from 1 to 1000, not 5000\.$"):
        Request(steps=5000)
    with pytest.raises(RequestError, match=r"^schedule must be one of edm, .*, or none, not 'alien'\.$"):
        Request(schedule="alien")


@pytest.mark.parametrize("name", catalog.SAMPLERS)
def test_what_a_sampler_does_not_have_is_refused(name: str) -> None:
    """Each of the fields that it lacks, by name; those that it has are its own where they are left out."""
    sampler = catalog.SAMPLERS[name]
    request = Request(sampler=name)
    assert request.order == sampler.orders[0]
    given: dict[str, Any] = {"noise": "path", "noise_interval": (0.1, 1.0), "langevin_steps": 2, "tolerance": 0.01}
    for field in OPTIONS[1:]:
        assert getattr(request, field) == sampler.options.get(field, ABSENT[field])
        value = given.get(field, 0.25)
        if field in sampler.options:
            assert getattr(Request(sampler=name, **{field: value}), field) == value
            continue
        with pytest.raises(RequestError, match=rf"^{field} must be .* with the sampler {name}, not .*\.$") as caught:
            Request(sampler=name, **{field: value})
        assert caught.value.field == field
    for order in {1, 2, 5} - set(sampler.orders):
        with pytest.raises(RequestError, match=rf"^order must be .* with the sampler {name}, not {order}\.$"):
            Request(sampler=name, order=order)


@pytest.mark.parametrize("before", catalog.SAMPLERS)
@pytest.mark.parametrize("after", catalog.SAMPLERS)
def test_a_new_sampler_brings_its_own(before: str, after: str) -> None:
    """λ, the order and the options are the new one's; what both know of the noise is kept."""
    old, new = catalog.SAMPLERS[before], catalog.SAMPLERS[after]
    noise = {"noise": "path", "noise_interval": (0.1, 5.0)}
    kept = {name: value for name, value in noise.items() if name in old.options}
    changed = Request(sampler=before, order=old.orders[-1], seed=3, **kept).replace(sampler=after)
    wanted = Request(sampler=after, seed=3, **{name: value for name, value in kept.items() if name in new.options})
    assert changed == (wanted if before != after else wanted.replace(order=old.orders[-1]))


def test_a_new_sampler_takes_what_is_given_with_it() -> None:
    assert Request().replace(sampler="ddpm", lam=0.25, order=1) == Request(sampler="ddpm", lam=0.25)
    assert Request(sampler="heun", churn=4.0).replace(churn=2.0, seed=1) == Request(sampler="heun", churn=2.0, seed=1)
    with pytest.raises(RequestError, match="lam must be 0 with the sampler heun"):
        Request().replace(sampler="heun", lam=1.0)


def test_listed_levels_bring_their_steps_and_their_spacing() -> None:
    listed = Request(sigmas=(5.0, 1.0, 0.1), steps=50, spacing="karras")
    assert (listed.steps, listed.spacing) == (3, "explicit")
    assert listed.replace(seed=4).sigmas == listed.sigmas
    assert listed.replace(sampler="ddpm").sigmas == listed.sigmas
    assert listed.replace(sigmas=(2.0,)) == Request(sigmas=(2.0,))
    assert listed.replace(steps=7) == Request(steps=7)
    assert listed.replace(spacing="explicit", steps=listed.steps) == listed, "nothing new puts nothing away"
    assert listed.replace(spacing="trailing") == Request(steps=3, spacing="trailing")
    with pytest.raises(RequestError, match=r"^sigmas must be 1 to 1000 falling .* spacing explicit\.$"):
        Request(spacing="explicit")


def test_a_request_is_fixed_and_hashable() -> None:
    with pytest.raises(AttributeError):
        Request().steps = 3  # type: ignore[misc]
    assert len({Request(), Request(), Request(seed=1)}) == 2
    assert Request().replace(seed=1) == Request(seed=1)


def test_metadata_is_complete() -> None:
    """Controls, flags and messages are made from it: every field has a label, a help sentence, and a range."""
    for field in FIELDS.values():
        assert field.label
        assert field.help.endswith(".")
        if field.kind in ("integer", "number"):
            assert math.isfinite(field.minimum)
            assert math.isfinite(field.maximum)
        if field.kind == "choice":
            assert field.choices
    for sampler in catalog.SAMPLERS.values():
        request = Request(sampler=sampler.name)
        for name in FIELDS:
            if name in sampler.options or name not in ABSENT:
                assert FIELDS[name].admits(getattr(request, name)) or sampler.options[name] is None


def test_listed_levels_are_put_away() -> None:
    """By None, by other steps, by a spacing, and by a sampler that stays at one level."""
    listed = Request(sigmas=(3.0, 2.0))
    for changes in ({"sigmas": None}, {"sigmas": None, "steps": 4}, {"steps": 4}, {"sampler": "langevin"}):
        put_away = listed.replace(**changes)
        assert (put_away.sigmas, put_away.spacing) == (None, "karras")
    assert listed.replace(spacing="trailing").spacing == "trailing"
    with pytest.raises(RequestError, match="sigmas must be none with the sampler langevin"):
        Request(sampler="langevin", sigmas=(3.0, 2.0))
