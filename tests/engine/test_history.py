"""What the worker remembers of its runs: never above the budget, the oldest thinned first, and the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TINY, random_network

from engine import wire
from engine.answers.asking import answer
from engine.fields import RequestError
from engine.history import History, Moment
from engine.models.checkpoint import save_model
from engine.pictures import pixels, result
from engine.request import Branch, Encoding, Request
from engine.runs import begin, run
from engine.samplers import Step
from engine.schedules import Level
from engine.views import DIVERGING, noisy

SHAPE = (2, 1, 8, 8)
FULL, SMALL = 2 * 4 * 128, 2 * 128  # bytes of a step as floats, and as thumbnails


def steps(count: int, shape: tuple[int, ...] = SHAPE) -> Iterator[Step]:
    """Steps whose x and D are random, each x the result of the step before."""
    draws = torch.Generator().manual_seed(count)
    x = torch.randn(shape, generator=draws)
    for index in range(count):
        level, below = (Level(1.0 - k / count, 1.0, 80.0 * (1.0 - k / count)) for k in (index, index + 1))
        x_next = torch.randn(shape, generator=draws)
        yield Step(index, level, below, x, torch.randn(shape, generator=draws), x_next, nfe=index + 1)
        x = x_next


def nbytes(moment: Moment) -> int:
    """What a moment takes, counted without its own help; the result's D is its x."""
    arrays = [moment.x.numpy(), moment.denoised.numpy()] if moment.small is None else list(moment.small)
    return sum({array.__array_interface__["data"][0]: array.nbytes for array in arrays}.values())


def fill(history: History, number: int, count: int, shape: tuple[int, ...] = SHAPE) -> None:
    """A run of so many steps, and its result; the budget holds after each of them."""
    history.open(number, Request(model="tiny", count=shape[0], seed=number, steps=count))
    for step in steps(count, shape):
        history.keep(number, step)
        assert_holds(history)
    history.close(number, step)
    assert_holds(history)


def assert_holds(history: History) -> None:
    kept = sum(nbytes(moment) for record in history.records.values() for moment in record.moments.values())
    assert kept == history.used <= history.budget


def kinds(history: History, number: int) -> str:
    """F for a full step, s for a thumbnail, · for nothing, from the first place to the last."""
    moments = history.records[number].moments
    letters = {None: "·", True: "F", False: "s"}
    return "".join(letters[moments[k].full if k in moments else None] for k in range(history.records[number].last + 1))


