"""engine.run: what determines a result, how often the network is asked, and how a run is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import engine
from engine.noise import INITIAL, KeyedNoise, generator
from engine.runs import levels

PHILOX_0, PHILOX_MAX = [0.529631, -0.455237, 0.237467], [-1.397493, -0.746708, -0.280835]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"lam": 1.0, "order": 1},
    {"lam": 0.5, "condition": 2, "guidance": 3.0},
    {"sampler": "heun", "schedule": "vp_linear", "condition": 0},
    {"schedule": "vp_cosine", "spacing": "uniform_t", "lam": 2.0, "guidance_interval": (0.1, 5.0), "guidance": 2.0},
]


def request(**changes: Any) -> engine.Request:
    return engine.Request(**{"model": "tiny", "count": 4, "steps": 6, "seed": 11, **changes})


def final(request: engine.Request) -> Tensor:
    *_, last = engine.run(request)
    return last.x_next


@pytest.fixture
def calls(tiny: str) -> Iterator[list[int]]:
    """The batch size of every call of the tiny network."""
    denoiser = engine.models.load(tiny)
    sizes: list[int] = []
    hook = denoiser.network.register_forward_hook(lambda _module, args, _out: sizes.append(len(args[0])))
    yield sizes
    hook.remove()


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_request_has_one_result(tiny: str, settings: dict[str, Any]) -> None:
    """The same request gives the same bytes, in every step."""
    for one, other in zip(engine.run(request(**settings)), engine.run(request(**settings)), strict=True):
        for name in ("x", "denoised", "x_next"):
            assert getattr(one, name).numpy().tobytes() == getattr(other, name).numpy().tobytes()
        assert torch.isfinite(one.x_next).all()


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_sample_alone_is_the_sample_in_any_batch(tiny: str, settings: dict[str, Any]) -> None:
    """Sample b depends on seed + b, not on how many others are made with it, nor on its place among them."""
    whole = final(request(count=5, seed=20, **settings))
    for b in range(5):
        torch.testing.assert_close(final(request(count=1, seed=20 + b, **settings))[0], whole[b], rtol=0, atol=1e-5)
    torch.testing.assert_close(final(request(count=3, seed=21, **settings)), whole[1:4], rtol=0, atol=1e-5)
    assert (whole[0] - whole[1]).abs().max() > 0.01


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 12},
        {"condition": 1},
        {"steps": 7},
        {"lam": 0.5},
        {"order": 1},
        {"sampler": "heun"},
        {"spacing": "uniform_logsnr"},
        {"schedule": "ddpm_linear"},
        {"condition": 1, "guidance": 2.0},
        {"condition": 1, "guidance": 2.0, "guidance_interval": (0.5, 1.0)},
    ],
)
def test_every_field_matters(tiny: str, changes: dict[str, Any]) -> None:
    base = {"condition": 1} if "guidance" in changes else {}
    assert (final(request(**changes))[0] - final(request(**base))[0]).abs().max() > 1e-3


@pytest.mark.parametrize("schedule", [None, "vp_linear"])
def test_steps_are_chained(tiny: str, schedule: str | None) -> None:
    """The first x is std · ε of the seed; every x is the x_next before it; the levels are the grid's; the end is D."""
    asked = request(lam=1.0, schedule=schedule)
    steps, grid = list(engine.run(asked)), levels(asked)
    noise = KeyedNoise(11, 4, (1, 8, 8))
    assert torch.equal(steps[0].x, grid[0].std * noise.initial())
    assert [step.index for step in steps] == list(range(6))
    assert [step.level for step in steps] + [steps[-1].next] == grid
    for before, after in pairwise(steps):
        assert torch.equal(before.x_next, after.x)
        assert before.next == after.level
    assert torch.equal(steps[-1].x_next, steps[-1].denoised)
    assert steps[-1].x_next.shape == (4, 1, 8, 8)


def test_a_step_does_not_change_later(tiny: str) -> None:
    """What a step holds stays as it was when it was yielded."""
    kept, copies = [], []
    for step in engine.run(request(lam=1.0)):
        kept.append(step)
        copies.append((step.x.clone(), step.denoised.clone(), step.x_next.clone()))
    for step, (x, denoised, x_next) in zip(kept, copies, strict=True):
        assert torch.equal(step.x, x)
        assert torch.equal(step.denoised, denoised)
        assert torch.equal(step.x_next, x_next)


