"""p_t on a grid: closed forms, total mass, and the Fokker–Planck equation that every marginal must obey."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.testing import assert_close

from engine.density import Dense, density, density_over_time
from engine.models.dataset import Dataset
from engine.models.gaussian import Gaussian
from engine.models.mixture import Mixture
from engine.schedules import SCHEDULES, Level, Schedule

LEVELS = [Level(0.1, 1.0, 0.3), Level(0.5, 0.6, 0.8), Level(1.0, 0.0, 1.0), Level(0.9, 1.0, 10.0)]
Array = NDArray[np.float64]


def line() -> Mixture:
    """Three components on a line, in two classes."""
    means, variances = torch.tensor([[-1.5], [0.3], [1.6]]), torch.tensor([0.1, 0.3, 0.2]).reshape(3, 1, 1)
    return Mixture(means, variances, torch.tensor([0.2, 0.5, 0.3]), torch.tensor([0, 1, 1]), 2)


def plane() -> Mixture:
    """Two leaning components in the plane."""
    covariances = torch.tensor([[[0.4, 0.15], [0.15, 0.2]], [[0.2, -0.1], [-0.1, 0.3]]])
    return Mixture(torch.tensor([[-1.2, 0.4], [0.9, -0.6]]), covariances, torch.tensor([0.35, 0.65]))


def points(d: int) -> Dataset:
    draws = torch.randn(40, d, generator=torch.Generator().manual_seed(0))
    return Dataset(draws, torch.arange(40) % 2, 2)


def axis(level: Level, count: int) -> Array:
    """Wide enough for all but 1e-15 of the mass, without its last point: one period of a periodic grid."""
    reach = level.alpha * 4.0 + 9.0 * float(np.hypot(0.7 * level.alpha, level.std))
    return np.linspace(-reach, reach, count, endpoint=False)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("condition", [None, 0, 1])
@pytest.mark.parametrize("make", [line, lambda: points(1)], ids=["mixture", "dataset"])
def test_it_integrates_to_one_on_a_line(make: Callable[[], Dense], condition: int | None, level: Level) -> None:
    places = axis(level, 400)
    assert density(make(), level, [places], condition).sum() * (places[1] - places[0]) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("make", [plane, lambda: points(2)], ids=["mixture", "dataset"])
def test_it_integrates_to_one_in_the_plane(make: Callable[[], Dense], level: Level) -> None:
    """Also as it is drawn, in float32 on a window of the plane, to 1 %."""
    places = axis(level, 256)
    cell = (places[1] - places[0]) ** 2
    assert density(make(), level, [places, places]).sum() * cell == pytest.approx(1.0, abs=1e-9)
    drawn = density(make(), level, [places.astype(np.float32)] * 2)
    assert drawn.dtype == np.float32
    assert drawn.sum() * cell == pytest.approx(1.0, abs=1e-2)


def test_a_gaussian_in_closed_form() -> None:
    """N(m, s²) at α, std has the density of N(α m, α² s² + std²); in the plane of two such, their product."""
    level = Level(0.5, 0.6, 0.8)
    x, y = np.linspace(-3.0, 3.0, 50), np.linspace(-2.0, 4.0, 40)

    def wanted(z: Array, mean: float, variance: float) -> Array:
        total = 0.36 * variance + 0.64
        return np.exp(-((z - 0.6 * mean) ** 2) / (2.0 * total)) / np.sqrt(2.0 * np.pi * total)

    one = Gaussian(torch.tensor([0.5]).double(), torch.tensor([[0.25]]).double(), (1,))
    assert_close(density(one, level, [x]), wanted(x, 0.5, 0.25), rtol=1e-12, atol=0)
    two = Gaussian(torch.tensor([0.5, 1.0]).double(), torch.tensor([0.25, 2.0]).double().diag(), (2,))
    product = wanted(x, 0.5, 0.25)[:, None] * wanted(y, 1.0, 2.0)
    assert_close(density(two, level, [x, y]), product, rtol=1e-12, atol=0)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("condition", [None, 1])
@pytest.mark.parametrize("d", [1, 2])
def test_a_dataset_on_a_grid_is_its_density_point_by_point(d: int, condition: int | None, level: Level) -> None:
    """The product of one-dimensional kernels is no other density."""
    axes = [np.linspace(-3.0, 3.0, 21), np.linspace(-2.0, 4.0, 16)][:d]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    model = points(d)
    one_by_one = model.log_density(torch.from_numpy(grid.reshape(-1, d)), level, condition).exp()
    wanted = one_by_one.numpy().reshape(grid.shape[:-1])
    assert_close(density(model, level, axes, condition), wanted, rtol=1e-9, atol=1e-30)


def test_over_time_it_is_an_image() -> None:
    schedule, places = SCHEDULES["vp_linear"](), np.linspace(-4.0, 4.0, 33)
    levels = [schedule.level(t) for t in (0.0, 0.3, 1.0)]
    image = density_over_time(line(), levels, places, 1)
    assert image.shape == (3, 33)
    for row, level in zip(image, levels, strict=True):
        assert_close(row, density(line(), level, [places], 1))


def test_points_without_noise_have_no_density() -> None:
    with pytest.raises(ValueError, match="level must hold noise"):
        density(points(2), Level(0.0, 1.0, 0.0), [np.zeros(3), np.zeros(3)])


def test_it_serves_in_inference_mode_and_leaves_gradients_be() -> None:
    model, level = plane(), LEVELS[1]
    with torch.inference_mode():
        density(model, level, [np.zeros(3), np.zeros(3)])
    x = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.grad(model.log_density(x, level).sum(), x)[0].isfinite().all()


def spectral(values: Array, spacing: float, dimension: int, order: int) -> Array:
    """A derivative of what is periodic, or gone at the ends, exact but for rounding: i k in Fourier space."""
    k = 2.0 * np.pi * np.fft.fftfreq(values.shape[dimension], spacing)
    shape = [-1 if axis == dimension else 1 for axis in range(values.ndim)]
    factors = ((1j * k) ** order).reshape(shape)
    return np.real(np.fft.ifft(factors * np.fft.fft(values, axis=dimension), axis=dimension))


def change(model: Dense, schedule: Schedule, t: float, axes: list[Array]) -> Array:
    """∂p/∂t by central differences of sixth order: their error and the rounding are both about 1e-9 of p/t."""
    h = 1e-3 * t
    terms = ((1, 45.0), (2, -9.0), (3, 1.0))
    differences = [
        weight * (density(model, schedule.level(t + n * h), axes) - density(model, schedule.level(t - n * h), axes))
        for n, weight in terms
    ]
    return np.sum(differences, axis=0) / (60.0 * h)


@pytest.mark.parametrize("t", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", ["vp_linear", "sub_vp", "vp_cosine", "ve", "edm", "flow"])
@pytest.mark.parametrize("make", [line, plane, lambda: points(2)], ids=["line", "plane", "dataset"])
def test_fokker_planck(make: Callable[[], Dense], name: str, t: float) -> None:
    """∂p/∂t = −∇·(f x p) + ½ g² Δp, to 1e-7 of the largest term, with the f and g² that the schedule reports."""
    schedule, model = SCHEDULES[name](), make()
    level = schedule.level(t)
    d = 1 if isinstance(model, Mixture) and model.shape == (1,) else 2
    places = axis(level, 256)
    spacing = places[1] - places[0]
    p = density(model, level, [places] * d)
    x = np.meshgrid(*[places] * d, indexing="ij")
    drifting = -schedule.drift(t) * sum(spectral(x[n] * p, spacing, n, 1) for n in range(d))
    spreading = 0.5 * schedule.diffusion_squared(t) * sum(spectral(p, spacing, n, 2) for n in range(d))
    scale = np.abs(spreading).max()
    np.testing.assert_allclose(
        change(model, schedule, t, [places] * d), drifting + spreading, rtol=0, atol=1e-7 * scale
    )
