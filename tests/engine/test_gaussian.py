"""One Gaussian: the denoiser is the Wiener filter, and no affine one is better."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.models.gaussian import Gaussian
from engine.models.mixture import Mixture
from engine.schedules import Level

LEVELS = [Level(0.1, 1.0, 0.1), Level(0.5, 0.6, 0.8), Level(0.9, 0.01, 3.0), Level(1.0, 0.0, 1.0)]
DRAWS = torch.Generator().manual_seed(0)
ROOT = torch.randn(12, 12, generator=DRAWS, dtype=torch.float64)
COVARIANCE = ROOT @ ROOT.mT / 12
MEAN = torch.randn(12, generator=DRAWS, dtype=torch.float64)
X = torch.randn(5, 1, 3, 4, generator=DRAWS, dtype=torch.float64)


def images(count: int = 40) -> Tensor:
    """Images [count, 1, 3, 4] with a border that never changes: their covariance is singular."""
    data = torch.rand(count, 1, 3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    data[..., 0] = -1.0
    return data


@pytest.mark.parametrize("level", LEVELS)
def test_it_is_a_mixture_of_one(level: Level) -> None:
    model = Gaussian(MEAN.reshape(1, 3, 4), COVARIANCE, (1, 3, 4))
    one = Mixture(MEAN[None], COVARIANCE[None], torch.ones(1))
    assert_close(model(X, level), one(X.flatten(1), level).reshape(X.shape), rtol=1e-10, atol=1e-10)
    assert_close(model.log_density(X, level), one.log_density(X.flatten(1), level), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("level", LEVELS)
def test_the_denoiser_is_the_wiener_filter(level: Level) -> None:
    """D = μ + α C (α² C + std² I)⁻¹ (x − α μ), by solving the linear system."""
    total = level.alpha**2 * COVARIANCE + level.std**2 * torch.eye(12, dtype=torch.float64)
    apart = X.flatten(1) - level.alpha * MEAN
    wanted = MEAN + level.alpha * (COVARIANCE @ torch.linalg.solve(total, apart.mT)).mT
    model = Gaussian(MEAN, COVARIANCE, (1, 3, 4))
    assert_close(model(X, level), wanted.reshape(X.shape), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("level", LEVELS[:3])
def test_tweedie(level: Level) -> None:
    """D = (x + std² ∇ log p) / α, with the gradient by autograd."""
    model, x = Gaussian.of(images()), X.clone().requires_grad_()
    (score,) = torch.autograd.grad(model.log_density(x, level).sum(), x)
    assert_close(model(X, level), (X + level.std**2 * score) / level.alpha, rtol=1e-9, atol=1e-9 * level.sigma)


def test_no_affine_denoiser_of_the_data_is_better() -> None:
    """The normal equations: the error x_0 − D(x_t) has mean zero and no correlation with x_t, over data and noise."""
    level, data = Level(0.5, 0.6, 0.8), images()
    model = Gaussian.of(data)
    zero, basis = torch.zeros(1, 1, 3, 4, dtype=torch.float64), torch.eye(12, dtype=torch.float64).reshape(12, 1, 3, 4)
    offset = model(zero, level).flatten()
    matrix = (model(basis, level).flatten(1) - offset).mT  # D = matrix · x + offset
    rows = data.flatten(1)
    errors = rows - level.alpha * rows @ matrix.mT - offset  # the noise adds −matrix · std · ε
    correlation = level.alpha * errors.mT @ rows / len(rows) - level.std**2 * matrix
    assert_close(errors.mean(0), torch.zeros(12, dtype=torch.float64), rtol=0, atol=1e-12)
    assert_close(correlation, torch.zeros(12, 12, dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_denoised_stays_where_the_data_can_be() -> None:
    """Pixels that never change in the data are put back, whatever was added to them."""
    model = Gaussian.of(images())
    assert model.shape == (1, 3, 4)
    assert_close(model(X, Level(0.5, 0.6, 0.8))[..., 0], torch.full((5, 1, 3), -1.0, dtype=torch.float64))


def test_flattened_data_takes_a_shape() -> None:
    level = Level(0.5, 0.6, 0.8)
    flat = Gaussian.of(images().flatten(1), (1, 3, 4))
    assert_close(flat(X, level), Gaussian.of(images())(X, level))


def test_without_noise_the_denoiser_gives_x_back() -> None:
    model = Gaussian.of(images())
    assert torch.equal(model(X, Level(0.0, 0.5, 0.0)), X / 0.5)
    with pytest.raises(ValueError, match="level must hold noise"):
        model.log_density(X, Level(0.0, 0.5, 0.0))
    assert Gaussian(MEAN, COVARIANCE, (12,)).log_density(X.flatten(1), Level(0.0, 1.0, 0.0)).isfinite().all()


def test_axes_before_the_shape_are_kept() -> None:
    level, model = Level(0.5, 0.6, 0.8), Gaussian(MEAN, COVARIANCE, (12,))
    flat = X.flatten(1)
    assert_close(model(flat[None], level), model(flat, level)[None])
    assert_close(model.log_density(flat[None], level), model.log_density(flat, level)[None])


def test_gradients_flow() -> None:
    model, x = Gaussian.of(images()), X[:2].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda y: model(y, LEVELS[1]), (x,))
    assert torch.autograd.gradcheck(lambda y: model.log_density(y, LEVELS[1]), (x,))


def test_there_are_no_classes() -> None:
    model = Gaussian.of(images())
    assert_close(model.encode(None, 2), torch.tensor([0, 0]))
    with pytest.raises(ValueError, match="condition must be none"):
        model(X, LEVELS[1], 3)


@pytest.mark.parametrize(
    ("argument", "mean", "covariance"),
    [
        ("mean", MEAN[:5], COVARIANCE),
        ("mean", MEAN * math.nan, COVARIANCE),
        ("covariance", MEAN, COVARIANCE[:5, :5]),
        ("covariance", MEAN, -COVARIANCE),
        ("covariance", MEAN, COVARIANCE * math.inf),
        ("covariance", MEAN, ROOT),
    ],
)
def test_a_bad_gaussian_is_refused_by_the_name_of_its_argument(argument: str, mean: Tensor, covariance: Tensor) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must [^.]*$"):
        Gaussian(mean, covariance, (1, 3, 4))
