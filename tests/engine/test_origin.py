"""Runs from the middle: an image, a part of one, its encoding, between two noises, and a branch of another run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import catalog
from engine.pictures import pixels
from engine.request import Branch, Encoding, Image, PureNoise, Request, RequestError, Slerp
from engine.runs import levels, run
from engine.samplers import Step

SHAPE = (1, 8, 8)
BYTES = bytes(range(0, 256, 4))
NO_SIGNAL: dict[str, Any] = {"schedule": "flow", "spacing": "uniform_t"}  # at the start


def walk(request: Request) -> list[Step]:
    return list(run(Request.from_json(request.to_json())))  # what was written down is what is run


def image() -> Tensor:
    return torch.frombuffer(bytearray(BYTES), dtype=torch.uint8).reshape(SHAPE).float() / 127.5 - 1.0


@pytest.fixture
def ask(tiny: str) -> Callable[..., Request]:
    def ask(**fields: Any) -> Request:
        return Request(**{"model": tiny, "condition": 1, "count": 2, "seed": 4, "steps": 10, **fields})

    return ask


# --- images ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("strength", "walked"), [(1.0, 10), (0.6, 6), (0.25, 2), (0.01, 1)])
def test_an_image_starts_at_its_strength(ask: Callable[..., Request], strength: float, walked: int) -> None:
    """The last strength · N steps, from x = α x_0 + std ε with the ε that the run would start with."""
    whole = walk(ask())
    steps = walk(ask(start=Image(BYTES, SHAPE, strength)))
    assert [step.level for step in steps] == [step.level for step in whole[-walked:]]
    level = steps[0].level
    torch.testing.assert_close(steps[0].x, image() + level.std / whole[0].level.std * whole[0].x)
    assert steps[-1].nfe == walked


def test_an_image_at_little_strength_changes_little(ask: Callable[..., Request]) -> None:
    """At one step of σ = 0.002 the result is the image."""
    (step,) = walk(ask(start=Image(BYTES, SHAPE, 0.05)))
    assert step.level.sigma == pytest.approx(0.002)
    torch.testing.assert_close(step.x_next, image().expand(2, *SHAPE), rtol=0, atol=0.02)


@pytest.mark.parametrize("fields", [{"lam": 1.0}, {"sampler": "heun"}, {"sampler": "rk45"}, {"sampler": "unipc"}])
def test_painting_keeps_what_the_mask_keeps(ask: Callable[..., Request], fields: dict[str, Any]) -> None:
    """Where the mask is 0, D is the image at every step, and so is the result; elsewhere it is another one."""
    mask = bytes([1] * 32 + [0] * 32)
    steps = walk(ask(start=Image(BYTES, SHAPE, 1.0, mask), **fields))
    fresh, kept = (slice(None), slice(None), slice(0, 4)), (slice(None), slice(None), slice(4, 8))
    wanted = image().expand(2, *SHAPE)
    for step in steps:
        torch.testing.assert_close(step.denoised[kept], wanted[kept], rtol=0, atol=1e-4)
    assert torch.equal(pixels_of(steps[-1].x_next)[kept], pixels_of(wanted)[kept])
    assert (steps[-1].x_next[fresh] - wanted[fresh]).abs().mean() > 0.1
    if fields in ({"sampler": "heun"}, {"sampler": "unipc"}):  # there x is the image with the noise it started with
        at = steps[5]
        noise = (steps[0].x - wanted) / steps[0].level.std
        torch.testing.assert_close(at.x[kept], (wanted + at.level.std * noise)[kept], rtol=0, atol=2e-3)


def pixels_of(x: Tensor) -> Tensor:
    return torch.from_numpy(pixels(x.numpy()).transpose(0, 3, 1, 2).copy())


# --- encodings -------------------------------------------------------------------------------------------------------


def test_an_encoding_comes_back(ask: Callable[..., Request]) -> None:
    """Encoded and decoded under one condition by the ODE, with many levels: the image, to a grey value or two."""
    errors = []
    for steps in (25, 100):
        *_, last = walk(ask(steps=steps, start=Encoding(BYTES, SHAPE, condition=1)))
        errors.append(float((last.x_next - image()).abs().max()))
        assert last.nfe == 2 * steps - 1, "encoding counts"
    assert errors[1] < 0.25 * errors[0]
    assert errors[1] < 0.02


def test_another_condition_or_model_decodes_to_another_image(
    ask: Callable[..., Request], model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bridge between two conditions, and between two models, through the shared noise."""
    same, other = (walk(ask(start=Encoding(BYTES, SHAPE, condition=c)))[-1].x_next for c in (1, 2))
    assert (same - other).abs().max() > 0.02
    for suffix in ("json", "safetensors"):
        text = (model_folder / f"tiny.{suffix}").read_bytes()
        (tmp_path / f"twin.{suffix}").write_bytes(text.replace(b'"name": "tiny"', b'"name": "twin"'))
        (tmp_path / f"tiny.{suffix}").write_bytes(text)
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    twin = walk(ask(start=Encoding(BYTES, SHAPE, "twin", 1)))[-1].x_next
    torch.testing.assert_close(twin, same, rtol=0, atol=1e-5)


