"""Every sampler on every schedule and grid: finite, of the right shape, clean at the end, and the same each time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine import catalog, runs
from engine.models.mixture import Mixture
from engine.request import Request, RequestError
from engine.runs import RunError, levels, run
from engine.samplers import Step
from engine.schedules import Level

STAYS = ("langevin",)  # at its level
FEW = st.sampled_from([1, 2, 3, 7, 20])


@pytest.fixture(autouse=True)
def _exact_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """`engine.run` on a mixture of three Gaussians in the plane, in two classes: every sample is five points."""
    monkeypatch.setattr(runs.models, "load", lambda name: mixture())


def mixture() -> Mixture:
    means = torch.tensor([[-1.0, 0.0], [0.7, 0.7], [0.5, -0.9]])
    spread = torch.tensor([[[0.02, 0.01], [0.01, 0.03]]]).expand(3, 2, 2)
    return Mixture(means, spread, torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0, 1, 1]), 2, shape=(5, 2))


def ask(**fields: Any) -> Request:
    return Request(**{"count": 2, "steps": 8, "schedule": "edm", **fields})


def last(steps: Iterator[Step]) -> Step:
    *_, step = steps
    return step


@given(
    sampler=st.sampled_from(sorted(catalog.SAMPLERS)),
    schedule=st.sampled_from(sorted(catalog.SCHEDULES)),
    spacing=st.sampled_from(sorted(set(catalog.SPACINGS) - {"explicit"})),
    lam=st.sampled_from([None, 0.0, 0.3, 1.0, 3.0, 100.0]),
    noise=st.sampled_from(["step", "path"]),
    steps=FEW,
    condition=st.sampled_from([None, 0, 1]),
    guidance=st.sampled_from([0.0, 1.0, 2.5]),
)
def test_every_combination_ends_clean_and_finite(
    sampler: str,
    schedule: str,
    spacing: str,
    lam: float | None,
    noise: str,
    steps: int,
    condition: int | None,
    guidance: float,
) -> None:
    options = catalog.SAMPLERS[sampler].options
    fields = {name: value for name, value in (("lam", lam), ("noise", noise)) if name in options}
    request = ask(
        sampler=sampler,
        schedule=schedule,
        spacing=spacing,
        steps=steps,
        condition=condition,
        guidance=guidance if condition is not None else 1.0,
        **fields,
    )
    wanted = levels(request)
    try:
        walked = list(run(request))
    except RunError as error:  # Euler–Maruyama with λ = 100 in one step may leave all numbers: it says so
        if not (sampler.startswith("euler") and "more steps" in str(error)):
            raise
        return
    assert [step.level for step in walked] + [walked[-1].next] == wanted
    for index, step in enumerate(walked):
        assert step.index == index
        assert step.x.shape == step.x_next.shape == step.denoised.shape == (2, 5, 2)
        assert torch.isfinite(step.x_next).all()
        assert torch.isfinite(step.denoised).all()
        assert step.next.sigma <= step.level.sigma
        if index:
            assert torch.equal(step.x, walked[index - 1].x_next)
            assert step.nfe > walked[index - 1].nfe or sampler == "rk45"
    assert walked[-1].next.std == 0.0 or sampler in STAYS
    if wanted[-1].std == 0.0:
        assert torch.equal(walked[-1].x_next, wanted[-1].alpha * walked[-1].denoised)
    again = last(run(request))
    assert torch.equal(again.x_next, walked[-1].x_next)
    assert again.nfe == walked[-1].nfe


@pytest.mark.parametrize("sampler", catalog.SAMPLERS)
def test_a_sample_is_the_same_alone_and_in_a_batch(sampler: str) -> None:
    """Sample b of seed s is sample 0 of seed s + b (float32, to 1e-5)."""
    together = last(run(ask(sampler=sampler, count=4, seed=10))).x_next
    for b in (0, 3):
        alone = last(run(ask(sampler=sampler, count=1, seed=10 + b))).x_next
        torch.testing.assert_close(together[b : b + 1], alone, rtol=0, atol=1e-5)


ALIASES = [
    ("ddim", {}, {"sampler": "bridge", "order": 1, "lam": 0.0}),
    ("ddpm", {}, {"sampler": "bridge", "order": 1, "lam": 1.0}),
    ("smld", {}, {"sampler": "bridge", "order": 1, "lam": 1.0}),
    ("dpmpp_2m", {}, {"sampler": "bridge", "order": 2, "lam": 0.0}),
    ("dpmpp_2m_sde", {}, {"sampler": "bridge", "order": 2, "lam": 1.0}),
    ("ddpm", {"lam": 0.4}, {"sampler": "bridge", "order": 1, "lam": 0.4}),
    ("ddim_eta", {"eta": 0.0}, {"sampler": "ddim"}),
    ("ddim_eta", {"eta": 1.0}, {"sampler": "ddpm"}),
    ("bridge", {"lam": 1.0, "noise_interval": (0.0, 1e6)}, {"sampler": "bridge", "lam": 1.0}),
    ("bridge", {"lam": 1.0, "noise_interval": (1e5, 1e6)}, {"sampler": "bridge", "lam": 0.0}),
    ("predictor_corrector", {"step_size": 1e-4, "lam": 0.0}, {"sampler": "ddim"}),
]


@pytest.mark.parametrize(("sampler", "options", "same"), ALIASES)
def test_known_names_are_points_of_the_family(sampler: str, options: dict[str, Any], same: dict[str, Any]) -> None:
    ours, theirs = last(run(ask(sampler=sampler, **options))), last(run(ask(**same)))
    loose = 0.1 if sampler == "predictor_corrector" else 1e-5  # a corrector this small hardly moves
    torch.testing.assert_close(ours.x_next, theirs.x_next, rtol=0, atol=loose)


EVALUATIONS = {"heun": 2 * 8 - 1, "predictor_corrector": 2 * 8 - 1, "annealed_langevin": 10 * 8 + 1}


@pytest.mark.parametrize("sampler", [name for name in catalog.SAMPLERS if name != "rk45"])
def test_every_evaluation_is_counted(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    call = Mixture.__call__
    monkeypatch.setattr(Mixture, "__call__", lambda self, *args: calls.append(1) or call(self, *args))
    step = last(run(ask(sampler=sampler)))
    assert step.nfe == len(calls) == EVALUATIONS.get(sampler, 8)


@pytest.mark.parametrize(
    ("sampler", "lam"),
    [("unipc", 0.0), ("heun", 0.0), ("rk45", 0.0)]
    + [(sampler, lam) for sampler in ("bridge", "euler", "predictor_corrector") for lam in (0.0, 0.5, 1.0, 2.0)],
)
def test_the_weights_of_the_mixture_come_out(sampler: str, lam: float) -> None:
    """A χ² test of how many of 8,000 particles end at each component, with a false-alarm rate of 1e-4 a case."""
    model = mixture()
    model.shape = (250, 2)
    request = ask(sampler=sampler, count=32, steps=1000 if sampler == "euler" else 60, **({"lam": lam} if lam else {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs.models, "load", lambda name: model)
        points = last(run(request)).x_next.reshape(-1, 2)
    nearest = torch.cdist(points, torch.tensor([[-1.0, 0.0], [0.7, 0.7], [0.5, -0.9]])).argmin(1)
    counts = np.bincount(nearest, minlength=3)
    expected = 8000 * np.array([0.5, 0.25, 0.25])
    assert float(((counts - expected) ** 2 / expected).sum()) < 18.4  # χ² with 2 degrees of freedom, 1e-4


@pytest.mark.parametrize("spacing", ["uniform_t", "quadratic"])
@pytest.mark.parametrize("schedule", ["vp_cosine", "vp_cosine_discrete"])
def test_heun_leaps_from_the_ends_of_the_cosine_schedules(schedule: str, spacing: str) -> None:
    """From σ = 6,000 and more to some 20 in one step, where a trapezoid in σ throws samples far away."""
    fields = {"schedule": schedule, "count": 20, "noise": "step"}
    exact = last(run(ask(**fields, order=2, steps=400, spacing="uniform_logsnr"))).x_next
    found = last(run(ask(**fields, sampler="heun", steps=40, spacing=spacing))).x_next
    assert float((found - exact).square().mean().sqrt()) < 0.1


@pytest.mark.parametrize("sampler", catalog.SAMPLERS)
def test_no_sampler_goes_on_with_values_that_are_not_finite(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mixture, "__call__", lambda self, x, level, condition=None: x * math.nan)
    with pytest.raises(RunError, match="denoiser returned values that are not finite"):
        last(run(ask(sampler=sampler)))


def test_values_that_are_not_finite_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the step, the noise level and the cause."""
    call = Mixture.__call__

    def broken(self: Mixture, x: Tensor, level: Level, condition: Any = None) -> Tensor:
        return call(self, x, level, condition) * (math.nan if level.sigma < 3 else 1.0)

    monkeypatch.setattr(Mixture, "__call__", broken)
    steps = run(ask())
    assert [next(steps).index for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(RunError, match=r"step 5 of 8 \(σ = 1\.287\): the denoiser returned values that are not finite"):
        next(steps)


def test_a_run_that_grows_beyond_all_numbers_says_how_to_mend_it() -> None:
    with pytest.raises(RunError, match="more steps"):
        last(run(ask(sampler="euler_maruyama", schedule="flow", spacing="uniform_logsnr", steps=30, lam=100.0)))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sampler": "rk45", "steps": 0}, "steps"),
        ({"lam": -1.0}, "lam"),
        ({"sampler": "langevin", "sigma": 90.0}, "sigma"),
        ({"sigmas": (100.0, 1.0)}, "sigmas"),
        ({"condition": 2}, "condition"),
        ({"condition": "a cat"}, "condition"),
    ],
)
def test_what_cannot_be_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        run(ask(**fields))
    assert caught.value.field == field
    assert str(caught.value).startswith(field)


def test_guidance_needs_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Mixture(torch.zeros(1, 2), torch.eye(2)[None], torch.ones(1), shape=(5, 2))
    monkeypatch.setattr(runs.models, "load", lambda name: plain)
    with pytest.raises(RequestError) as caught:
        run(ask(sampler="langevin", guidance=2.0))
    assert caught.value.field == "guidance"
