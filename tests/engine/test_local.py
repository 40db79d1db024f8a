"""The local score machine: every pixel judges by its patch, and by nothing else."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.testing import assert_close

from engine.models.dataset import Dataset
from engine.models.local import LocalDataset, Patch, widening
from engine.schedules import SCHEDULES, Level

LEVELS = [Level(0.1, 1.0, 0.2), Level(0.5, 0.6, 0.8), Level(0.9, 0.05, 1.0), Level(0.9, 1.0, 20.0)]
LABELS = torch.tensor([0, 1, 2] * 4)
CONDITIONS = torch.tensor([0, 1, 2, 3])
SHAPE = (2, 7, 5)  # channels, height, width


def normal(count: int, seed: int) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(count, *SHAPE, generator=draws, dtype=torch.float64)


IMAGES = normal(12, 0)


def noisy(level: Level) -> Tensor:
    return level.alpha * IMAGES[:4] + level.std * normal(4, 1)


def fixed(size: int) -> Patch:
    return lambda sigma: size


def by_definition(x: Tensor, images: Tensor, level: Level, size: int) -> Tensor:
    """Patch by patch, cut out of zero-padded images."""
    reach = size // 2
    padded, padded_images = (pad(tensor, (reach, reach, reach, reach)) for tensor in (x, images))
    denoised = torch.empty_like(x)
    for row in range(x.shape[2]):
        for column in range(x.shape[3]):
            window = (..., slice(row, row + size), slice(column, column + size))
            apart = padded[window].flatten(1)[:, None] - level.alpha * padded_images[window].flatten(1)
            weights = torch.softmax(-0.5 * (apart / level.std).square().sum(-1), 1)  # [B, N]
            denoised[:, :, row, column] = weights @ images[:, :, row, column]
    return denoised


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [1, 3, 5, 7, 11])
def test_every_pixel_is_told_from_its_patch(size: int, level: Level) -> None:
    x = noisy(level)
    model = LocalDataset(IMAGES, patch=fixed(size))
    assert_close(model(x, level), by_definition(x, IMAGES, level, size), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("level", LEVELS)
def test_a_patch_that_covers_the_image_makes_the_ideal_denoiser(level: Level) -> None:
    """From every pixel with 13 = 2 · 7 − 1 pixels; from the centre already with 7."""
    x = noisy(level)
    ideal = Dataset(IMAGES)(x, level)
    assert_close(LocalDataset(IMAGES, patch=fixed(13))(x, level), ideal, rtol=1e-9, atol=1e-9)
    local = LocalDataset(IMAGES, patch=fixed(7))(x, level)
    assert_close(local[:, :, 3, 2], ideal[:, :, 3, 2], rtol=1e-9, atol=1e-9)
    if level.sigma == 20.0:
        assert (local[:, :, 0, 0] - ideal[:, :, 0, 0]).abs().max() > 1e-3  # the corner does not see everything


@pytest.mark.parametrize("level", LEVELS)
def test_a_patch_of_one_pixel_makes_the_posterior_mean_of_each_pixel(level: Level) -> None:
    x = noisy(level)
    local = LocalDataset(IMAGES, patch=fixed(1))(x, level)
    for row, column in [(0, 0), (3, 2), (6, 4)]:
        alone = Dataset(IMAGES[:, :, row, column])
        assert_close(local[:, :, row, column], alone(x[:, :, row, column], level), rtol=1e-9, atol=1e-9)


def test_mosaics_are_made_that_no_image_shows() -> None:
    """Two images, all dark and all bright; x is dark on the left and bright on the right. The paper's point."""
    level = Level(0.1, 1.0, 0.1)
    images = torch.stack([-torch.ones(1, 9, 9), torch.ones(1, 9, 9)])
    x = torch.where(torch.arange(9) < 4, -1.0, 1.0).expand(1, 1, 9, 9)
    assert_close(LocalDataset(images, patch=fixed(3))(x, level), x)
    assert_close(Dataset(images)(x, level), torch.ones(1, 1, 9, 9))  # the whole image is bright: more of it is