def test_between_two_noises(ask: Callable[..., Request]) -> None:
    """At the ends the samples are those of the two seeds; between them noise of the same size."""
    start = Slerp(PureNoise(), PureNoise(seed=9), (0.0, 0.5, 1.0))
    steps = walk(ask(count=3, start=start))
    ends = [walk(ask(count=1, seed=seed))[-1].x_next for seed in (4, 9)]
    torch.testing.assert_close(steps[-1].x_next[[0, 2]], torch.cat(ends), rtol=0, atol=1e-4)
    norms = steps[0].x.flatten(1).norm(dim=1) / steps[0].level.std / 8
    assert ((norms > 0.7) & (norms < 1.3)).all()


def test_between_two_encodings(ask: Callable[..., Request]) -> None:
    code = Encoding(BYTES, SHAPE, condition=1)
    back = Encoding(BYTES[::-1], SHAPE, condition=1)
    steps = walk(ask(count=2, start=Slerp(code, back, (0.0, 1.0))))
    alone = [walk(ask(count=1, start=end))[-1].x_next for end in (code, back)]
    torch.testing.assert_close(steps[-1].x_next, torch.cat(alone), rtol=0, atol=1e-3)
    assert steps[-1].nfe == 2 * 9 + 10


def test_noise_with_a_seed_of_its_own(ask: Callable[..., Request]) -> None:
    assert torch.equal(walk(ask(start=PureNoise(seed=7)))[0].x, walk(ask(seed=7))[0].x)


# --- branches --------------------------------------------------------------------------------------------------------

BRANCHING = [
    {},
    {"order": 1, "lam": 1.0},
    {"lam": 1.0},
    {"lam": 1.0, "noise": "path"},
    {"sampler": "ddpm", "schedule": "vp_linear", "spacing": "uniform_t"},
    {"sampler": "heun", "schedule": "flow"},
    {"sampler": "heun", "churn": 2.0},
    {"sampler": "euler_maruyama", "schedule": "vp_linear", "spacing": "quadratic"},
    {"sampler": "annealed_langevin", "langevin_steps": 2},
    {"sampler": "langevin", "sigma": 2.0},
    {"sampler": "predictor_corrector", "noise": "path"},
    {"start": Image(BYTES, SHAPE, 1.0, bytes([1] * 32 + [0] * 32)), "lam": 1.0},
    {"sigmas": (40.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.1)},
]


@pytest.mark.parametrize("fields", BRANCHING, ids=str)
@pytest.mark.parametrize("step", [0, 1, 6])
def test_a_branch_that_changes_nothing_is_the_rest_of_its_parent(
    ask: Callable[..., Request], fields: dict[str, Any], step: int
) -> None:
    """Also at order 2, which remembers the step before, and with noise, whose draws go on."""
    parent = ask(**fields)
    rest = walk(parent)[step:]
    branch = walk(parent.replace(start=Branch(parent, step)))
    assert len(branch) == len(rest)
    for ours, theirs in zip(branch, rest, strict=True):
        assert ours.level == theirs.level
        torch.testing.assert_close(ours.x_next, theirs.x_next, rtol=0, atol=1e-4)
    assert branch[-1].nfe == rest[-1].nfe


