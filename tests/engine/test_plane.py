"""Plane models: presets whose density is one, samples that have that density, points that are kept by their content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chi2
from torch.testing import assert_close

from engine import catalog
from engine.data.distributions import components
from engine.density import density
from engine.models import plane
from engine.models.checkpoint import ModelError
from engine.models.dataset import Dataset
from engine.models.mixture import Mixture
from engine.schedules import SCHEDULES, Level

NAMES = list(catalog.DISTRIBUTIONS)
CLEAN = Level(0.0, 1.0, 0.0)
FALSE_ALARM = 1e-6  # of each statistical test below; their seeds are fixed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty place for points."""
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    yield tmp_path / "points"
    plane._dataset.cache_clear()


def middles(half: float, count: int) -> NDArray[np.float64]:
    """The middles of `count` cells of [−half, half]."""
    edges = np.linspace(-half, half, count + 1)
    return 0.5 * (edges[1:] + edges[:-1])


def p_value(counts: NDArray[Any], masses: NDArray[Any]) -> float:
    """Pearson's χ² of counts against probabilities; the cells that expect fewer than 5 are one."""
    expected = masses * counts.sum()
    few = expected < 5.0
    seen, wanted = (np.append(cells[~few], cells[few].sum()) for cells in (counts, expected))
    return float(chi2.sf(((seen - wanted) ** 2 / np.maximum(wanted, 1e-9)).sum(), len(seen) - 1))


# --- presets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_a_mixture_with_the_classes_of_the_catalog(name: str) -> None:
    """Few enough components that a cloud follows the hand, within the plane that the window shows."""
    model, parts = plane.load(name), components(name)
    assert isinstance(model, Mixture)
    assert model.shape == (2,)
    assert model.names == catalog.DISTRIBUTIONS[name].classes
    assert len(parts.weights) <= 32
    assert set(parts.labels) == set(range(max(model.classes, 1)))
    assert np.abs(parts.means).max() < 1.5
    assert np.linalg.eigvalsh(parts.covariances).min() > 0.02**2  # of which a grid of 256 × 256 shows everything
    assert plane.load(name) is model


def test_there_are_enough_of_them_and_no_more_than_are_known() -> None:
    assert len(NAMES) >= 12
    assert {"three-points", "two-gaussians", "ring", "moons", "swiss-roll", "spirals", "checkerboard"} <= set(NAMES)
    with pytest.raises(KeyError):
        components("digits")


@pytest.mark.parametrize("level", [CLEAN, Level(0.5, 1.0, 1.0)], ids=["clean", "σ = 1"])
@pytest.mark.parametrize("name", NAMES)
def test_the_density_integrates_to_one(name: str, level: Level) -> None:
    axis = middles(3.0 + 5.0 * level.std, 256).astype(np.float32)
    mass = density(plane.load(name), level, [axis, axis]).sum() * (axis[1] - axis[0]) ** 2
    assert mass == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_the_view_holds_nearly_all_of_every_level(name: str) -> None:
    """±3 in x / sqrt(α² + std²), from the data to the noise, of which 0.5 % lie outside."""
    for level in (CLEAN, *(SCHEDULES[schedule]().level(t) for schedule in ("vp_linear", "edm") for t in (0.3, 1.0))):
        scale = np.hypot(level.alpha, level.std)
        axis = scale * middles(3.0, 128)
        assert density(plane.load(name), level, [axis, axis]).sum() * (axis[1] - axis[0]) ** 2 > 0.99


