"""Guidance: the formulas, how often the networks are asked, and Bayes' rule between a classifier and a condition."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.fields import RequestError
from engine.guidance import Guide, guided, rescaled
from engine.models.denoiser import Condition
from engine.schedules import Level, Schedule, edm, vp_linear

WEIGHTS = [0.0, 0.3, 1.0, 2.5, 7.0]


class Recorder:
    """A denoiser, D = x · 0.5 + (1 + class)², that writes down the size of every batch it is asked for."""

    shape: tuple[int, ...] = (1, 2, 2)
    schedule: Schedule = edm()
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode(self, condition: Condition, count: int) -> Tensor:
        assert condition is None or isinstance(condition, int)
        return torch.full((count,), -1 if condition is None else condition)

    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        assert isinstance(condition, Tensor)
        assert len(condition) == len(x)
        self.batches.append(len(x))
        return 0.5 * x + (1.0 + condition[:, None, None, None]) ** 2


X = torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(3))
CONDITIONAL, UNCONDITIONAL = 0.5 * X + 9.0, 0.5 * X  # class 2, and the null class −1


def level(sigma: float) -> Level:
    return Level(0.5, 1.0, sigma)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_one_call_a_step_at_any_weight(weight: float) -> None:
    """D∅ + w (D_c − D∅), in one call: doubled where both are needed, plain where one is."""
    denoiser = Recorder()
    denoise = guided(denoiser, 2, 3, weight)
    expected = UNCONDITIONAL + weight * (CONDITIONAL - UNCONDITIONAL)
    for steps, sigma in enumerate((80.0, 1.0, 0.002), start=1):
        assert_close(denoise(X, level(sigma)), expected)
        assert denoiser.batches == [3 if weight in (0.0, 1.0) else 6] * steps


def test_weights_0_and_1_are_exact() -> None:
    assert torch.equal(guided(Recorder(), 2, 3, 0.0)(X, level(1.0)), UNCONDITIONAL)
    assert torch.equal(guided(Recorder(), 2, 3, 1.0)(X, level(1.0)), CONDITIONAL)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_outside_the_interval_it_is_the_plain_conditional_model(weight: float) -> None:
    denoiser = Recorder()
    denoise = guided(denoiser, 2, 3, weight, interval=(0.5, 2.0))
    for sigma in (0.499, 2.001, 80.0):
        assert torch.equal(denoise(X, level(sigma)), CONDITIONAL)
    assert denoiser.batches == [3, 3, 3]
    expected = UNCONDITIONAL + weight * (CONDITIONAL - UNCONDITIONAL)
    for sigma in (0.5, 1.0, 2.0):
        assert_close(denoise(X, level(sigma)), expected)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_without_a_condition_there_is_nothing_to_guide(weight: float) -> None:
    denoiser = Recorder()
    assert torch.equal(guided(denoiser, None, 3, weight)(X, level(1.0)), UNCONDITIONAL)
    assert denoiser.batches == [3]


# --- what does not depend on the kind of guidance ---------------------------------------------------------------------


class Witness:
    """log p(y | x) = y · Σ x, whose gradient is y everywhere; counts its calls."""

    shape: tuple[int, ...] = (1, 2, 2)
    classes = 3

    def __init__(self) -> None:
        self.calls = 0

    def log_probabilities(self, x: Tensor, level: Level) -> Tensor:
        self.calls += 1
        return x.flatten(1).sum(1, keepdim=True) * torch.arange(self.classes)


class Worse(Recorder):
    """D = x · 0.25 + class."""

    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        assert isinstance(condition, Tensor)
        super().__call__(x, level, condition)
        return 0.25 * x + condition[:, None, None, None]


def guides() -> dict[str, Guide | None]:
    return {"classifier-free": None, "classifier": Witness(), "autoguidance": Worse()}


Kinds = pytest.mark.parametrize("kind", guides())


def terms(kind: str, sigma: float) -> tuple[Tensor, Tensor]:
    """D₊ and D₋ of class 2 at α = 1."""
    shifted = UNCONDITIONAL + 2.0 * sigma**2
    pairs = {
        "classifier-free": (CONDITIONAL, UNCONDITIONAL),
        "classifier": (shifted, UNCONDITIONAL),
        "autoguidance": (CONDITIONAL, 0.25 * X + 2.0),
    }
    return pairs[kind]


@Kinds
@pytest.mark.parametrize("weight", WEIGHTS)
def test_away_from_the_worse_towards_the_better(kind: str, weight: float) -> None:
    """D₋ + w (D₊ − D₋), at w = 0 and 1 exactly one of the two."""
    denoise = guided(Recorder(), 2, 3, weight, guide=guides()[kind])
    for sigma in (0.01, 1.0, 20.0):
        plus, minus = terms(kind, sigma)
        assert_close(denoise(X, level(sigma)), minus + weight * (plus - minus))
        if weight in (0.0, 1.0):
            assert torch.equal(denoise(X, level(sigma)), plus if weight else minus)


@Kinds
def test_outside_the_interval_the_guide_is_not_asked(kind: str) -> None:
    """The denoiser is alone: conditional, or unconditional where a classifier brings the condition."""
    denoiser, guide = Recorder(), guides()[kind]
    denoise = guided(denoiser, 2, 3, 2.5, (0.5, 2.0), rescale=0.7, guide=guide)
    alone = UNCONDITIONAL if kind == "classifier" else CONDITIONAL
    for sigma in (0.499, 2.001, math.inf):
        assert torch.equal(denoise(X, Level(0.5, 1.0, sigma)), alone)
    assert denoiser.batches == [3, 3, 3]
    assert not isinstance(guide, Witness) or guide.calls == 0
    assert not isinstance(guide, Worse) or guide.batches == []
    unlimited = guided(denoiser, 2, 3, 2.5, rescale=0.7, guide=guide)
    for sigma in (0.5, 1.0, 2.0):
        assert torch.equal(denoise(X, level(sigma)), unlimited(X, level(sigma)))


@Kinds
@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_fewer_rows_are_the_first_ones(kind: str, weight: float) -> None:
    """Samplers that adapt their steps solve one sample at a time."""
    denoise = guided(Recorder(), 2, 3, weight, rescale=0.5, guide=guides()[kind], clip=5.0)
    everything = denoise(X, level(1.0))
    for row in range(3):
        assert_close(denoise(X[row : row + 1], level(1.0)), everything[row : row + 1], rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_one_call_of_each_that_is_needed(weight: float) -> None:
    denoiser, worse, witness = Recorder(), Worse(), Witness()
    guided(denoiser, 2, 3, weight, guide=worse)(X, level(1.0))
    assert denoiser.batches == ([] if weight == 0.0 else [3])
    assert worse.batches == ([] if weight == 1.0 else [3])
    denoiser.batches.clear()
    guided(denoiser, 2, 3, weight, guide=witness)(X, level(1.0))
    assert denoiser.batches == [3]
    assert witness.calls == (0 if weight == 0.0 else 1)


# --- rescale and clip -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_rescaling_brings_back_the_standard_deviation(share: float) -> None:
    """Each sample's std becomes φ std(D₊) + (1 − φ) std(D), its direction stays; written out in NumPy."""
    draws = torch.Generator().manual_seed(0)
    spreads = torch.tensor([0.1, 1.0, 7.0])[:, None, None, None]
    plus, mixed = (spreads * torch.randn(3, 2, 4, 4, generator=draws) + 1.0 for _ in range(2))
    for before, after, wanted in zip(mixed.numpy(), rescaled(mixed, plus, share).numpy(), plus.numpy(), strict=True):
        assert after.std() == pytest.approx(share * wanted.std() + (1 - share) * before.std(), rel=1e-5)
        np.testing.assert_allclose(after / after.std(), before / before.std(), rtol=1e-5, atol=1e-6)