@pytest.mark.parametrize(
    "changes",
    [
        {"lam": 1.0},
        {"condition": 2},
        {"guidance": 3.0},
        {"seed": 77, "lam": 0.5},
        {"sampler": "unipc"},
        {"steps": 30},
        {"schedule": "vp_cosine", "spacing": "uniform_logsnr"},
        {"count": 1},
    ],
    ids=str,
)
def test_a_branch_changes_from_its_step_on(ask: Callable[..., Request], changes: dict[str, Any]) -> None:
    """It starts at the parent's x (rescaled to its own schedule), at the same σ, and ends elsewhere."""
    parent = ask()
    there = walk(parent)[4]
    branch = parent.replace(start=Branch(parent, 4), **changes)
    steps = walk(branch)
    assert steps[0].level.sigma == pytest.approx(there.level.sigma, rel=1e-6)
    rows = branch.count
    torch.testing.assert_close(
        steps[0].x / steps[0].level.alpha, there.x[:rows] / there.level.alpha, rtol=1e-4, atol=1e-4
    )
    sigmas = [step.level.sigma for step in steps]
    assert sigmas == sorted(sigmas, reverse=True)
    assert steps[-1].next.std == 0.0
    assert [level.sigma for level in levels(branch)] == pytest.approx([*sigmas, 0.0])
    if changes != {"count": 1}:
        assert (steps[-1].x_next - walk(parent)[-1].x_next[:rows]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("changes", "forgets"),
    [
        ({"condition": 2}, True),
        ({"guidance": 3.0}, True),
        ({"guidance_interval": (0.0, 1.0)}, True),
        ({"guidance_rescale": 0.5}, True),
        ({"clip": 0.5}, True),
        ({"guide": "tiny"}, True),
        ({"steps": 30}, False),
        ({"steps": 8}, False),
        ({"steps": 3}, True),  # so long a step that the line through two near points leads nowhere
        ({"schedule": "vp_cosine"}, False),
    ],
    ids=str,
)
def test_a_branch_under_another_denoiser_forgets_the_one_before(
    ask: Callable[..., Request], changes: dict[str, Any], forgets: bool
) -> None:
    """Two D of different functions are on no line: the first step is of order 1, as of a run that has just begun."""
    parent = ask(guidance=2.0)
    first, held = (
        walk(ask(guidance=2.0, order=order, start=Branch(parent, 6)).replace(**changes))[0] for order in (2, 1)
    )
    assert bool((first.x_next == held.x_next).all()) == forgets


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("langevin", [{"sampler": "langevin", "sigma": 2.0}, {"sampler": "annealed_langevin"}], ids=str)
def test_what_stays_at_a_level_can_be_left_from_there(
    ask: Callable[..., Request], langevin: dict[str, Any], order: int
) -> None:
    """Between two D at one level there is no line to extrapolate."""
    steps = walk(ask(order=order, start=Branch(ask(**langevin), 5)))
    assert steps[-1].next.std == 0.0
    assert bool(torch.isfinite(steps[-1].x_next).all())


@pytest.mark.parametrize("start", [PureNoise(), Image(BYTES, SHAPE, 0.9)], ids=["noise", "image"])
@pytest.mark.parametrize("noise", ["step", "path"])
def test_a_branch_of_a_branch(ask: Callable[..., Request], noise: str, start: Any) -> None:
    """Its draws go on where its parent's parent's would."""
    parent = ask(lam=1.0, noise=noise, start=start)
    child = parent.replace(start=Branch(parent, 3))
    grandchild = child.replace(start=Branch(child, 2))
    torch.testing.assert_close(walk(grandchild)[-1].x_next, walk(parent)[-1].x_next, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "fields",
    [
        {"sampler": "annealed_langevin", "langevin_steps": 3, "spacing": "uniform_logsnr", "schedule": "vp_linear"},
        {"sampler": "euler_maruyama", "steps": 8, "spacing": "quadratic", "schedule": "vp_cosine"},
    ],
    ids=str,
)
@pytest.mark.parametrize("step", [0, 2, 4])
def test_a_branch_off_the_grid_goes_on_as_it_was(
    ask: Callable[..., Request], fields: dict[str, Any], step: int
) -> None:
    """It leaves its parent between two of its own levels, so that its steps have not the numbers of its grid."""
    child = ask(**fields, start=Branch(ask(sampler="ddim", steps=6, spacing="quadratic", schedule="flow"), 2))
    rest = walk(child)[step:]
    grandchild = walk(child.replace(start=Branch(child, step)))
    assert [at.level for at in grandchild] == [at.level for at in rest]
    assert torch.equal(grandchild[-1].x_next, rest[-1].x_next)