@pytest.mark.parametrize("name", NAMES)
def test_the_score_is_the_gradient_of_the_log_density(name: str) -> None:
    model = plane.load(name)
    assert isinstance(model, Mixture)
    for level in (CLEAN, Level(0.3, 0.8, 0.6)):
        x = torch.randn(32, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
        (gradient,) = torch.autograd.grad(model.log_density(x, level).sum(), x)
        assert_close(model.score(x, level), gradient, rtol=1e-10, atol=1e-10)


# --- samples ---------------------------------------------------------------------------------------------------------


def masses(model: plane.Plane, condition: int | None) -> NDArray[np.float64]:
    """The probability of each of 20 × 20 cells of [−2, 2]², and of the rest: the density summed on a finer grid."""
    axis = middles(2.0, 320)
    inside = density(model, CLEAN, [axis, axis], condition) * (axis[1] - axis[0]) ** 2
    cells = inside.reshape(20, 16, 20, 16).sum((1, 3)).ravel()
    return np.append(cells, 1.0 - cells.sum())


def counts(points: NDArray[Any]) -> NDArray[np.float64]:
    """How many points are in these cells, and in none."""
    edges = np.linspace(-2.0, 2.0, 21)
    cells = np.histogram2d(points[:, 0], points[:, 1], bins=[edges, edges])[0].ravel()
    return np.append(cells, len(points) - cells.sum())


@pytest.mark.parametrize("name", NAMES)
def test_samples_have_the_density_of_the_mixture(name: str) -> None:
    """In every class, which has its share of them; by χ²."""
    model = plane.load(name)
    points, labels = plane.sample(model, 100_000, 1)
    assert points.dtype == np.float32
    assert points.shape == (100_000, 2)
    if not model.classes:
        assert not labels.any()
        assert p_value(counts(points), masses(model, None)) > FALSE_ALARM
        return
    parts = components(name)
    shares = np.bincount(parts.labels, parts.weights)
    seen = np.concatenate([counts(points[labels == label]) for label in range(model.classes)])
    wanted = np.concatenate([share * masses(model, label) for label, share in enumerate(shares)])
    assert p_value(seen, wanted) > FALSE_ALARM


def test_samples_of_a_class_are_of_that_class() -> None:
    """Asked for by its number or its name."""
    model = plane.load("tree")
    points, labels = plane.sample(model, 20_000, 2, "right")
    assert (labels == 1).all()
    assert p_value(counts(points), masses(model, 1)) > FALSE_ALARM
    np.testing.assert_array_equal(points, plane.sample("tree", 20_000, 2, 1)[0])
    with pytest.raises(ValueError, match="condition must be a class from 0 to 1, or none"):
        plane.sample(model, 3, 2, "down")


def test_samples_are_fixed_by_the_seed() -> None:
    """By nothing else: more of them leave the first as they are."""
    torch.manual_seed(1)
    first, labels = plane.sample("smiley", 100, 7)
    torch.manual_seed(2)
    again, more = plane.sample("smiley", 1000, 7)
    np.testing.assert_array_equal(again[:100], first)
    np.testing.assert_array_equal(more[:100], labels)
    assert not np.isin(plane.sample("smiley", 100, 8)[0], first).any()


def test_samples_of_points_are_those_points_equally_often() -> None:
    places = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 2)).astype(np.float32)
    model = Dataset(torch.from_numpy(places), torch.arange(20) % 3, 3)
    points, labels = plane.sample(model, 20_000, 3)
    which = (points[:, None] == places).all(2).argmax(1)
    np.testing.assert_array_equal(points, places[which])
    np.testing.assert_array_equal(labels, which % 3)
    assert p_value(np.bincount(which, minlength=20), np.full(20, 0.05)) > FALSE_ALARM
    points, labels = plane.sample(model, 20_000, 3, 2)
    assert (labels == 2).all()
    assert len(np.unique(points, axis=0)) == 6


# --- kept points -----------------------------------------------------------------------------------------------------


def some(count: int = 50) -> NDArray[np.float32]:
    return np.random.default_rng(4).uniform(-1.2, 1.2, (count, 2)).astype(np.float32)


def test_kept_points_are_found_by_their_content(folder: Path) -> None:
    """The same points have the same name, and one file, whatever their type and whenever they are kept."""
    points = some()
    points[0] = 0.0
    name = plane.keep(points)
    assert name == f"points-{hashlib.sha256(points.tobytes()).hexdigest()[:12]}"
    negative = points.astype(np.float64)
    negative[0] = -0.0
    assert plane.keep(negative) == plane.keep(np.asfortranarray(points)) == name
    assert [path.name for path in folder.iterdir()] == [f"{name}.npz"]
    model = plane.load(name)
    assert isinstance(model, Dataset)
    assert plane.load(name) is model
    level, x = Level(0.5, 0.8, 0.6), torch.from_numpy(some(10))
    assert_close(model(x, level), Dataset(torch.from_numpy(points))(x, level), rtol=0, atol=0)
    points[3, 1] += 1e-3
    assert plane.keep(points) != name