@Kinds
def test_rescaling_is_to_the_better_term(kind: str) -> None:
    """At φ = 1 the guided samples have the standard deviations of D₊; those of w = 4 alone are others."""
    guide = {"classifier-free": None, "classifier": ExactClassifier(), "autoguidance": WiderGaussians()}[kind]
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)

    def spreads(weight: float, rescale: float) -> Tensor:
        denoise = guided(TwoGaussians(), 1, 4, weight, rescale=rescale, guide=guide)
        return denoise(x, level(1.0)).std(1)

    assert_close(spreads(4.0, 1.0), spreads(1.0, 0.0), rtol=1e-12, atol=0.0)
    assert float((spreads(4.0, 0.0) / spreads(1.0, 0.0) - 1.0).abs().min()) > 0.01


def test_a_constant_sample_is_not_rescaled() -> None:
    constant = torch.full((2, 1, 2, 2), 3.0)
    assert torch.equal(rescaled(constant, X[:2], 1.0), constant)


@Kinds
@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_clipping_is_last(kind: str, weight: float) -> None:
    """Also of what was rescaled, and where nothing is guided."""

    def denoised(clip: float | None) -> Tensor:
        return guided(Recorder(), 2, 3, weight, rescale=0.7, guide=guides()[kind], clip=clip)(X, level(1.0))

    free, clipped = denoised(None), denoised(1.5)
    assert float(free.abs().max()) > 1.5
    assert torch.equal(clipped, free.clamp(-1.5, 1.5))


