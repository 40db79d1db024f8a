"""Precision, recall and nearest neighbours: against what can be counted by hand, and SciPy's distances."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from engine.measures import neighbours
from engine.measures.neighbours import closest, nearest, precision_recall


def test_a_set_and_itself() -> None:
    points = np.random.default_rng(0).standard_normal((50, 3))
    assert precision_recall(points, points) == (1.0, 1.0)


def test_half_of_the_samples_far_away_and_half_of_the_data_missed() -> None:
    """Data in two heaps; samples in the first of them and in a third place: half are precise, half is recalled."""
    draw = np.random.default_rng(0)
    heap = [draw.standard_normal((100, 2)) + place for place in ((0, 0), (100, 0), (0, 0), (0, 100))]
    heap[2] = heap[0] + 1e-3  # at the data themselves
    assert precision_recall(np.concatenate(heap[:2]), np.concatenate(heap[2:])) == (0.5, 0.5)


def test_a_single_mode_is_precise_and_recalls_little() -> None:
    data = np.random.default_rng(0).uniform(-1.0, 1.0, (200, 2))
    made = data[0] + 1e-6 * np.random.default_rng(1).standard_normal((200, 2))
    precision, recall = precision_recall(data, made)
    assert precision == 1.0
    assert recall <= 0.01


@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize("at_once", [1, 400, 2**24])
def test_the_definition_by_other_distances(k: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "AT_ONCE", at_once)
    draw = np.random.default_rng(0)
    real, made = draw.standard_normal((80, 5)), 1.3 * draw.standard_normal((60, 5)) + 0.4

    def among(points: np.ndarray, others: np.ndarray) -> float:
        radii = np.sort(cdist(others, others), axis=1)[:, k]
        return float((cdist(points, others) <= radii).any(1).mean())

    assert precision_recall(real, made, k) == (among(made, real), among(real, made))


def test_too_few_points() -> None:
    with pytest.raises(ValueError, match="more than 3"):
        precision_recall(np.zeros((3, 2)), np.zeros((9, 2)))


def test_the_nearest_image_and_its_distance() -> None:
    """Black to white is 2; one white pixel of four is √(4/4); the nearest of several is found and numbered."""
    black, white = np.zeros((1, 1, 2, 2), np.uint8), np.full((1, 1, 2, 2), 255, np.uint8)
    one = black.copy()
    one[0, 0, 1, 0] = 255
    np.testing.assert_allclose(nearest(black, white)[0], [2.0], rtol=1e-12)
    distances, where = nearest(np.concatenate([one, white, black]), np.concatenate([white, black]))
    np.testing.assert_allclose(distances, [1.0, 0.0, 0.0], atol=1e-12)
    assert where.tolist() == [1, 0, 1]


def test_distances_are_those_of_scipy() -> None:
    draw = np.random.default_rng(0)
    some, rest = (draw.integers(0, 256, (n, 3, 4, 4), np.uint8) for n in (20, 300))
    expected = cdist(some.reshape(20, -1) / 127.5, rest.reshape(300, -1) / 127.5) / np.sqrt(48)
    distances, where = nearest(some, rest)
    np.testing.assert_allclose(distances, expected.min(1), rtol=1e-12)
    np.testing.assert_array_equal(where, expected.argmin(1))


@pytest.mark.parametrize("block", [1, 7, 512])
def test_the_closest_are_those_of_scipy_in_order(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", block)
    draw = np.random.default_rng(0)
    image, rest = draw.uniform(-1.0, 1.0, (3, 4, 4)), draw.integers(0, 256, (30, 3, 4, 4), np.uint8)
    expected = cdist(image.reshape(1, -1), rest.reshape(30, -1) / 127.5 - 1.0)[0] / np.sqrt(48)
    distances, where = closest(torch.from_numpy(image), rest, 12)
    np.testing.assert_array_equal(where, expected.argsort()[:12])
    np.testing.assert_allclose(distances, np.sort(expected)[:12], rtol=1e-5)
    assert len(closest(torch.from_numpy(image), rest[:5], 12)[0]) == 5