def test_one_point_is_enough(folder: Path) -> None:
    model = plane.load(plane.keep(np.array([[0.25, -0.5]])))
    wanted = torch.tensor([[0.25, -0.5]]).expand(3, 2)
    assert_close(model(torch.randn(3, 2, generator=torch.Generator().manual_seed(0)), Level(1.0, 0.0, 1.0)), wanted)


def test_too_many_points_are_thinned_always_alike(folder: Path) -> None:
    points = np.random.default_rng(5).permutation(250_000).reshape(-1, 1) * np.array([[1e-5, -1e-5]])
    name = plane.keep(points)
    kept = np.load(folder / f"{name}.npz")["points"]
    assert kept.shape == (200_000, 2)
    assert len(np.unique(kept[:, 0])) == 200_000
    assert np.isin(kept, points.astype(np.float32)).all()
    assert plane.keep(points) == plane.keep(kept) == name


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((0, 2)),
        np.zeros((3, 3)),
        np.zeros(4),
        np.array([[0.0, np.nan]]),
        np.array([[np.inf, 0.0]]),
        np.array([[0.0, 101.0]]),
    ],
)
def test_what_are_no_points_is_not_kept(points: NDArray[Any], folder: Path) -> None:
    with pytest.raises(ValueError, match=r"^points must [^.]*$"):
        plane.keep(points)
    assert not folder.exists()


def test_points_that_cannot_be_written_are_one_sentence(folder: Path) -> None:
    folder.write_text("a file is in the way")
    with pytest.raises(ModelError, match=r"points-[0-9a-f]{12}\.npz cannot be written: [^\n]*\.$"):
        plane.keep(some())


def test_what_passes_is_let_go_but_for_the_newest_and_what_is_needed(folder: Path) -> None:
    """As a painting's strokes are. What was kept for good stays, also where the same points pass again."""
    good, both = plane.keep(some(1)), plane.keep(some(2), passing=True)
    strokes = [plane.keep(some(count), passing=True) for count in range(3, 13)]
    assert plane.keep(some(1), passing=True) == good, "kept for good before: it stays so"
    assert plane.keep(some(2)) == both
    for age, name in enumerate(reversed([good, both, *strokes])):
        os.utime(folder / f"{name}.npz", (1e9 - age, 1e9 - age))
    plane.let_go({strokes[0]}, newest=3)
    left = {path.stem for path in folder.iterdir()}
    assert left == {good, both, strokes[0], *strokes[-3:]}
    for name in left:
        plane.load(name)
    (folder / "points-000000000000.npz").write_bytes(b"PK")
    plane.let_go(set(), newest=0)
    assert {path.stem for path in folder.iterdir()} == {good, both, "points-000000000000"}, "nobody's damage is removed"
    plane.let_go(set())


def test_kept_points_that_vanish_or_change_are_refused(folder: Path) -> None:
    """Also after they were loaded once, and whatever is in their place: another's points, half a file, a pickle."""
    name, other = plane.keep(some()), plane.keep(some(60))
    path = folder / f"{name}.npz"
    whole = path.read_bytes()
    plane.load(name)
    for damaged in (whole[:40], b"", (folder / f"{other}.npz").read_bytes()):
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"^[^\n]*points-[^\n]*\.$"):
            plane.load(name)
    np.savez(path, points=np.array([[{}, {}]], dtype=object))
    with pytest.raises(ModelError, match="holds no points"):
        plane.load(name)
    path.unlink()
    with pytest.raises(ModelError, match=r"is missing\.$"):
        plane.load(name)
    plane.keep(some())
    plane.load(name)


@pytest.mark.parametrize(
    "name", ["", "digits", "points-", "points-0123456789AB", "points-../../../etc", "points-0123456789ab\n"]
)
def test_other_names_are_no_plane_models(name: str, folder: Path) -> None:
    with pytest.raises(ModelError, match=r"^model must be one of three-points, [^\n]*\.$"):
        plane.load(name)