def test_a_class_is_its_images_alone() -> None:
    level = LEVELS[1]
    x, patch = noisy(level), fixed(3)
    model = LocalDataset(IMAGES, LABELS, ("a", "b", "c"), patch)
    for label, name in enumerate("abc"):
        alone = LocalDataset(IMAGES[label == LABELS], patch=patch)
        assert_close(model(x, level, name), alone(x, level))
    assert_close(model(x, level), LocalDataset(IMAGES, patch=patch)(x, level))
    whole = LocalDataset(IMAGES, LABELS, 3, fixed(13))
    assert_close(whole(x, level, CONDITIONS), Dataset(IMAGES, LABELS, 3)(x, level, CONDITIONS))


def test_a_row_does_not_see_the_others() -> None:
    level = LEVELS[1]
    x = noisy(level)
    model = LocalDataset(IMAGES, LABELS, 3, fixed(3))
    together = model(x, level, CONDITIONS)
    for row in range(4):
        assert_close(model(x[row : row + 1], level, CONDITIONS[row : row + 1]), together[row : row + 1])


@pytest.mark.parametrize("size", [3, 13])
def test_gradients_flow(size: int) -> None:
    model = LocalDataset(IMAGES, LABELS, 3, fixed(size))
    x = noisy(LEVELS[1])[:2].requires_grad_()
    assert torch.autograd.gradcheck(lambda y: model(y, LEVELS[1], CONDITIONS[:2]), (x,))


def test_float32_is_as_good_as_its_digits() -> None:
    """At the lowest noise of a run, where distances of 10⁵ σ² are compared."""
    level = Level(0.0, 1.0, 0.002)
    x, images = noisy(level).float(), IMAGES.float()
    for size in (3, 7):
        model = LocalDataset(images, patch=fixed(size))
        assert_close(model(x, level).double(), model(x.double(), level), rtol=1e-5, atol=1e-5)


def test_the_ends_of_the_noise() -> None:
    """x itself without noise; without signal the mean of the class, whatever the patch."""
    x = noisy(LEVELS[1])
    for patch in (fixed(3), widening):
        model = LocalDataset(IMAGES, LABELS, 3, patch)
        assert torch.equal(model(x, Level(0.0, 0.5, 0.0)), x / 0.5)
        means = torch.stack([*(IMAGES[label == LABELS].mean(0) for label in range(3)), IMAGES.mean(0)])
        assert_close(model(x, SCHEDULES["flow"]().level(1.0), CONDITIONS), means)


def test_the_patch_widens_with_the_noise() -> None:
    """Odd, never narrower at more noise, three pixels at little noise and all of a digit at much."""
    sigmas = [0.0, 0.002, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 80.0, math.inf]
    sizes = [widening(sigma) for sigma in sigmas]
    assert all(size % 2 == 1 for size in sizes)
    assert sizes == sorted(sizes)
    assert sizes[:4] == [3, 3, 3, 3]
    assert widening(20.0) >= 2 * 28 - 1


@pytest.mark.parametrize("size", [0, 2, -3])
def test_a_patch_is_an_odd_number_of_pixels(size: int) -> None:
    with pytest.raises(ValueError, match="patch must be an odd number of pixels"):
        LocalDataset(IMAGES, patch=fixed(size))(noisy(LEVELS[1]), LEVELS[1])


def test_bad_images_are_refused() -> None:
    with pytest.raises(ValueError, match="images must have the shape"):
        LocalDataset(IMAGES[:, 0])
    with pytest.raises(ValueError, match="points must be finite"):
        LocalDataset(IMAGES * math.nan)
    with pytest.raises(ValueError, match="labels must use every class"):
        LocalDataset(IMAGES, LABELS, 4)
