"""Guides: classifiers of noisy images, and those that ship, with a weak model for autoguidance; fixed seeds."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from conftest import TINY, random_network
from torch import Tensor

from engine import catalog, models
from engine.catalog import RESOURCES
from engine.data import digits
from engine.guidance import Guide, guided
from engine.likelihood import log_density
from engine.measures.judges import agreement
from engine.models import ModelError, parameterization
from engine.models.checkpoint import save_model
from engine.models.mixture import Mixture
from engine.models.noisy_classifier import NetworkClassifier, NoisyClassifier, evidence
from engine.models.registry import build, load_guide
from engine.noise import KeyedNoise
from engine.samplers import bridge
from engine.schedules import SCHEDULES, Level, grid

WEIGHTS = RESOURCES / "models"
TINY_GUIDE = msgspec.structs.replace(
    TINY, name="tiny-guide", kind="guide", architecture={"classes": 3, "size": 8, "widths": [16, 32], "embedding": 32}
)


@pytest.fixture(autouse=True)
def only_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No model of the person's own in the way."""
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    monkeypatch.setenv("SCORESCOPE_DEVICE", "cpu")
    return tmp_path


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> NoisyClassifier:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCORESCOPE_MODELS", str(tmp_path_factory.mktemp("none")))
        guide = load_guide("digits-noisy-classifier", "cpu")
    assert isinstance(guide, NoisyClassifier)
    return guide


def tiny_guide(seed: int = 0) -> NetworkClassifier:
    network = random_network(TINY_GUIDE, seed)
    return NetworkClassifier(network, parameterization.edm(0.5), TINY_GUIDE.shape, len(TINY_GUIDE.classes))


# --- any classifier of noisy images -----------------------------------------------------------------------------------


def test_the_kind_of_the_card_says_what_guides(only_what_ships: Path) -> None:
    save_model(only_what_ships, random_network(TINY_GUIDE).state_dict(), TINY_GUIDE)
    save_model(only_what_ships, random_network().state_dict(), TINY)
    guide = load_guide("tiny-guide", "cpu")
    assert isinstance(guide, NoisyClassifier)
    assert (guide.shape, guide.classes) == ((1, 8, 8), 3)
    assert load_guide("tiny", "cpu") is models.load("tiny", "cpu")
    assert load_guide("tiny-guide", "cpu") is guide  # read once
    assert not isinstance(load_guide("tiny", "cpu"), NoisyClassifier)


def test_a_guide_is_no_model(only_what_ships: Path) -> None:
    save_model(only_what_ships, random_network(TINY_GUIDE).state_dict(), TINY_GUIDE)
    with pytest.raises(ModelError, match=r"model must be one of .*, not 'tiny-guide'"):
        models.load("tiny-guide")
    with pytest.raises(ModelError, match=r"guide must be one of .*digits-weak.*, not 'digits-classifier'"):
        load_guide("digits-classifier")


def test_a_bad_guide_is_a_sentence(only_what_ships: Path) -> None:
    save_model(only_what_ships, random_network(TINY_GUIDE).state_dict(), TINY_GUIDE)
    weights = only_what_ships / "tiny-guide.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"tiny-guide\.safetensors is not a readable"):
        load_guide("tiny-guide")
    weights.unlink()
    with pytest.raises(ModelError, match=r"tiny-guide\.safetensors is missing"):
        load_guide("tiny-guide")


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "edm"])
def test_on_any_schedule_the_same_image_is_the_same_class(name: str) -> None:
    """σ is matched: log p(y | α x) on a schedule is log p(y | x) on EDM's, to 1e-5."""
    guide, schedule = tiny_guide(), SCHEDULES[name]()
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for sigma in (0.05, 1.0, 20.0):
        own, at = parameterization.edm().schedule.level_at_sigma(sigma), schedule.level_at_sigma(sigma)
        expected = guide.log_probabilities(x * own.alpha, own)
        torch.testing.assert_close(guide.log_probabilities(x * at.alpha, at), expected, rtol=0.0, atol=1e-5)
        torch.testing.assert_close(expected.exp().sum(1), torch.ones(4))


def test_beyond_the_training_it_fades_into_the_prior() -> None:
    """Evidence falls as 1/σ, and so the shift of D, σ² ∇ log p, goes to a limit; without signal the prior is left."""
    guide, noise = tiny_guide(), torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    prior = torch.log_softmax(guide.network.prior, 0).expand(2, 3)  # type: ignore[arg-type, union-attr]

    def away(sigma: float) -> float:
        return float((guide.log_probabilities(sigma * noise, Level(1.0, 1.0, sigma)) - prior).abs().max())

    def shift(sigma: float) -> Tensor:
        x = (sigma * noise).requires_grad_()
        guide.log_probabilities(x, Level(1.0, 1.0, sigma))[:, 1].sum().backward()
        assert x.grad is not None
        return sigma**2 * x.grad

    assert away(1000.0) == pytest.approx(away(100.0) / 10.0, rel=0.01)
    torch.testing.assert_close(shift(1e5), shift(1e3), rtol=1e-4, atol=1e-4 * float(shift(1e3).abs().max()))
    torch.testing.assert_close(guide.log_probabilities(noise, Level(1.0, 0.0, 1.0)), prior)
    assert evidence(0.0) == 1.0
    assert evidence(math.inf) == 0.0


