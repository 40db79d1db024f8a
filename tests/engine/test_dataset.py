"""The ideal denoiser of a finite dataset: its weights are right in every digit that matters, at every level."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.data import digits
from engine.models import dataset
from engine.models.dataset import Dataset, differences, expansion
from engine.models.gaussian import Gaussian
from engine.models.mixture import Mixture
from engine.schedules import SCHEDULES, Level

LEVELS = [Level(0.01, 1.0, 0.05), Level(0.5, 0.6, 0.8), Level(0.9, 0.05, 1.0), Level(0.9, 1.0, 80.0)]
LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0, 0])
CONDITIONS = torch.tensor([0, 1, 2, 3])


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


POINTS = normal(8, 2)
X = normal(4, 2, seed=1)


def small(**changes: Any) -> Dataset:
    arguments: dict[str, Any] = {"labels": LABELS, "classes": ("a", "b", "c")} | changes
    return Dataset(POINTS, **arguments)


def by_definition(x: Tensor, points: Tensor, level: Level) -> Tensor:
    """softmax_i(−‖x − α x_i‖² / 2 std²), [B, N], from the differences in float64."""
    apart = x.double().flatten(1)[:, None] - level.alpha * points.double().flatten(1)
    return torch.softmax(-0.5 * (apart / level.std).square().sum(-1), 1)


def variation(weights: Tensor, wanted: Tensor) -> float:
    """The largest total variation between rows of weights."""
    return float(0.5 * (weights - wanted).abs().sum(-1).max())


@pytest.mark.parametrize("sigma", [0.002, 0.05, 1.0, 20.0])
@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_the_weights_are_those_of_the_definition(sigma: float, alpha: float) -> None:
    """To 1e-6 in total variation, in float32: between two points 2σ apart, among far ones, where weights are decided.

    The same expansion of the square in float32 misses by more than a tenth at the lowest noise: the trap is there.
    """
    level = Level(0.5, alpha, alpha * sigma)
    points = normal(500, 1, 28, 28).float()
    points[1] = points[0] + 2.0 * sigma / 28.0  # in each of 784 pixels: at the distance of 2 σ
    x = (level.alpha * points[:2].mean(0) + level.std * normal(8, 1, 28, 28, seed=1)).float()
    wanted = by_definition(x, points, level)
    assert variation(Dataset(points).weights(x, level).double(), wanted) < 1e-6
    if sigma == 0.002:
        assert wanted[:, :2].min() > 0.01  # both matter
        distances = expansion(x.flatten(1), points.flatten(1), points.flatten(1).square().sum(1), level.alpha)
        assert variation(torch.softmax(-0.5 * distances / level.std**2, 1).double(), wanted) > 0.1


@pytest.mark.parametrize("sigma", [0.002, 1.0])
def test_differences_in_float32_do_where_there_is_no_float64(sigma: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """To 1e-4 in total variation, in chunks; what is left is the rounding of a distance of some 400 σ²/2."""
    monkeypatch.setattr(dataset, "COORDINATES_AT_ONCE", 784 * 4 * 33)
    points = normal(500, 784).float()
    points[1] = points[0] + 2.0 * sigma / 28.0
    x = (points[0] + sigma * normal(4, 784, seed=1)).float()
    distances = differences(x, points, torch.empty(0), 1.0)
    weights = torch.softmax(-0.5 * distances / sigma**2, 1).double()
    assert distances.dtype == torch.float32
    assert variation(weights, by_definition(x, points, Level(0.5, 1.0, sigma))) < 1e-4


@pytest.mark.parametrize("level", LEVELS)
def test_two_points_make_a_hyperbolic_tangent(level: Level) -> None:
    """Points ±a: D = a tanh(α a · x / std²)."""
    a = 1.3
    x = torch.linspace(-2.0, 2.0, 9, dtype=torch.float64)[:, None]
    wanted = a * torch.tanh(level.alpha * a * x / level.std**2)
    assert_close(Dataset(torch.tensor([[a], [-a]], dtype=torch.float64))(x, level), wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_the_denoiser_is_the_weighted_mean(level: Level) -> None:
    model = small(labels=None, classes=0)
    assert_close(model(X, level), by_definition(X, POINTS, level) @ POINTS, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("level", LEVELS)
def test_tweedie(level: Level) -> None:
    """D = (x + std² ∇ log p) / α, with the gradient by autograd, in every class."""
    x = (level.alpha * POINTS[:4] + level.std * X).requires_grad_()
    (score,) = torch.autograd.grad(small().log_density(x, level, CONDITIONS).sum(), x)
    wanted = (x + level.std**2 * score) / level.alpha
    assert_close(small()(x, level, CONDITIONS), wanted.detach(), rtol=1e-9, atol=1e-12 * level.sigma**2 + 1e-10)


@pytest.mark.parametrize("level", LEVELS)
def test_a_smoothed_dataset_is_a_mixture(level: Level) -> None:
    """N(α x_i, std² I) = N(α x_i, α² s² I + rest² I): the density of a mixture of narrow Gaussians with less noise."""
    share = 0.25
    narrow = share * level.sigma**2 * torch.eye(2, dtype=torch.float64).expand(8, 2, 2)
    mixture = Mixture(POINTS, narrow, torch.full((8,), 0.125), LABELS, 3)
    less = Level(level.t, level.alpha, math.sqrt(1.0 - share) * level.std)
    wanted = mixture.log_density(X, less, CONDITIONS)
    assert_close(small().log_density(X, level, CONDITIONS), wanted, rtol=1e-9, atol=1e-9)


def test_at_high_noise_it_is_the_wiener_filter() -> None:
    """They share the term in 1/σ and part in 1/σ²: ten times the noise, a hundredth of the difference."""
    gaussian = Gaussian.of(POINTS)
    apart = []
    for sigma in (1e3, 1e4):
        level = Level(0.9, 1.0, sigma)
        apart.append(float((small()(sigma * X, level) - gaussian(sigma * X, level)).norm()))
    assert apart[0] / apart[1] == pytest.approx(100.0, rel=0.05)


def test_a_class_is_the_dataset_of_its_points_alone() -> None:
    level, model = LEVELS[1], small()
    for label, name in enumerate("abc"):
        alone = Dataset(POINTS[label == LABELS])
        assert_close(model(X, level, name), alone(X, level))
        assert_close(model.log_density(X, level, label), alone.log_density(X, level))
        weights = model.weights(X, level, torch.full((4,), label))
        assert_close(weights[:, label == LABELS], alone.weights(X, level))
        assert weights[:, label != LABELS].abs().max() == 0.0


def test_the_null_class_is_every_point() -> None:
    level, every = LEVELS[1], small(labels=None, classes=0)
    assert_close(small()(X, level), every(X, level))
    assert_close(small()(X, level, torch.full((4,), 3)), every(X, level))
    assert_close(small().log_density(X, level), every.log_density(X, level))


def test_a_row_sees_neither_the_others_nor_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    level = LEVELS[1]
    together = small()(X, level, CONDITIONS)
    for row in range(4):
        assert_close(small()(X[row : row + 1], level, CONDITIONS[row : row + 1]), together[row : row + 1])
    monkeypatch.setattr(dataset, "WEIGHTS_AT_ONCE", 20)  # two rows of eight
    monkeypatch.setattr(dataset, "COORDINATES_AT_ONCE", 6)
    assert_close(small()(X, level, CONDITIONS), together)


def test_a_cloud_is_points_of_one_class() -> None:
    """x [B, n, 2] is B samples of shape (n, 2), with a label each."""
    level, model = LEVELS[1], small(shape=(6, 2))
    clouds = normal(4, 6, 2, seed=2)
    flat, each = clouds.reshape(24, 2), CONDITIONS.repeat_interleave(6)
    assert model.shape == (6, 2)
    assert_close(model(clouds, level, CONDITIONS), small()(flat, level, each).reshape(4, 6, 2))
    assert_close(model.log_density(clouds, level, CONDITIONS), small().log_density(flat, level, each).reshape(4, 6))
    assert_close(model.weights(clouds, level, CONDITIONS), small().weights(flat, level, each).reshape(4, 6, 8))


def test_without_noise_the_denoiser_gives_x_back() -> None:
    clean = Level(0.0, 0.5, 0.0)
    assert torch.equal(small()(X, clean), X / 0.5)
    for function in (small().weights, small().log_density):
        with pytest.raises(ValueError, match="level must hold noise"):
            function(X, clean)


def test_with_little_noise_the_denoiser_is_the_nearest_point() -> None:
    level = Level(0.01, 0.9, 1e-3)
    assert_close(small()(level.alpha * POINTS + level.std, level), POINTS)


def test_without_signal_the_denoiser_is_the_mean_of_the_class() -> None:
    level = SCHEDULES["flow"]().level(1.0)
    wanted = torch.stack([*(POINTS[label == LABELS].mean(0) for label in range(3)), POINTS.mean(0)])
    assert_close(small()(X, level, CONDITIONS), wanted)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_gradients_flow(level: Level) -> None:
    x = X.clone().requires_grad_()
    for function in (small().__call__, small().log_density, small().weights):
        assert torch.autograd.gradcheck(lambda y, f=function: f(y, level, CONDITIONS), (x,))  # type: ignore[misc]


def test_the_jacobian_is_the_posterior_covariance() -> None:
    """∂D/∂x = (α / std²) Cov(x_0 | x_t), by which the second derivative of log p is known too."""
    level, model = LEVELS[1], small()
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x[None], level)[0], X[0])
    weights = model.weights(X[:1], level)[0]
    centred = POINTS - weights @ POINTS
    assert_close(jacobian, level.alpha / level.std**2 * (weights * centred.mT) @ centred)


def test_a_gradient_may_follow_a_run_in_inference_mode() -> None:
    model = small()
    with torch.inference_mode():
        model(X.float(), LEVELS[1], 1)
    x = X.float().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x, LEVELS[1], 1).sum(), x)
    assert gradient.isfinite().all()


def test_a_noisy_digit_is_known_again() -> None:
    """Among 2,000 digits: at σ = 0.5 the denoised image is the one that was made noisy."""
    images, labels = (torch.from_numpy(array[:2000].copy()) for array in digits.load("test"))
    clean = images.float()[:, None] / 127.5 - 1.0
    model = Dataset(clean, labels.long(), 10)
    x = clean[:8] + 0.5 * normal(8, 1, 28, 28).float()
    for condition in (None, labels[:8].long()):
        denoised = model(x, SCHEDULES["edm"]().level_at_sigma(0.5), condition)
        assert denoised.dtype == torch.float32
        assert_close(denoised, clean[:8], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("argument", "changes"),
    [
        ("points", {"points": POINTS * math.nan}),
        ("points", {"points": POINTS[:, 0]}),
        ("points", {"points": POINTS[:0]}),
        ("points", {"points": LABELS[:, None]}),
        ("labels", {"labels": LABELS + 1}),
        ("labels", {"labels": LABELS - 1}),
        ("labels", {"labels": LABELS[:4]}),
        ("labels", {"labels": LABELS.double()}),
        ("labels", {"labels": None}),
        ("labels", {"classes": 4}),
        ("shape", {"shape": (5, 3)}),
        ("shape", {"shape": (3,)}),
    ],
)
def test_a_bad_dataset_is_refused_by_the_name_of_its_argument(argument: str, changes: dict[str, Any]) -> None:
    good: dict[str, Any] = {"points": POINTS, "labels": LABELS, "classes": 3}
    with pytest.raises(ValueError, match=rf"^{argument} must "):
        Dataset(**(good | changes))