def test_recent_runs_are_kept_in_full_and_the_oldest_is_thinned_first() -> None:
    """From its first step on: the room is for two runs of four steps and a result, and then some."""
    history = History(2 * (4 * FULL + FULL // 2) + 5 * SMALL)
    fill(history, 1, 4)
    fill(history, 2, 4)
    assert (kinds(history, 1), kinds(history, 2)) == ("FFFFF", "FFFFF")
    fill(history, 3, 2)
    assert (kinds(history, 1), kinds(history, 2), kinds(history, 3)) == ("ssFFF", "FFFFF", "FFF")
    fill(history, 4, 4)
    assert (kinds(history, 1), kinds(history, 2), kinds(history, 4)) == ("sssss", "ssssF", "FFFFF")


def test_one_long_run_is_thinned_behind_itself() -> None:
    """Its first steps go first; those that were just made are full, as long as one is."""
    history = History(10 * FULL + 30 * SMALL)
    fill(history, 1, 40)
    assert kinds(history, 1).rstrip("F") == "s" * kinds(history, 1).count("s")
    assert kinds(history, 1).count("F") >= 10
    assert kinds(history, 1).count("·") == 0


def test_thumbnails_are_thinned_evenly_when_nothing_is_full() -> None:
    """With room for 40 of 100 steps a third and more of them stay, as far apart as each other, with both ends."""
    history = History(40 * SMALL)
    fill(history, 1, 100)
    text = kinds(history, 1)
    places = [k for k, kind in enumerate(text) if kind != "·"]
    assert len(places) >= 20
    assert (places[0], places[-1]) == (0, 100)
    assert max(np.diff(places)) <= 8
    fill(history, 2, 100)
    assert kinds(history, 1) == f"s{99 * '·'}s", "of the older run its ends"
    assert len(kinds(history, 2).replace("·", "")) > 10


def test_room_for_nothing_keeps_nothing() -> None:
    history = History(SMALL - 1)
    fill(history, 1, 5)
    assert history.used <= SMALL // 2, "the result is one picture: it fits"
    history.set_budget(0)
    assert history.used == 0
    fill(history, 2, 3)
    assert (history.used, list(history.records)) == (0, [2])


def test_runs_at_once_go_on_where_there_is_room_for_none() -> None:
    """As the lanes of Compare do; what of them is over is forgotten."""
    history, lanes = History(0), range(4)
    for number in lanes:
        history.open(number, Request(model="tiny", count=2, seed=number, steps=3))
    for step in steps(3):
        for number in lanes:
            history.keep(number, step)
    for number in lanes:
        history.close(number, step)
    history.set_budget(0)
    assert (history.records, history.used) == ({}, 0)


def test_a_smaller_budget_thins_at_once() -> None:
    history = History(1 << 30)
    for number in (1, 2, 3):
        fill(history, number, 10)
    full = history.used
    for budget in (full // 2, full // 4, full // 8, full // 100, 0):
        history.set_budget(budget)
        assert_holds(history)


def test_large_pictures_become_small() -> None:
    """The longest side of a thumbnail is 32 at most, by averages of blocks."""
    history = History(200_000)
    fill(history, 1, 12, (1, 3, 80, 50))
    small = [moment.small for moment in history.records[1].moments.values() if moment.small]
    assert small
    assert {picture.shape for pair in small for picture in pair} == {(1, 26, 16, 3)}


def test_a_part_of_a_larger_tensor_is_not_kept_with_it() -> None:
    """A guided D is a half of a doubled batch: what is kept is that half alone."""
    history = History(1 << 30)
    history.open(1, Request(model="tiny", count=2))
    whole = torch.randn(4, 1, 8, 8)
    (step,) = steps(1)
    history.keep(1, Step(0, step.level, step.next, whole[:2], whole[2:], step.x_next, 1))
    moment = history.records[1].moments[0]
    assert [tensor.untyped_storage().nbytes() for tensor in (moment.x, moment.denoised)] == [512, 512]


# --- branches --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ask(tiny: str) -> Callable[..., Request]:
    return lambda **fields: Request(**{"model": tiny, "count": 3, "steps": 8, "seed": 4, "condition": 1, **fields})


def remember(history: History, *requests: Request) -> None:
    for request in requests:
        number = len(history.records) + 1
        history.open(number, request)
        for step in run(request):
            history.keep(number, step)
        history.close(number, step)


def branched(request: Request, history: History) -> tuple[int, list[Step]]:
    """How many steps were walked again, and the branch's own."""
    walked, beginning = 0, begin(request, recall=history.recall)
    while True:
        try:
            next(beginning)
        except StopIteration as begun:
            return walked, list(begun.value[1])
        walked += 1


def assert_same_bits(ours: list[Step], theirs: list[Step]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.level, one.next, one.nfe) == (other.level, other.next, other.nfe)
        for name in ("x", "denoised", "x_next"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name


PARENTS = [
    {},
    {"lam": 1.0, "noise": "path"},
    {"sampler": "heun", "churn": 2.0},
    {"sampler": "unipc", "guidance": 3.0},
    {"sampler": "ddpm", "schedule": "vp_linear"},
    {"start": Encoding(bytes(range(0, 256, 4)), (1, 8, 8))},
]


@pytest.mark.parametrize("fields", PARENTS, ids=str)
@pytest.mark.parametrize("step", [0, 1, 5])
def test_a_branch_from_the_history_is_the_branch_that_is_walked_again(
    ask: Callable[..., Request], fields: dict[str, Any], step: int
) -> None:
    """To the last bit: x, the D before it that order 2 needs, the draws and the evaluations so far."""
    parent, history = ask(**fields), History()
    remember(history, parent)
    for changes in ({}, {"seed": 9, "count": 2, "guidance": 2.0, "steps": 12}):
        child = parent.replace(start=Branch(parent, step), **changes)
        walked, steps = branched(child, history)
        assert walked == 0
        assert_same_bits(steps, list(run(child)))


@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_branch_of_a_branch_from_the_history(ask: Callable[..., Request], step: int) -> None:
    parent, history = ask(lam=1.0), History()
    child = ask(lam=0.5, start=Branch(parent, 3))
    grandchild = ask(guidance=2.0, start=Branch(child, step))
    remember(history, parent, child)
    walked, steps = branched(grandchild, history)
    assert walked == 0
    assert_same_bits(steps, list(run(grandchild)))


def test_at_the_first_step_of_a_branch_nothing_is_forgotten(ask: Callable[..., Request]) -> None:
    """Its order 2 goes on from the D of the run above; so does that of a branch that leaves it there."""
    parent = ask()
    child = ask(start=Branch(parent, 3))
    assert_same_bits(list(run(ask(start=Branch(child, 0)))), list(run(child)))


def test_what_is_not_in_full_is_walked_again(ask: Callable[..., Request]) -> None:
    """The step or the one before it a thumbnail; a parent that is not remembered, whose own parent is."""
    parent, history = ask(steps=12), History()
    remember(history, parent)
    history.set_budget(history.used // 2)
    full = history.records[1].full_from
    assert 0 < full < 10
    for step, again in ((full - 1, full - 1), (full, full), (full + 1, 0)):
        walked, steps = branched(ask(steps=12, start=Branch(parent, step)), history)
        assert walked == again
        assert_same_bits(steps, list(run(ask(steps=12, start=Branch(parent, step)))))
    child = ask(steps=24, lam=0.5, start=Branch(parent, full + 1))
    walked, _ = branched(ask(start=Branch(child, 2)), history)
    assert walked == 2, "of the child alone"


def test_a_run_of_other_weights_is_walked_again(ask: Callable[..., Request], model_folder: Path) -> None:
    """A model of one's own is trained on under its name: what is remembered of it is of another."""
    parent, history = ask(), History()
    remember(history, parent)
    weights = model_folder / "tiny.safetensors"
    before = weights.read_bytes()
    child = parent.replace(start=Branch(parent, 3))
    try:
        save_model(model_folder, random_network(seed=1).state_dict(), TINY)
        walked, steps = branched(child, history)
        assert walked == 3
        assert_same_bits(steps, list(run(child)))
    finally:
        weights.write_bytes(before)


def test_a_number_that_begins_anew_gives_its_room_back(ask: Callable[..., Request]) -> None:
    history = History()
    remember(history, ask())
    used = history.used
    assert used > 0
    history.open(1, ask())
    assert history.used == 0


def test_the_result_is_no_step_to_branch_from(ask: Callable[..., Request]) -> None:
    parent, history = ask(), History()
    remember(history, parent)
    assert history.recall(parent, 8) is None
    with pytest.raises(RequestError, match="from 0 to 7"):
        branched(ask(start=Branch(parent, 8)), history)


# --- pictures --------------------------------------------------------------------------------------------------------


def asked(history: History, what: str, **values: Any) -> tuple[dict[str, Any], wire.Arrays]:
    (piece,) = [piece for piece in answer(what, values, [], history) if piece is not None]
    return piece.values, piece.arrays


def test_pictures_of_every_view(ask: Callable[..., Request]) -> None:
    """x_t and x̂₀ as they are sent live; the score, ε and the change in the colours that their values have."""
    request, history = ask(), History()
    remember(history, request)
    walked = list(run(request))
    for place in (0, 3, 7):
        step = walked[place]
        before = walked[place - 1].denoised if place else step.denoised
        _, (x,) = asked(history, "picture", run=1, view="noisy", place=place)
        np.testing.assert_array_equal(x, noisy(step.x.numpy(), step.level.alpha, step.level.std))
        _, (clean,) = asked(history, "picture", run=1, view="denoised", place=place)
        np.testing.assert_array_equal(clean, pixels(step.denoised.numpy()))
        for view, value in (("score", step.score), ("eps", step.eps), ("change", step.denoised - before)):
            values, (colours,) = asked(history, "picture", run=1, view=view, place=place)
            assert values["exact"]
            grey = value[:, 0].numpy()
            assert values["scale"] == pytest.approx(float(np.percentile(np.abs(grey), 99.5)), rel=1e-5)
            share = np.clip(grey / max(values["scale"], 1e-9), -1, 1)
            index = [np.abs(DIVERGING.astype(int) - colour).sum(-1).argmin() for colour in colours.reshape(-1, 3)]
            np.testing.assert_allclose((np.array(index) - 127) / 127, share.ravel(), atol=0.03)


def test_the_result_in_every_view(ask: Callable[..., Request]) -> None:
    """It has no score: that of the last step is shown; its change is that from the last D."""
    request, history = ask(), History()
    remember(history, request)
    last = list(run(request))[-1]
    for view in ("noisy", "denoised"):
        _, (seen,) = asked(history, "picture", run=1, view=view, place=8)
        np.testing.assert_array_equal(seen, pixels(last.x_next.numpy()))
    for view in ("score", "eps"):
        at_end, before = (asked(history, "picture", run=1, view=view, place=place)[1][0] for place in (8, 7))
        np.testing.assert_array_equal(at_end, before)
    values, _ = asked(history, "picture", run=1, view="change", place=8)
    change = (last.x_next - last.denoised)[:, 0].abs().numpy()
    assert values["scale"] == pytest.approx(float(np.percentile(change, 99.5)), abs=1e-6)


def test_the_result_of_langevin(ask: Callable[..., Request]) -> None:
    """It is noisy, as wide as its level, and has no x̂₀ of its own: its change is that of the step before."""
    request, history = ask(sampler="langevin"), History()
    remember(history, request)
    last = list(run(request))[-1]
    for view in ("noisy", "denoised"):
        _, (seen,) = asked(history, "picture", run=1, view=view, place=8)
        np.testing.assert_array_equal(seen, result(last))
    (before, change), (after, end) = (asked(history, "picture", run=1, view="change", place=at) for at in (7, 8))
    assert before["scale"] == after["scale"] > 0.0
    np.testing.assert_array_equal(change[0], end[0])


def test_what_a_thumbnail_shows(ask: Callable[..., Request]) -> None:
    """Small images are the same pixels; their change is near; the score and ε cannot be had, and are not made up."""
    request, history, small = ask(), History(), History()
    for one in (history, small):
        remember(one, request)
    small.set_budget(history.used // 3)
    assert not small.records[1].moments[4].full
    for view in ("noisy", "denoised"):
        for place in (0, 4, 8):
            values, (seen,) = asked(small, "picture", run=1, view=view, place=place)
            assert values["exact"]
            np.testing.assert_array_equal(seen, asked(history, "picture", run=1, view=view, place=place)[1][0])
    exact, rough = (asked(one, "picture", run=1, view="change", place=1)[0] for one in (history, small))
    assert (exact["exact"], rough["exact"]) == (True, False)
    assert rough["scale"] == pytest.approx(exact["scale"], abs=1 / 64)
    for view in ("score", "eps"):
        assert asked(small, "picture", run=1, view=view, place=4)[1] == []


def test_a_change_from_a_thumbnail_is_not_exact(ask: Callable[..., Request]) -> None:
    """The step is there in full, the one before it in eight bits: saved as exact, it would not be what Verify makes."""
    history = History()
    remember(history, ask())
    history.set_budget(history.used // 2)
    full = history.records[1].full_from
    near, same = (asked(history, "picture", run=1, view="change", place=at)[0] for at in (full, full + 1))
    assert (near["exact"], same["exact"]) == (False, True)


def test_a_strip_of_a_sample(ask: Callable[..., Request]) -> None:
    request, history = ask(), History()
    remember(history, request)
    for view in ("noisy", "denoised", "score", "change"):
        values, (small,) = asked(history, "strip", run=1, view=view, sample=2, places=[0, 5, 8, 50])
        assert values["found"] == [0, 5, 8]
        if view in ("noisy", "denoised"):
            for place, picture in zip((0, 5, 8), small, strict=True):
                whole = asked(history, "picture", run=1, view=view, place=place)[1][0]
                np.testing.assert_array_equal(picture, whole[2])


@pytest.mark.parametrize(
    ("what", "values", "field"),
    [
        ("picture", {"run": 9, "view": "noisy", "place": 0}, "run"),
        ("picture", {"run": 1, "view": "noisy", "place": 9}, "place"),
        ("picture", {"run": 1, "view": "noisy", "place": -1}, "place"),
        ("picture", {"run": 1, "view": "alien", "place": 0}, "view"),
        ("strip", {"run": 1, "view": "noisy", "sample": 3, "places": [0]}, "sample"),
        ("strip", {"run": 1, "view": "noisy", "sample": 0, "places": []}, "places"),
        ("strip", {"run": 1, "view": "noisy", "sample": 0, "places": [0] * 257}, "places"),
    ],
)
def test_what_is_not_remembered_is_refused_by_field(
    ask: Callable[..., Request], what: str, values: dict[str, Any], field: str
) -> None:
    history = History()
    remember(history, ask())
    with pytest.raises(RequestError) as caught:
        asked(history, what, **values)
    assert caught.value.field == field
    assert str(caught.value).endswith(".")


def test_a_long_run_of_digits_fits_the_usual_budget() -> None:
    """1,000 steps of 64 digits: 401 MB of x and D, and the result, under 512 MiB."""
    assert 1000 * 64 * 784 * 4 * 2 + 64 * 784 * 4 <= History().budget == 512 << 20