def test_the_gradient_is_finite_from_the_clean_image_to_pure_noise() -> None:
    guide = tiny_guide()
    for level in (Level(0.0, 1.0, 0.0), Level(0.0, 0.5, 1e-6), Level(0.5, 1.0, 1.0), Level(1.0, 1e-4, 1.0)):
        x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
        guide.log_probabilities(x, level)[:, 0].sum().backward()
        assert x.grad is not None
        assert bool(torch.isfinite(x.grad).all())
        assert float(x.grad.abs().max()) > 0.0


# --- a mixture with full covariances, whose points are particles of a cloud -------------------------------------------


class MixtureClassifier:
    """The classifier of clouds [B, n, 2] that a mixture is: p(y | x) ∝ p(y) p(x | y), for every point by itself."""

    def __init__(self, mixture: Mixture, prior: Tensor) -> None:
        self.mixture, self.prior = mixture, prior
        self.shape, self.classes = mixture.shape, mixture.classes

    def log_probabilities(self, x: Tensor, level: Level) -> Tensor:
        each = [self.mixture.log_density(x, level, label) for label in range(self.classes)]  # [B, n]
        return torch.log_softmax(torch.stack(each, -1) + self.prior.log(), -1).sum(1)


@pytest.mark.parametrize("weight", [0.5, 1.0, 4.0])
def test_the_classifier_of_a_mixture_guides_as_its_conditions_do(weight: float) -> None:
    """Bayes again, by another implementation: five components of full covariance in two classes, particles in 2D.

    The classes may be asked for by the names that the model has for them.
    """
    draws = torch.Generator().manual_seed(0)
    means = torch.randn(5, 2, generator=draws, dtype=torch.float64)
    roots = 0.5 * torch.randn(5, 2, 2, generator=draws, dtype=torch.float64)
    covariances = roots @ roots.mT + 0.01 * torch.eye(2)
    weights = torch.tensor([0.1, 0.3, 0.2, 0.25, 0.15], dtype=torch.float64)
    mixture = Mixture(means, covariances, weights, torch.tensor([0, 0, 1, 1, 1]), ("left", "right"), (50, 2))
    classifier = MixtureClassifier(mixture, torch.tensor([0.4, 0.6], dtype=torch.float64))
    by_classifier, free = guided(mixture, "right", 2, weight, guide=classifier), guided(mixture, 1, 2, weight)
    for sigma in (0.02, 0.5, 3.0, 60.0):
        x = (1.0 + sigma) * torch.randn(2, 50, 2, generator=draws, dtype=torch.float64)
        level = Level(0.5, 1.0, sigma)
        torch.testing.assert_close(by_classifier(x, level), free(x, level), rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_the_likelihood_under_a_classifier_is_that_of_what_it_guides_to(weight: float) -> None:
    """∂D/∂x has the classifier's Hessian in it: at w = 1 it is the exact density of the class, at w = 2 that of CFG."""
    means = torch.tensor([[-1.0, 0.0], [1.0, 0.5], [0.0, -1.0]], dtype=torch.float64)
    covariances = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)[:, None, None] * torch.eye(2, dtype=torch.float64)
    shares = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    mixture = Mixture(means, covariances, shares, torch.tensor([0, 1, 1]), ("left", "right"), (1, 2))
    classifier = MixtureClassifier(mixture, torch.tensor([0.2, 0.8], dtype=torch.float64))
    x = torch.tensor([[[0.3, 0.2]], [[-0.5, 0.4]]], dtype=torch.float64)
    level = Level(0.1, 1.0, 0.1)
    found, wanted = (
        log_density(denoise, x, level, steps=40)
        for denoise in (guided(mixture, 1, 2, weight, guide=classifier), guided(mixture, 1, 2, weight))
    )
    torch.testing.assert_close(found, wanted, rtol=0.0, atol=1e-8)
    if weight == 1.0:
        torch.testing.assert_close(found, mixture.log_density(x, level, 1).sum(1), rtol=0.0, atol=1e-3)


# --- the shipped classifier of noisy digits ---------------------------------------------------------------------------


def noisy_digits(sigma: float, count: int = 1000) -> tuple[Tensor, Tensor]:
    """The first test digits [B, 1, 28, 28] with noise of σ, and their classes."""
    images, labels = digits.load("test")
    clean = torch.from_numpy(images[:count, None].copy()).float() / 127.5 - 1.0
    return clean + sigma * KeyedNoise(0, count, digits.SHAPE).initial(), torch.from_numpy(labels[:count].copy()).long()


@pytest.fixture(scope="module")
def judgements(judged: NoisyClassifier) -> dict[float, tuple[Tensor, Tensor]]:
    """log p(y | x) of 1,000 test digits, and their classes, by σ."""
    made = {}
    with torch.inference_mode():
        for sigma in (0.1, 0.5, 1.0, 2.0, 5.0, 20.0, 80.0):
            x, labels = noisy_digits(sigma)
            made[sigma] = judged.log_probabilities(x, Level(0.5, 1.0, sigma)), labels
    return made


