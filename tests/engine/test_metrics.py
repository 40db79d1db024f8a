"""Scores: the Fréchet distance against closed forms, the counts, and the judge itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import scipy.linalg
import torch

from engine import catalog
from engine.data import digits
from engine.measures.judges import agreement, classify, features, frechet_distance, judged
from engine.models.checkpoint import ModelError

Array = np.ndarray


def with_moments(mean: Array, covariance: Array, count: int = 200, seed: int = 0) -> Array:
    """Features [count, F] whose mean and unbiased covariance are exactly (to rounding) those given."""
    draws = np.random.default_rng(seed).standard_normal((count, len(mean)))
    draws -= draws.mean(axis=0)
    draws = np.linalg.solve(np.linalg.cholesky(np.atleast_2d(np.cov(draws, rowvar=False))), draws.T)  # identity
    return mean + (np.linalg.cholesky(covariance) @ draws).T


def random_covariance(size: int, seed: int) -> Array:
    root = np.random.default_rng(seed).standard_normal((size, size))
    return root @ root.T + 0.1 * np.eye(size)


def test_frechet_in_one_dimension() -> None:
    """(μ₁ − μ₂)² + (s₁ − s₂)²."""
    a, b = with_moments(np.array([1.0]), np.array([[4.0]])), with_moments(np.array([-2.0]), np.array([[0.25]]), seed=1)
    assert frechet_distance(a, b) == pytest.approx(3.0**2 + 1.5**2, rel=1e-12)


def test_frechet_of_covariances_that_commute() -> None:
    """With common eigenvectors: ‖μ₁ − μ₂‖² + Σ (√λ₁ − √λ₂)²."""
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    first, second = np.array([4.0, 1.0, 9.0, 0.01, 2.0]), np.array([1.0, 1.0, 0.25, 4.0, 3.0])
    mean = np.arange(5.0)
    a = with_moments(mean, (turn * first) @ turn.T)
    b = with_moments(np.zeros(5), (turn * second) @ turn.T, seed=1)
    expected = mean @ mean + np.sum((np.sqrt(first) - np.sqrt(second)) ** 2)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("size", [2, 10, 128])
def test_frechet_is_what_scipy_makes_of_the_formula(size: int) -> None:
    first, second = random_covariance(size, 1), random_covariance(size, 2)
    mean = np.linspace(-1.0, 1.0, size)
    product = scipy.linalg.sqrtm(first @ second)
    expected = mean @ mean + np.trace(first + second - 2.0 * product.real)
    a, b = with_moments(mean, first), with_moments(np.zeros(size), second, seed=1)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("count", [50, 500])
def test_frechet_of_a_set_and_itself_is_zero(count: int) -> None:
    """Also where the covariance is singular: 50 points in 128 dimensions, one of them constant."""
    a = np.random.default_rng(0).standard_normal((count, 128)) * 10.0
    a[:, 7] = 3.0
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-7 * np.trace(np.cov(a, rowvar=False)))
    assert frechet_distance(a, a[::-1]) == pytest.approx(0.0, abs=1e-7 * np.trace(np.cov(a, rowvar=False)))
    assert frechet_distance(a, a + 2.0) == pytest.approx(128 * 2.0**2, rel=1e-6)


def test_frechet_of_float32_features_is_computed_in_float64() -> None:
    """A mean of 1,000 and a spread of 0.01: products in float32 would lose the covariance altogether."""
    a = (1000.0 + 0.01 * np.random.default_rng(0).standard_normal((300, 4))).astype(np.float32)
    b = (a.astype(np.float64) - 1000.0) * 2.0
    expected = frechet_distance(a.astype(np.float64) - 1000.0, b)
    assert frechet_distance(a, b + 1000.0) == pytest.approx(expected, rel=1e-6)


def some_digits(count: int) -> tuple[Array, Array]:
    images, labels = digits.load("test")
    return images[:count, None], labels[:count]


def test_agreement_is_the_share_of_labels_that_are_seen() -> None:
    images, _ = some_digits(40)
    seen = classify(images)
    asked = seen.copy()
    assert agreement(images, asked) == 1.0
    asked[:10] = (asked[:10] + 1) % 10
    assert agreement(images, asked) == 0.75


def test_bytes_and_floats_are_the_same_images() -> None:
    images, _ = some_digits(30)
    floats = torch.from_numpy(images.copy()).float() / 127.5 - 1.0
    np.testing.assert_array_equal(features(images), features(floats))
    np.testing.assert_array_equal(classify(images), classify(floats))


def test_features_do_not_depend_on_the_batch() -> None:
    """More images than go through the network at once, and one alone."""
    images, _ = some_digits(510)
    everything = features(images)
    assert everything.shape == (510, 128)
    assert everything.dtype == np.float64
    np.testing.assert_allclose(everything[505:506], features(images[505:506]), atol=1e-4)


def test_the_shipped_judge_is_right() -> None:
    """On every fifth of the 10,000 test images (all of them take longer than a test should): at least 99.55 %.

    The shipped weights miss 34 of the 10,000 and 7 of these 2,000. Set and weights are fixed, so only rounding on
    another machine can move that: 9 leaves room for two. Other weights, right in 99.2 %, would miss 16 on average, and
    9 or fewer in one draw of 23.
    """
    images, labels = digits.load("test")
    missed = np.count_nonzero(classify(images[::5, None]) != labels[::5])
    assert missed <= 9


def test_worse_images_lie_farther() -> None:
    """Noise moves digits away from digits, more noise farther: the order that the distance is for."""
    images, _ = some_digits(1000)
    real, rest = features(images[:500]), images[500:]
    noise = np.random.default_rng(0).standard_normal(rest.shape)
    distances = [
        frechet_distance(real, features((rest + level * noise).clip(0, 255).astype(np.uint8))) for level in (0, 40, 120)
    ]
    assert distances[0] < distances[1] < distances[2]


def test_a_judge_without_weights_judges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its card is there, and first: what it cannot say costs no run."""
    card = catalog.cards("classifier")["digits-classifier"]
    (tmp_path / "digits-classifier.json").write_bytes(msgspec.json.encode(card))
    (tmp_path / "digits-classifier.safetensors").write_bytes(b"cut short")
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    images, _ = some_digits(2)
    assert judged("digits", 7, images) is None
    with pytest.raises(ModelError, match="not a readable safetensors file"):
        classify(images)