# --- the exact classifier, and the exact conditional model ------------------------------------------------------------


class TwoGaussians:
    """Two classes in R³, Gaussians of diagonal covariance: denoiser and classifier of noisy points, both exact."""

    shape: tuple[int, ...] = (3,)
    schedule: Schedule = edm()
    device = torch.device("cpu")
    classes = 2
    prior = torch.tensor([0.3, 0.7], dtype=torch.float64)
    means = torch.tensor([[1.0, -0.5, 0.2], [-0.7, 0.4, 2.0]], dtype=torch.float64)
    variances = torch.tensor([[0.2, 1.5, 0.01], [0.9, 0.3, 0.4]], dtype=torch.float64)

    def encode(self, condition: Condition, count: int) -> Tensor:
        assert condition is None or isinstance(condition, int)
        return torch.full((count,), self.classes if condition is None else condition)

    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        total = level.alpha**2 * self.variances + level.std**2
        gain = level.alpha * self.variances / total
        each = self.means + gain * (x[:, None] - level.alpha * self.means)  # [B, classes, 3]
        assert isinstance(condition, Tensor)
        known = (condition[:, None] == torch.arange(self.classes)).double()
        weights = torch.where((condition == self.classes)[:, None], self.posterior(x, level).exp(), known)
        return (weights[..., None] * each).sum(1)

    def posterior(self, x: Tensor, level: Level) -> Tensor:
        spread = torch.distributions.Normal(
            level.alpha * self.means, (level.alpha**2 * self.variances + level.std**2).sqrt()
        )
        return torch.log_softmax(self.prior.log() + spread.log_prob(x[:, None]).sum(-1), dim=1)


class WiderGaussians(TwoGaussians):
    """A worse model of the same data: twice the variances."""

    variances = 2.0 * TwoGaussians.variances


class ExactClassifier:
    shape: tuple[int, ...] = TwoGaussians.shape
    classes = TwoGaussians.classes

    def log_probabilities(self, x: Tensor, level: Level) -> Tensor:
        return TwoGaussians().posterior(x, level)


SIGMAS = (0.01, 0.3, 1.0, 5.0, 79.0)


@pytest.mark.parametrize("schedule", [edm(), vp_linear()], ids=lambda schedule: schedule.name)
@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 3.0, 7.5])
@pytest.mark.parametrize("condition", [0, 1])
def test_the_exact_classifier_is_classifier_free_guidance(schedule: Schedule, weight: float, condition: int) -> None:
    """Bayes: (std²/α) ∇ log p(y | x_t) = D_c − D∅, to rounding, at every level, on every schedule."""
    model, draws = TwoGaussians(), torch.Generator().manual_seed(0)
    by_classifier = guided(model, condition, 5, weight, guide=ExactClassifier())
    free = guided(model, condition, 5, weight)
    for sigma in SIGMAS:
        at = schedule.level_at_sigma(sigma)
        clean = model.means[torch.tensor([0, 1, 0, 1, 1])]
        x = at.alpha * clean + at.std * torch.randn(5, 3, generator=draws, dtype=torch.float64)
        assert_close(by_classifier(x, at), free(x, at), rtol=0.0, atol=1e-10)


