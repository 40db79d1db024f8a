"""Mixtures of Gaussians: the score, the density and the denoiser are exact, at every level, in every class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor
from torch.testing import assert_close

from engine.models.mixture import Mixture
from engine.schedules import SCHEDULES, Level

SCHEDULE_NAMES = ["edm", "vp_linear", "vp_cosine", "ve", "flow"]
TIMES = [1e-3, 0.1, 0.5, 0.99]
MEANS = torch.tensor([[-2.0, 0.5], [1.0, 1.0], [0.3, -1.5], [3.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
ROOTS = torch.randn(5, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
COVARIANCES = 0.2 * ROOTS @ ROOTS.mT + 0.02 * torch.eye(2, dtype=torch.float64)
WEIGHTS = torch.tensor([0.1, 0.3, 0.15, 0.2, 0.25], dtype=torch.float64)
LABELS = torch.tensor([0, 1, 0, 2, 1])
NAMES = ("left", "middle", "right")
CONDITIONS = torch.tensor([0, 1, 2, 3] * 8)  # the last is the null class


def mixture(**changes: Any) -> Mixture:
    arguments: dict[str, Any] = {"labels": LABELS, "classes": NAMES} | changes
    return Mixture(MEANS, COVARIANCES, WEIGHTS, **arguments)


def levels() -> list[Any]:
    return [pytest.param(SCHEDULES[name]().level(t), id=f"{name}-{t}") for name in SCHEDULE_NAMES for t in TIMES]


def points(level: Level, count: int = 32) -> Tensor:
    """Where x_t may be, and farther out: [count, 2]."""
    draws = torch.randn(count, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return 3.0 * (level.alpha + level.std) * draws


@pytest.mark.parametrize("level", levels())
def test_the_score_is_the_gradient_of_the_log_density(level: Level) -> None:
    """To 1e-10 of the score's size, which is about 1/std and 1/std² where std is small."""
    x = points(level).requires_grad_()
    model = mixture()
    (gradient,) = torch.autograd.grad(model.log_density(x, level, CONDITIONS).sum(), x)
    score = model.score(x, level, CONDITIONS)
    assert_close(score, gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("level", levels())
def test_tweedie(level: Level) -> None:
    """D = (x + std² ∇ log p) / α."""
    x = points(level)
    model = mixture()
    wanted = (x + level.std**2 * model.score(x, level, CONDITIONS)) / level.alpha
    assert_close(model(x, level, CONDITIONS), wanted, rtol=1e-10, atol=1e-10 * max(level.sigma, 1.0))


@pytest.mark.parametrize("level", levels())
def test_the_log_density_is_that_of_scipy(level: Level) -> None:
    x = points(level)
    components = [
        weight * multivariate_normal(level.alpha * mean, level.alpha**2 * covariance + level.std**2 * np.eye(2)).pdf(x)
        for mean, covariance, weight in zip(MEANS.numpy(), COVARIANCES.numpy(), WEIGHTS.numpy(), strict=True)
    ]
    density = torch.from_numpy(np.sum(components, axis=0))
    seen = density > 1e-280
    assert seen.sum() > 5
    assert_close(mixture().log_density(x, level)[seen], density.log()[seen], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("level", [Level(0.5, 1.0, 0.5), Level(0.5, 0.6, 0.8), Level(0.9, 0.1, 3.0)])
def test_the_denoiser_is_the_posterior_mean(level: Level) -> None:
    """E[x_0 | x_t] by the trapezium rule over x_0, which knows nothing of completed squares."""
    axis = torch.linspace(-10.0, 10.0, 401, dtype=torch.float64)
    clean = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    x = 0.5 * points(level, 8)
    prior = mixture().log_density(clean, Level(0.0, 1.0, 0.0))
    likelihood = -0.5 * ((x[:, None] - level.alpha * clean) / level.std).square().sum(-1)
    assert_close(mixture()(x, level), torch.softmax(prior + likelihood, 1) @ clean, rtol=1e-9, atol=1e-9)


def test_without_noise_the_denoiser_gives_x_back() -> None:
    x = points(Level(0.0, 1.0, 0.0))
    assert torch.equal(mixture()(x, Level(0.0, 1.0, 0.0)), x)
    assert torch.equal(mixture()(x, Level(0.0, 0.5, 0.0)), x / 0.5)


def test_without_signal_the_denoiser_is_the_prior_mean() -> None:
    x, level = points(Level(1.0, 0.0, 1.0), 4), SCHEDULES["flow"]().level(1.0)
    assert level.alpha == 0.0
    of_class = [(WEIGHTS * (label == LABELS)) / WEIGHTS[label == LABELS].sum() for label in range(3)]
    wanted = torch.stack([weights @ MEANS for weights in [*of_class, WEIGHTS]])
    assert_close(mixture()(x, level, torch.arange(4)), wanted)


def test_a_class_is_the_mixture_of_its_components_alone() -> None:
    level, model = Level(0.5, 0.8, 0.6), mixture()
    x = points(level)
    for label, name in enumerate(NAMES):
        here = label == LABELS
        alone = Mixture(MEANS[here], COVARIANCES[here], WEIGHTS[here] / WEIGHTS[here].sum())
        for condition in (label, name, torch.full((len(x),), label)):
            assert_close(model(x, level, condition), alone(x, level))
            assert_close(model.score(x, level, condition), alone.score(x, level))
            assert_close(model.log_density(x, level, condition), alone.log_density(x, level))


def test_the_null_class_is_the_whole_mixture() -> None:
    """Its number is that of the classes, and its density the mean of theirs."""
    level, model = Level(0.5, 0.8, 0.6), mixture()
    x = points(level)
    assert_close(model.encode(None, 3), torch.tensor([3, 3, 3]))
    assert_close(model(x, level), mixture(labels=None, classes=0)(x, level))
    shares = torch.stack([WEIGHTS[label == LABELS].sum() for label in range(3)])
    of_class = torch.stack([model.log_density(x, level, label).exp() for label in range(3)])
    assert_close(model.log_density(x, level).exp(), shares @ of_class)


def test_a_row_does_not_see_the_others() -> None:
    level, model = Level(0.5, 0.8, 0.6), mixture()
    x = points(level)
    together = model(x, level, CONDITIONS)
    for row in range(4):
        assert_close(together[row : row + 1], model(x[row : row + 1], level, CONDITIONS[row : row + 1]))


def test_a_cloud_is_points_of_one_class() -> None:
    """x [B, n, 2] is B samples of shape (n, 2), with a label each."""
    level, model = Level(0.5, 0.8, 0.6), mixture(shape=(8, 2))
    clouds, labels = points(level).reshape(4, 8, 2), torch.arange(4)
    flat, each = clouds.reshape(32, 2), labels.repeat_interleave(8)
    assert model.shape == (8, 2)
    assert_close(model(clouds, level, labels), mixture()(flat, level, each).reshape(4, 8, 2))
    assert_close(model.score(clouds, level, labels), mixture().score(flat, level, each).reshape(4, 8, 2))
    assert_close(model.log_density(clouds, level, labels), mixture().log_density(flat, level, each).reshape(4, 8))
    assert_close(model(clouds, level), mixture()(flat, level).reshape(4, 8, 2))


@pytest.mark.parametrize("level", [Level(0.1, 1.0, 0.1), Level(0.5, 0.6, 0.8), Level(1.0, 0.0, 1.0)])
def test_gradients_flow(level: Level) -> None:
    x = points(level, 4).requires_grad_()
    for function in (mixture().__call__, mixture().score, mixture().log_density):
        assert torch.autograd.gradcheck(lambda y, f=function: f(y, level, torch.arange(4)), (x,))  # type: ignore[misc]


def test_a_gradient_may_follow_a_run_in_inference_mode() -> None:
    """The constants that a sampler was the first to need serve a gradient too."""
    level, model = Level(0.5, 0.6, 0.8), mixture()
    with torch.inference_mode():
        model(points(level), level, 1)
    x = points(level).requires_grad_()
    (gradient,) = torch.autograd.grad(model.log_density(x, level, 1).sum(), x)
    assert_close(gradient, model.score(x.detach(), level, 1))


@pytest.mark.parametrize("level", levels())
def test_float32_agrees_with_float64(level: Level) -> None:
    """To 1e-5 of the data's size where a component is near, in the dtype that was given."""
    x = (level.alpha * MEANS + level.std * points(Level(0.0, 0.1, 0.0), 5)).float()
    single = mixture()(x, level)
    assert single.dtype == torch.float32
    assert_close(single.double(), mixture()(x.double(), level), rtol=1e-5, atol=1e-5 * max(1.0, 0.01 / level.alpha))


def test_one_dimension() -> None:
    """N(m, s²): D = m + α s² (x − α m) / (α² s² + std²)."""
    mean, variance, one = torch.tensor([0.7, 0.16, 1.0], dtype=torch.float64)
    model = Mixture(mean.reshape(1, 1), variance.reshape(1, 1, 1), one[None])
    x, level = torch.linspace(-3.0, 3.0, 7, dtype=torch.float64)[:, None], Level(0.5, 0.6, 0.8)
    wanted = mean + 0.6 * variance * (x - 0.6 * mean) / (0.36 * variance + 0.64)
    assert_close(model(x, level), wanted, rtol=1e-12, atol=1e-12)
    assert model.log_density(x, level).shape == (7,)


def test_three_dimensions() -> None:
    """Where the eigenvectors form no symmetric matrix, as those of two dimensions do."""
    level, draws = Level(0.5, 0.6, 0.8), torch.Generator().manual_seed(7)
    means, roots, x = (
        torch.randn(shape, generator=draws, dtype=torch.float64) for shape in [(2, 3), (2, 3, 3), (5, 3)]
    )
    covariances, weights = roots @ roots.mT, torch.tensor([0.4, 0.6], dtype=torch.float64)
    components = [
        weight * multivariate_normal(0.6 * mean, 0.36 * covariance + 0.64 * np.eye(3)).pdf(x)
        for mean, covariance, weight in zip(means.numpy(), covariances.numpy(), weights.numpy(), strict=True)
    ]
    model = Mixture(means, covariances, weights)
    assert_close(model.log_density(x, level).exp(), torch.from_numpy(np.sum(components, axis=0)), rtol=1e-10, atol=0)
    x.requires_grad_()
    (score,) = torch.autograd.grad(model.log_density(x, level).sum(), x)
    assert_close(model.score(x, level), score, rtol=1e-10, atol=1e-10)
    assert_close(model(x, level), (x + 0.64 * score) / 0.6, rtol=1e-10, atol=1e-10)


BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "weights that do not sum": ("weights", {"weights": WEIGHTS * 1.01}),
    "a negative weight": ("weights", {"weights": torch.tensor([-0.1, 0.5, 0.15, 0.2, 0.25])}),
    "too few weights": ("weights", {"weights": torch.tensor([0.5, 0.5])}),
    "a class without weight": ("weights", {"weights": torch.tensor([0.1, 0.5, 0.15, 0.0, 0.25])}),
    "a weight that is no number": ("weights", {"weights": WEIGHTS * math.nan}),
    "an indefinite covariance": ("covariances", {"covariances": -COVARIANCES}),
    "a singular covariance": ("covariances", {"covariances": torch.ones(5, 2, 2)}),
    "a lopsided covariance": ("covariances", {"covariances": COVARIANCES + torch.tensor([[0.0, 0.1], [0.0, 0.0]])}),
    "covariances of another size": ("covariances", {"covariances": torch.eye(3).expand(5, 3, 3)}),
    "a covariance that is no number": ("covariances", {"covariances": COVARIANCES * math.inf}),
    "means that are no numbers": ("means", {"means": MEANS * math.nan}),
    "a single mean": ("means", {"means": MEANS[0]}),
    "no mean": ("means", {"means": MEANS[:0]}),
    "a label out of range": ("labels", {"labels": LABELS + 1}),
    "a class without a component": ("labels", {"labels": torch.zeros(5, dtype=torch.long)}),
    "labels that are no whole numbers": ("labels", {"labels": LABELS.double()}),
    "too few labels": ("labels", {"labels": LABELS[:3]}),
    "no labels": ("labels", {"labels": None}),
    "a shape of another dimension": ("shape", {"shape": (8, 3)}),
}


@pytest.mark.parametrize(("argument", "changes"), BAD.values(), ids=BAD.keys())
def test_a_bad_mixture_is_refused_by_the_name_of_its_argument(argument: str, changes: dict[str, Any]) -> None:
    good = {"means": MEANS, "covariances": COVARIANCES, "weights": WEIGHTS, "labels": LABELS, "classes": NAMES}
    with pytest.raises(ValueError, match=rf"^{argument} must [^.]*$"):
        Mixture(**(good | changes))


@pytest.mark.parametrize("condition", [3, -1, "up"])
def test_a_class_that_is_not_there_is_refused(condition: int | str) -> None:
    with pytest.raises(ValueError, match="condition must be a class from 0 to 2, or none"):
        mixture()(points(Level(0.5, 0.6, 0.8)), Level(0.5, 0.6, 0.8), condition)
    with pytest.raises(ValueError, match="condition must be none"):
        mixture(labels=None, classes=0).encode(0, 1)