@pytest.mark.parametrize("steps", [1, 2, 6])
@pytest.mark.parametrize("sampler", ["bridge", "heun"])
@pytest.mark.parametrize("guidance", [0.0, 1.0, 4.0])
def test_network_evaluations_are_counted(calls: list[int], sampler: str, steps: int, guidance: float) -> None:
    """N for the bridge, 2N − 1 for Heun, whatever the guidance; nfe says so at every step."""
    for step in engine.run(request(sampler=sampler, steps=steps, condition=1, guidance=guidance)):
        assert step.nfe == len(calls)
        assert step.nfe == (step.index + 1 if sampler == "bridge" else min(2 * step.index + 2, 2 * steps - 1))
    assert len(calls) == (steps if sampler == "bridge" else 2 * steps - 1)
    assert set(calls) == {8 if guidance == 4.0 else 4}


def test_a_run_computes_nothing_before_it_is_asked(calls: list[int]) -> None:
    run = engine.run(request())
    assert not calls
    next(run)
    assert len(calls) == 1


def test_closing_a_run_stops_it(calls: list[int]) -> None:
    run = engine.run(request(steps=100))
    next(run)
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert len(calls) == 2
    assert next(run, None) is None


def test_gradients_stay_as_they_were_between_steps(tiny: str) -> None:
    """A run does not leak its inference mode into the code that iterates over it."""
    for _ in engine.run(request()):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"model": "absent"}, "model"), ({"condition": 3}, "condition"), ({"condition": "a cat"}, "condition")],
)
def test_what_the_model_lacks_is_refused_before_computing(
    calls: list[int], changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(engine.RequestError, match=field) as caught:
        engine.run(request(**changes))
    assert caught.value.field == field
    assert not calls


def test_what_a_model_of_ones_own_raises_is_no_field(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(condition: object, count: int) -> Tensor:
        raise ValueError("mat1 and mat2 shapes cannot be multiplied")

    own = copy(engine.models.load(tiny))
    monkeypatch.setattr(own, "encode", encode)
    with pytest.raises(ValueError, match="mat1 and mat2 shapes cannot be multiplied") as caught:
        engine.run(request(), own)
    assert not isinstance(caught.value, engine.RequestError)


def test_the_model_is_loaded_once(tiny: str) -> None:
    denoiser = engine.models.load(tiny)
    assert engine.models.load(tiny) is denoiser
    assert isinstance(denoiser.network, nn.Module)
    assert not any(parameter.requires_grad for parameter in denoiser.network.parameters())


def test_noise_depends_on_seed_step_and_stage_only() -> None:
    """Row b of KeyedNoise(seed) is the stream of (seed + b, step, stage), in whatever order it is drawn."""
    noise, shifted = KeyedNoise(5, 3, (1, 4, 4)), KeyedNoise(6, 1, (1, 4, 4))
    late, early = noise(9, stage=1), noise(2)
    assert torch.equal(noise(2), early)
    assert torch.equal(noise(9, stage=1), late)
    assert torch.equal(shifted(2)[0], early[1])
    expected = generator(7, 9, 1).standard_normal((1, 4, 4), dtype=np.float32)
    assert np.array_equal(late[2].numpy(), expected)
    draws = torch.stack([noise(step, stage)[0] for step in (0, 1, 2, INITIAL) for stage in (0, 1)])
    assert len({draw.numpy().tobytes() for draw in draws}) == 8


def test_noise_of_a_seed_never_changes() -> None:
    """Saved requests reproduce their images: the streams are fixed (Philox is specified; these are its numbers)."""
    assert KeyedNoise(0, 1, (3,)).initial().tolist()[0] == pytest.approx(PHILOX_0, abs=1e-6)
    assert KeyedNoise(2**32 - 1, 1, (3,))(1).tolist()[0] == pytest.approx(PHILOX_MAX, abs=1e-6)


def test_noise_is_standard_normal() -> None:
    """Mean and variance of 90,000 draws; false alarm below 1e-6 (five standard errors), and the seeds are fixed."""
    draws = KeyedNoise(0, 100, (900,)).initial().double()
    assert abs(draws.mean()) < 5 / 300
    assert abs(draws.var() - 1) < 5 * 2**0.5 / 300
    correlation = (draws @ draws.T / 900 - torch.eye(100)).abs().max()
    assert correlation < 7 / 30