def test_a_row_is_the_same_in_any_batch() -> None:
    """The gradient is that of each row's own log-probability, not of their mean."""
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    denoise = guided(TwoGaussians(), 1, 4, 3.0, guide=ExactClassifier())
    alone = torch.cat([denoise(row[None], level(0.7)) for row in x])
    assert_close(denoise(x, level(0.7)), alone, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_a_classifier_guides_in_every_mode_of_autograd(mode: Callable[[], AbstractContextManager[None]]) -> None:
    """x is an inference tensor where a network made it; the caller's mode is as it was."""
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    denoise = guided(TwoGaussians(), 1, 4, 3.0, guide=ExactClassifier())
    expected = denoise(x, level(0.7))
    with mode():
        modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        made = x + 0.0
        assert torch.equal(denoise(made, level(0.7)), expected)
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == modes
    assert torch.equal(denoise(made, level(0.7)), expected)
    assert not made.requires_grad


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_without_signal_there_is_nothing_to_classify(weight: float) -> None:
    """α = 0, the start of a rectified flow: the denoiser alone, with no division by zero."""
    x, nothing = torch.ones(2, 3, dtype=torch.float64), Level(1.0, 0.0, 1.0)
    model = TwoGaussians()
    denoised = guided(model, 1, 2, weight, guide=ExactClassifier())(x, nothing)
    assert torch.equal(denoised, model(x, nothing, model.encode(None, 2)))
    assert_close(denoised, (model.prior[:, None] * model.means).sum(0).expand(2, 3))


# --- autoguidance -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("condition", [None, 1])
def test_a_model_guided_by_itself_is_itself(weight: float, condition: int | None) -> None:
    model = TwoGaussians()
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for sigma in SIGMAS:
        denoised = guided(model, condition, 4, weight, guide=model)(x, level(sigma))
        assert torch.equal(denoised, model(x, level(sigma), model.encode(condition, 4)))


def test_autoguidance_needs_no_condition() -> None:
    """Both models unconditional, even where one of them has no classes."""
    without = Worse()
    without.classes = 0  # type: ignore[attr-defined]
    denoised = guided(Recorder(), None, 3, 2.0, guide=without)(X, level(1.0))
    assert_close(denoised, (0.25 * X - 1.0) + 2.0 * (UNCONDITIONAL - (0.25 * X - 1.0)))


# --- what does not go together ----------------------------------------------------------------------------------------


def with_classes(classes: int, shape: tuple[int, ...] = (1, 2, 2)) -> Recorder:
    model = Recorder()
    model.classes, model.shape = classes, shape  # type: ignore[attr-defined]
    return model


def judge(classes: int = 3, shape: tuple[int, ...] = (1, 2, 2)) -> Witness:
    witness = Witness()
    witness.classes, witness.shape = classes, shape
    return witness


@pytest.mark.parametrize(
    ("classes", "condition", "weight", "guide", "sentence"),
    [
        (0, None, 2.0, None, "guidance must be 1 for a model without classes, not 2"),
        (0, 1, 1.0, None, "condition must be none for a model without classes, not 1"),
        (3, None, 1.0, judge(), "condition must be given where the guide is a classifier"),
        (0, 3, 1.0, judge(), "condition must be a class from 0 to 2 of the guide, not 3"),
        (0, "seven", 1.0, judge(), "condition must be a class from 0 to 2 of the guide, not 'seven'"),
        (3, 1, 2.0, judge(classes=10), "guide must have the model's 3 classes, not 10"),
        (3, 1, 2.0, judge(shape=(1, 4, 4)), "guide must be of the model's shape 1 × 2 × 2, not 1 × 4 × 4"),
        (3, 1, 2.0, with_classes(10), "guide must have the model's 3 classes, not 10"),
        (3, 1, 2.0, with_classes(0), "guide must have the model's 3 classes, not 0"),
        (3, None, 2.0, with_classes(3, (3, 2, 2)), "guide must be of the model's shape 1 × 2 × 2, not 3 × 2 × 2"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(
    classes: int, condition: int | str | None, weight: float, guide: Guide | None, sentence: str
) -> None:
    """Before anything is computed."""
    with pytest.raises(RequestError, match=rf"^{re.escape(sentence)}\.$") as caught:
        guided(with_classes(classes), condition, 3, weight, guide=guide)
    assert caught.value.field == sentence.split()[0]


def test_a_classifier_guides_a_model_without_classes() -> None:
    """What it was made for: nothing but the noisy classifier knows of classes."""
    plus, minus = terms("classifier", 1.0)
    assert_close(guided(with_classes(0), 2, 3, 2.5, guide=Witness())(X, level(1.0)), minus + 2.5 * (plus - minus))
