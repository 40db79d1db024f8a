"""What the plane draws, as numbers: grids, arrows, contours, streamlines and dashes."""

from __future__ import annotations

import numpy as np
import pytest

from desktop_app.state.lab_cloud import SMOOTH, density_along
from desktop_app.widgets.plane_frame import Scale, scale_ticks, ticks
from desktop_app.widgets.plane_geometry import (
    arrows,
    at,
    centres,
    contours,
    dashes,
    halved,
    mass_levels,
    polylines,
    streamlines,
)
from desktop_app.widgets.plane_layers import scaled

HALF = 3.0


def grid(count: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of each place, [count, count], rows upwards."""
    x, y = np.meshgrid(centres(count, HALF), centres(count, HALF))
    return x, y


def lengths(segments: np.ndarray) -> np.ndarray:
    return np.hypot(*(segments[:, 1] - segments[:, 0]).T)


def test_between_places_a_grid_is_bilinear() -> None:
    """Exact for a + bx + cy + dxy, also of several channels; x is the column, y the row."""
    x, y = grid(12)
    field = np.stack([1 + 2 * x - 3 * y + 0.5 * x * y, y], -1)
    u, v = np.random.default_rng(0).uniform(-2.7, 2.7, (2, 50))
    found = at(field, np.stack([u, v], -1), HALF)
    np.testing.assert_allclose(found, np.stack([1 + 2 * u - 3 * v + 0.5 * u * v, v], -1), atol=1e-12)
    np.testing.assert_allclose(at(x, np.array([99.0, 0.0]), HALF), x[0, -1], err_msg="as at the outermost place")


def test_contours_of_a_plane_are_straight() -> None:
    x, y = grid(20)
    found = contours(x + 2 * y, np.array([0.3, -1.1]), HALF)
    value = found @ np.array([1.0, 2.0])
    assert np.minimum(np.abs(value - 0.3), np.abs(value + 1.1)).max() < 1e-12
    np.testing.assert_allclose(np.ptp(found[np.abs(value[:, 0] - 0.3) < 1e-9][..., 1]), 2.85, atol=0.31)


def test_a_contour_is_closed_and_a_saddle_has_two_arcs() -> None:
    """Inside the grid, every end of a segment is the end of exactly one other."""
    x, y = grid(40)
    lumps = np.exp(-((x - 0.7) ** 2) - y**2) + np.exp(-((x + 0.7) ** 2) - y**2)
    found = contours(lumps, np.array([0.5, 0.9]), HALF)
    _, counts = np.unique(np.round(found.reshape(-1, 2), 9), axis=0, return_counts=True)
    assert set(counts) == {2}
    saddle = contours(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.5]), HALF)
    assert len(saddle) == 2
    assert len(np.unique(np.round(saddle.reshape(-1, 2), 9), axis=0)) == 4


@pytest.mark.parametrize("std", [0.4, 0.8])
def test_contours_hold_their_share_of_a_gaussian(std: float) -> None:
    """The circle that holds a share q of N(0, std²) has radius std √(−2 ln(1 − q)): to half a cell."""
    x, y = grid(128)
    density = np.exp(-(x**2 + y**2) / (2 * std**2))
    for share in (0.25, 0.5, 0.75, 0.95):
        found = contours(density, mass_levels(density, (share,)), HALF)
        radius = std * np.sqrt(-2 * np.log(1 - share))
        np.testing.assert_allclose(np.hypot(*found.reshape(-1, 2).T), radius, atol=HALF / 128)
    np.testing.assert_allclose(halved(density).sum() * 4, density.sum())


def test_no_mass_has_no_contours() -> None:
    assert not len(mass_levels(np.zeros((4, 4)), (0.5,)))
    assert not len(contours(np.zeros((4, 4)), np.empty(0), HALF))


@pytest.mark.parametrize("log", [False, True])
def test_arrows_point_along_the_field(log: bool) -> None:
    x, y = grid(10)
    field = np.stack([-x, -3 * y], -1)
    found = arrows(field, HALF, log, 1, 0.0).reshape(-1, 3, 2, 2)  # shaft and two barbs
    shaft = found[:, 0, 1] - found[:, 0, 0]
    middle = found[:, 0].mean(1)
    np.testing.assert_allclose(middle, np.stack([x, y], -1).reshape(-1, 2), atol=1e-12)
    towards = -middle * [1, 3]
    np.testing.assert_allclose(shaft[:, 0] * towards[:, 1], shaft[:, 1] * towards[:, 0], atol=1e-12)
    assert ((shaft * towards).sum(-1) > 0).all()
    assert lengths(found[:, 0]).max() < 1.1 * 2 * HALF / 10, "within their cells"
    for barb in (1, 2):
        np.testing.assert_array_equal(found[:, barb, 0], found[:, 0, 1])
        assert ((found[:, barb, 1] - found[:, barb, 0]) * shaft).sum(-1).max() < 0, "backwards"


def test_arrows_are_thinned_and_short_ones_left_out() -> None:
    x, y = grid(40)
    field = np.stack([x, y], -1)
    assert len(arrows(field, HALF, False, 2, 0.0)) == 3 * 20 * 20
    assert lengths(arrows(field, HALF, False, 1, 0.05)[::3]).min() >= 0.05
    assert len(arrows(field, HALF, True, 1, 0.05)) > len(arrows(field, HALF, False, 1, 0.05))
    assert not len(arrows(np.zeros((4, 4, 2)), HALF, False, 1, 0.0))
    assert np.isfinite(arrows(np.full((4, 4, 2), np.nan), HALF, False, 1, 0.0)).all()


def test_streamlines_follow_circles() -> None:
    """Around the origin, to the error of the midpoint rule; the heads apart."""
    x, y = grid(60)
    found = streamlines(np.stack([-y, x], -1), HALF, seeds=8)
    radius = np.hypot(found[..., 0], found[..., 1])
    step = lengths(found)
    body = (np.abs(step - 0.018 * HALF) < 1e-3) & (radius[:, 0] > 0.5) & (radius.max(1) < 2.8)
    assert body.sum() > 500
    assert np.abs(radius[body, 1] - radius[body, 0]).max() < 2e-3


def test_streamlines_end_at_a_sink() -> None:
    """All 81 arrive there, and none goes back and forth across it: a few segments each, and two for the head."""
    x, y = grid(60)
    found = streamlines(np.stack([-x, -y], -1), HALF, seeds=9, steps=90)
    assert 81 <= (np.hypot(*found[:, 0].T) < 0.06).sum() <= 81 * 5


def test_dashes_ink_their_share_of_the_path() -> None:
    """Of a path of length L with dashes d and gaps g: the whole periods' d each, and what is left of the last."""
    path = np.array([[[0.0, 0.0], [1.2, 0.0], [1.2, 2.0], [0.4, 2.0]]])
    found = dashes(path, 0.3, 0.2)
    np.testing.assert_allclose(lengths(found).sum(), 8 * 0.3)
    on_path = np.isclose(found[..., 1], 0) | np.isclose(found[..., 0], 1.2) | np.isclose(found[..., 1], 2)
    assert on_path.all()


def test_a_path_that_grows_keeps_its_dashes() -> None:
    path = np.cumsum(np.random.default_rng(0).normal(size=(1, 30, 2)), 1)
    short, long = dashes(path[:, :20], 0.3, 0.2), dashes(path, 0.3, 0.2)
    np.testing.assert_allclose(long[: len(short) - 1], short[:-1], atol=1e-12)


def test_paths_that_leave_the_world_are_brought_in() -> None:
    path = np.array([[[0.0, 0.0], [np.inf, np.nan], [1e30, -1e30]]])
    assert np.abs(polylines(path)).max() <= 60
    assert np.isfinite(dashes(path, 0.1, 0.1)).all()


@pytest.mark.parametrize(("low", "high", "px"), [(-3, 3, 600), (-3, 3, 120), (0.1, 0.13, 300), (0, 4.1e-7, 500)])
def test_ticks_are_round_and_apart(low: float, high: float, px: float) -> None:
    found = np.array(ticks(low, high, px))
    assert low <= found.min()
    assert found.max() <= high
    steps = np.diff(found) / (high - low) * px
    assert (steps >= 63.9).all()
    assert (steps <= 64 * 2.5 + 1e-6).all(), "and not too few"


def test_a_logarithmic_scale_counts_decades() -> None:
    scale = Scale("p̄", 2e-5, 2.0, True, np.zeros((256, 3), np.uint8))
    assert [text for _, text in scale_ticks(scale, 400)] == ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰"]


def test_a_scale_says_where_there_is_more(qapp) -> None:
    """The highest mark is “≥”, and no other stands in its way; the colours are those of the values."""
    clipped = Scale("p̄", 0.0, 0.487, False, np.zeros((256, 3), np.uint8), clipped=True)
    marks = scale_ticks(clipped, 400)
    assert marks[-1] == (0.487, "≥ 0.49")
    assert all((0.487 - value) / 0.487 * 400 > 18 for value, _ in marks[:-1])
    log = Scale("p̄", 1e-5, 1.0, True, np.zeros((256, 3), np.uint8), clipped=True)
    assert [text for _, text in scale_ticks(log, 400)] == ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "≥ 1"]
    assert (log.share(1e-5), log.share(1.0)) == (0.0, 1.0)
    values = np.linspace(0.0, 1.0, 101, dtype=np.float32)
    assert scaled("p̄", values, False, "viridis", 0.97).clipped
    assert not scaled("p̄", values, False, "viridis").clipped


def test_particles_along_a_coordinate_have_their_density() -> None:
    """A thousand at one place are a Gaussian of SMOOTH there; what is out of sight is not counted elsewhere."""
    places = np.zeros((2, 1000, 2), np.float32)
    places[0, :, 0], places[1, :500, 0], places[1, 500:, 0] = 0.5, -1.0, 7.0
    found = density_along(places, 600, 3.0)
    axis = (np.arange(600) + 0.5) / 100 - 3.0
    for row, middle, mass in ((found[0], 0.5, 1.0), (found[1], -1.0, 0.5)):
        gauss = mass * np.exp(-0.5 * ((axis - middle) / SMOOTH) ** 2) / (SMOOTH * np.sqrt(2 * np.pi))
        np.testing.assert_allclose(row, gauss, atol=0.1 * gauss.max())
        assert row.sum() / 100 == pytest.approx(mass, abs=1e-3)