Judgements = dict[float, tuple[Tensor, Tensor]]


def test_it_knows_clean_digits_and_less_with_every_level_of_noise(judgements: Judgements) -> None:
    right = {sigma: float((logs.argmax(1) == labels).double().mean()) for sigma, (logs, labels) in judgements.items()}
    assert right[0.1] >= 0.98
    assert all(low > high - 0.03 for low, high in pairwise(right.values()))
    assert right[80.0] < 0.2


def test_its_probabilities_are_calibrated(judgements: Judgements) -> None:
    """What it says it is worth is what it is worth: Σ p log p, its own expectation of log p(y), against log p(y).

    Means over 1,000 digits: within 4 standard errors (false alarm 6e−5) and 0.02 nats for what it has not learned.
    """
    for sigma, (logs, labels) in judgements.items():
        worth = logs.gather(1, labels[:, None])[:, 0]
        expected = (logs.exp() * logs).sum(1)
        error = float((worth - expected).std()) / len(labels) ** 0.5
        assert float((worth - expected).mean()) == pytest.approx(0.0, abs=0.02 + 4 * error), sigma


def test_pure_noise_has_the_frequencies_of_the_classes(judgements: Judgements) -> None:
    """At σ = 80 every class has about its share of the training images, 0.090 to 0.112."""
    share = torch.from_numpy(np.bincount(digits.load("train")[1]) / 60_000)
    torch.testing.assert_close(judgements[80.0][0].exp().mean(0).double(), share, rtol=0.0, atol=0.01)
    assert float(judgements[80.0][0].exp().max()) < 0.25


def test_its_gradient_is_finite_everywhere_and_points_to_the_class(judged: NoisyClassifier) -> None:
    """A small part of the shift σ² ∇ log p(y | x) of guidance makes y more probable; no pixel of it is out of range."""
    schedule = parameterization.edm().schedule
    for level in grid(schedule, 12, "karras")[:-1]:
        x, labels = noisy_digits(level.sigma, 50)
        x.requires_grad_()
        other = ((labels + 1) % 10)[:, None]
        logs = judged.log_probabilities(x, level).gather(1, other).sum()
        (gradient,) = torch.autograd.grad(logs, x)
        shift = level.sigma**2 * gradient
        assert bool(torch.isfinite(gradient).all())
        assert float(shift.abs().max()) < 20.0
        if level.sigma > 0.1:  # below it the shift is lost in rounding
            with torch.no_grad():
                after = judged.log_probabilities(x + 0.01 * shift, level).gather(1, other).sum()
            assert float(after) > float(logs.detach())


# --- guidance of the shipped model ------------------------------------------------------------------------------------


def sampled(condition: int | None, weight: float, guide: Guide | None, count: int = 5) -> Tensor:
    """Ten deterministic steps of DDIM, on noise of the condition's own."""
    model = models.load("digits")
    denoise = guided(model, condition, count, weight, guide=guide)
    levels = grid(model.schedule, 10, "karras")
    x = levels[0].std * KeyedNoise(100 * (condition or 0), count, model.shape).initial()
    for level, below in pairwise(levels):
        x = bridge(x, denoise(x, level), level, below)
    return x


def agreement_of(weight: float, guide: Guide | None) -> float:
    """The share of 50 samples, five of each digit, that are what was asked for."""
    return agreement(torch.cat([sampled(digit, weight, guide) for digit in range(10)]), np.arange(10).repeat(5))


def test_a_classifier_makes_the_unconditional_model_draw_what_was_asked_for(judged: NoisyClassifier) -> None:
    """From chance at w = 0 to nearly all at w = 3, on the same noise."""
    assert agreement_of(0.0, judged) <= 0.3
    assert agreement_of(3.0, judged) >= 0.8


def test_autoguidance_by_the_weak_model() -> None:
    """Samples change and stay what was asked for; at w = 1 they are the model's own; a condition is not needed."""
    weak, plain = load_guide("digits-weak", "cpu"), sampled(0, 1.0, None)
    assert agreement_of(2.0, weak) >= 0.94
    assert torch.equal(sampled(0, 1.0, weak), plain)
    assert not torch.allclose(sampled(0, 2.0, weak), plain, atol=0.1)
    assert bool(torch.isfinite(sampled(None, 2.0, weak, 2)).all())


@pytest.mark.parametrize("name", ["digits-weak", "digits-noisy-classifier"])
def test_the_cards_of_the_guides_say_how_they_were_made(name: str) -> None:
    card = (catalog.cards("guide") | catalog.cards())[name]
    assert card.command == f"scorescope train {name} --steps {card.steps} --seed 0"
    assert card.parameters == sum(p.numel() for p in build(card).parameters())
    assert (card.shape, card.classes) == (catalog.cards()["digits"].shape, catalog.cards()["digits"].classes)
    assert card.loss
    assert (WEIGHTS / f"{name}.safetensors").stat().st_size <= 2.5 * card.parameters  # half precision