def test_a_branch_into_another_schedule_has_its_time(ask: Callable[..., Request]) -> None:
    """VE and EDM have one α: the level that a branch leaves from has the t of its own schedule."""
    parent = ask(schedule="ve", steps=40)
    child = ask(schedule="edm", sampler="euler", steps=40, start=Branch(parent, 10))
    first, *_ = walk(child)
    assert first.level.t == pytest.approx(first.level.sigma / 80)
    ddim = walk(child.replace(sampler="ddim"))[-1].x_next
    assert (walk(child)[-1].x_next - ddim).abs().mean() < 0.05


def test_an_image_is_encoded_on_each_level_once(ask: Callable[..., Request]) -> None:
    steps = walk(ask(sampler="annealed_langevin", langevin_steps=3, start=Encoding(BYTES, SHAPE, condition=1)))
    assert steps[-1].nfe == 9 + 31


# --- what does not fit -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"start": Image(bytes(4), (1, 2, 2))}, "start", "1 × 8 × 8"),
        ({"start": Encoding(bytes(192), (3, 8, 8))}, "start", "not 3 × 8 × 8"),
        ({"start": Encoding(BYTES, SHAPE), "steps": 1}, "start", "two or more steps"),
        ({"start": Encoding(BYTES, SHAPE, "nobody")}, "model", "nobody"),
        ({"start": Encoding(BYTES, SHAPE, condition=9)}, "condition", "9"),
        ({"start": Branch(Request(model="tiny", count=2, steps=5), 5)}, "start", "from 0 to 4"),
        ({"start": Branch(Request(model="nobody", count=2), 0)}, "model", "nobody"),
        ({"sampler": "langevin", "sigma": 200.0}, "sigma", "at most 80"),
        ({"sigmas": (81.0, 1.0)}, "sigmas", "at most 80"),
        ({"sigmas": (100.0, 1.0), "schedule": "flow"}, "sigmas", "from 0.002 to 80"),
        ({"sigmas": (1.0, 1e-4)}, "sigmas", "from 0.002 to 80"),
        ({"sampler": "langevin", "sigma": 1e-3}, "sigma", "from 0.002 to 80"),
        ({"sampler": "langevin", "start": Branch(Request(model="tiny", count=2), 10)}, "sigma", "branches from"),
        ({"sampler": "langevin", "start": Branch(Request(model="tiny", count=2, **NO_SIGNAL), 0)}, "start", "later"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    ask: Callable[..., Request], fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(RequestError) as caught:
        run(ask(**fields))
    assert caught.value.field == field
    assert words in str(caught.value)
    assert str(caught.value).count(".") <= 2
    assert str(caught.value).endswith(".")


def test_the_level_that_langevin_must_have_is_told_to_be_typed(ask: Callable[..., Request]) -> None:
    branch = ask(sampler="langevin", start=Branch(ask(), 4))
    with pytest.raises(RequestError) as caught:
        run(branch)
    told = re.search(r"must be ([\d.]+),", str(caught.value))
    assert told is not None
    run(branch.replace(sigma=float(told[1])))


def test_levels_say_so_too(ask: Callable[..., Request]) -> None:
    parent = ask()
    with pytest.raises(RequestError, match="from 0 to 9"):
        levels(parent.replace(start=Branch(parent, 10)))


@pytest.mark.parametrize("sampler", catalog.SAMPLERS)
def test_every_sampler_starts_from_the_middle(ask: Callable[..., Request], sampler: str) -> None:
    parent = ask(steps=6)
    branch = Branch(parent if sampler != "langevin" else ask(sampler=sampler, steps=6), 3)  # it stays at its level
    for start in (Image(BYTES, SHAPE, 0.5), branch):
        steps = walk(ask(sampler=sampler, steps=6, start=start))
        assert np.isfinite(steps[-1].x_next.numpy()).all()
        assert len(steps) == len(levels(ask(sampler=sampler, steps=6, start=start))) - 1
