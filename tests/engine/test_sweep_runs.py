"""Sweeps at work: pixels that depend on the request alone, figures, going on, the orders of convergence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, random_network
from PIL import Image

import engine
from engine.fields import RequestError
from engine.files import write
from engine.lab.cloud import Truth
from engine.measures import judges
from engine.models.checkpoint import save_model
from engine.pictures import pixels
from engine.request import Request
from engine.sweep import Axis, Folder, Result, Sweep, SweepError, chart, run_sweep, sheet
from engine.sweep.judging import _solutions, finish, judged
from engine.verify import verify


def x_of(request: Request) -> torch.Tensor:
    *_, last = engine.run(request)
    return last.x_next


def test_a_cells_pictures_are_those_of_its_run(tiny: str) -> None:
    sweep = Sweep(base=Request(model=tiny, count=3), axes=(Axis("lam", (0.0, 1.0)), Axis("steps", (2, 4))))
    results = dict(run_sweep(sweep))
    assert list(results) == [0, 1, 2, 3]
    for cell in sweep.cells:
        assert cell.request is not None
        np.testing.assert_array_equal(results[cell.index].pictures, pixels(x_of(cell.request).numpy()))
        assert results[cell.index].figures["nfe"] == cell.request.steps
        assert results[cell.index].figures["seconds"] > 0


def test_pixels_do_not_depend_on_the_threads_of_the_machine() -> None:
    """Without one thread to a cell they do: a sum in two halves rounds differently, as the error tells at once."""
    base = Request(count=6, steps=4, condition=5, order=1)
    (cell,) = Sweep(base=base, axes=(Axis("guidance", (2.0,)),), reference=5).cells
    assert cell.request is not None
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            _solutions.clear()
            found.append(finish(cell))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(1)
    for other in found[1:]:
        np.testing.assert_array_equal(found[0].pictures, other.pictures)
        assert found[0].figures["error"] == other.figures["error"]


def test_stopped_and_begun_again_it_goes_on_where_it_was(tiny: str, tmp_path: Path) -> None:
    sweep = Sweep(base=Request(model=tiny, count=1), axes=(Axis("steps", (1, 2, 3, 4)),))
    whole, folder, seen = dict(run_sweep(sweep)), Folder(tmp_path), []
    running = run_sweep(sweep, folder)
    for _ in range(2):
        next(running)
    running.close()
    folder.file(sweep.cells[0]).write_bytes(b"damaged")
    again = dict(run_sweep(folder.plan(), folder, progress=lambda cell, step, steps: seen.append(cell.index)))
    assert sorted(set(seen)) == [0, 2, 3], "cell 1 was there, cell 0 was damaged"
    assert again.keys() == whole.keys()
    for index, result in whole.items():
        np.testing.assert_array_equal(again[index].pictures, result.pictures)
    seen.clear()
    dict(run_sweep(sweep, folder, progress=lambda cell, step, steps: seen.append(cell.index)))
    assert not seen


def test_cells_and_solutions_of_other_weights_are_made_again(tiny: str, model_folder: Path, tmp_path: Path) -> None:
    """A model of one's own is trained on under its name, and its sweep gone on with."""
    sweep = Sweep(base=Request(model=tiny, count=1), axes=(Axis("steps", (1, 2)),), reference=5)
    folder, weights = Folder(tmp_path), model_folder / "tiny.safetensors"
    first, before = dict(run_sweep(sweep, folder)), weights.read_bytes()
    try:
        save_model(model_folder, random_network(seed=1).state_dict(), TINY)
        again, anew = dict(run_sweep(sweep, folder)), dict(run_sweep(sweep))
        _solutions.clear()
        fresh = dict(run_sweep(sweep))
        for index, result in anew.items():
            np.testing.assert_array_equal(again[index].pictures, result.pictures)
            assert (first[index].pictures != result.pictures).any()
            errors = {found[index].figures["error"] for found in (again, anew, fresh)}
            assert len(errors) == 1
    finally:
        weights.write_bytes(before)


def test_a_cells_file_is_a_picture_that_can_be_verified(tmp_path: Path) -> None:
    sweep = Sweep(base=Request(model="digits", count=3, condition=2), axes=(Axis("steps", (2, 3)),))
    for index, _ in run_sweep(sweep, Folder(tmp_path)):
        assert index in (0, 1)
    files = sorted((tmp_path / "cells").glob("*.png"))
    assert len(files) == 2
    for path in files:
        verdict = verify(path)
        assert verdict.largest <= 1, verdict.sentence
        assert verdict.mean < 0.01


def test_what_cannot_run_is_a_cell_with_its_reason(tiny: str, tmp_path: Path) -> None:
    sweep = Sweep(base=Request(model=tiny, steps=2, count=1), axes=(Axis("condition", (0, 9)), Axis("lam", (0.0, 1.0))))
    results = dict(run_sweep(sweep, Folder(tmp_path)))
    assert [bool(results[index].reason) for index in range(4)] == [False, False, True, True]
    assert results[2].reason.startswith("condition must be")
    refused = Sweep(base=Request(model=tiny, steps=2), axes=(Axis("sampler", ("heun",)), Axis("lam", (0.0, 0.5))))
    assert dict(run_sweep(refused))[1].reason == "lam must be 0 with the sampler heun, not 0.5."
    growing = Sweep(base=Request(model=tiny, sampler="langevin", sigma=1e3), axes=(Axis("guidance", (1.0,)),))
    assert dict(run_sweep(growing))[0].reason


def test_another_executor_or_device_is_refused(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Sweep(base=Request(model=tiny), axes=(Axis("steps", (1,)),))
    with pytest.raises(RequestError, match=r"^executor must be one of local, dask, not 'spark'\.$"):
        next(run_sweep(sweep, executor="spark"))
    monkeypatch.setenv("SCORESCOPE_DEVICE", "tpu")
    with pytest.raises(SweepError, match=r"^SCORESCOPE_DEVICE must be"):
        next(run_sweep(sweep))


# --- figures ---------------------------------------------------------------------------------------------------------


def test_agreement_is_the_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Sweep(base=Request(count=4, steps=3, order=1), axes=(Axis("condition", (None, 7)),))
    anything, sevens = (result for _, result in run_sweep(sweep))
    assert "agreement" not in anything.figures, "nothing was asked for"
    seen = judges.classify(sevens.pictures.transpose(0, 3, 1, 2))
    assert sevens.figures["agreement"] == np.mean(seen == 7)


def test_distance_is_the_clouds_to_the_truth() -> None:
    base = Request(model="ring", particles=400, count=2, steps=6)
    ((_, result),) = run_sweep(Sweep(base=base, axes=(Axis("condition", (3,)),)))
    x = x_of(base.replace(condition=3)).numpy()
    truth = Truth(base.replace(condition=3), 400)
    assert result.figures["distance"] == pytest.approx(np.mean([truth.distance(cloud, 1.0, 0.0) for cloud in x]))
    assert result.pictures.shape[0] == 2
    assert result.pictures.any()


def test_error_is_the_distance_from_the_solution_which_is_made_once(tiny: str) -> None:
    _solutions.clear()
    base = Request(model=tiny, count=2, sampler="heun", seed=4)
    sweep = Sweep(base=base, axes=(Axis("steps", (2, 5)),), reference=40)
    results = dict(run_sweep(sweep))
    exact = x_of(Request(model=tiny, count=2, seed=4, order=2, steps=40)).double()
    for cell in sweep.cells:
        assert cell.request is not None
        wanted = float((x_of(cell.request).double() - exact).square().mean().sqrt())
        assert results[cell.index].figures["error"] == pytest.approx(wanted, rel=1e-6)
    assert len(_solutions) == 1


def test_every_step_can_be_shown(tiny: str) -> None:
    (cell,) = Sweep(base=Request(model=tiny, count=2), axes=(Axis("steps", (3,)),), reference=4).cells
    assert cell.request is not None
    _solutions.clear()
    seen = list(judged(cell))
    assert [(at.step, at.steps) for at in seen] == [(1, 3), (2, 3), (3, 3), (1, 4), (2, 4), (3, 4), (4, 4)]
    steps = list(engine.run(cell.request))
    for at, step in zip(seen, steps, strict=False):
        assert at.pictures is not None
        np.testing.assert_array_equal(at.pictures, pixels(step.denoised.numpy()))
    assert all(at.pictures is None for at in seen[3:])


@pytest.mark.parametrize(
    ("base", "orders", "tolerances"),
    [
        (Request(model="gaussian", count=1, particles=300), (1.0, 2.0), (0.1, 0.2)),
        (Request(model="digits-gaussian", count=2), (1.0, 2.0), (0.1, 0.2)),
        (Request(model="gaussian", count=1, particles=300, lam=1.0, noise="path"), (1.0, 1.0), (0.2, 0.25)),
    ],
)
def test_a_sweeps_chart_has_the_orders_of_convergence(
    base: Request, orders: tuple[float, float], tolerances: tuple[float, float]
) -> None:
    """λ = 0: the error of the exponential Euler rule falls as 1/N, of order 2 as 1/N²; on a path of noise as 1/N."""
    axes = (Axis("order", (1, 2)), Axis("steps", (20, 40, 80, 160)))
    sweep = Sweep(base=base.replace(spacing="uniform_logsnr"), axes=axes, reference=1000)
    results = dict(run_sweep(sweep))
    assert chart.qualities(results)[0] == "error"
    first, second = chart.lines(sweep, results, "error")
    assert (first.label, second.label) == ("p = 1", "p = 2")
    assert first.order == pytest.approx(orders[0], abs=tolerances[0])
    assert second.order == pytest.approx(orders[1], abs=tolerances[1])
    across, up = chart.scales([first, second], "error")
    assert across.logarithmic
    assert up.logarithmic
    for line in (first, second):  # and drawn so, they are straight: the slope of the picture is the order
        places = np.array([(across.share(x), up.share(y)) for x, y in line.points])
        decades = np.log([across.high / across.low, up.high / up.low])
        assert -np.polyfit(*places.T, 1)[0] * decades[1] / decades[0] == pytest.approx(line.order)


# --- pages -----------------------------------------------------------------------------------------------------------


def fake(sweep: Sweep, figure: str = "error") -> dict[int, Result]:
    draws = np.random.default_rng(0)
    found = {}
    for cell in sweep.cells:
        if cell.request is None:
            found[cell.index] = Result(reason=cell.reason)
            continue
        figures = {
            "nfe": float(cell.request.steps),
            figure: 3.0 / cell.request.steps ** (1 + sweep.place(cell.index)[0]),
        }
        found[cell.index] = Result(draws.integers(50, 256, (4, 14, 14, 1), np.uint8), figures)
    return found


def test_lines_run_along_what_costs_evaluations_whichever_axis_that_is() -> None:
    steps, lam = Axis("steps", (5, 10)), Axis("lam", (0.0, 0.5, 1.0))
    for axes in ((lam, steps), (steps, lam)):
        sweep = Sweep(base=Request(), axes=axes)
        found = chart.lines(sweep, fake(sweep), "error")
        assert [line.label for line in found] == ["λ = 0", "λ = 0.5", "λ = 1"]
        assert all([x for x, _ in line.points] == [5.0, 10.0] for line in found)
    assert len({(line.colour, line.dash) for line in found}) == 3
    alone = Sweep(base=Request(), axes=(steps,))
    (line,) = chart.lines(alone, fake(alone), "error")
    assert line.label == "Error"
    assert line.order == pytest.approx(1.0)


def test_the_order_of_a_line_is_its_exponent() -> None:
    sweep = Sweep(base=Request(), axes=(Axis("order", (1, 2)), Axis("steps", (5, 10, 40))))
    assert [line.order for line in chart.lines(sweep, fake(sweep), "error")] == [pytest.approx(1), pytest.approx(2)]
    assert chart.lines(sweep, {}, "error")[0].order is None


def test_the_page_shows_every_cells_pixels_and_carries_the_sweep(tmp_path: Path) -> None:
    sweep = Sweep(base=Request(condition=3), axes=(Axis("sampler", ("bridge", "heun")), Axis("lam", (0.0, 0.5))))
    results = fake(sweep)
    write(tmp_path / "grid.png", sheet.png(sheet.page(sweep, results), sweep))
    with Image.open(tmp_path / "grid.png") as picture:
        assert Sweep.from_json(picture.info["scorescope-sweep"]) == sweep
        page = np.asarray(picture)
    assert page.shape[2] == 3
    for index in (0, 1, 2):
        tile = sheet.tile(results[index].pictures)
        assert tile.shape[0] % 14 == 2, "whole pixels"
        windows = np.lib.stride_tricks.sliding_window_view(page[..., 0], tile.shape[:2])
        corners = np.argwhere((windows[:, :, :28, :28] == tile[:28, :28, 0]).all((2, 3)))
        assert len(corners) == 1
        y, x = corners[0]
        np.testing.assert_array_equal(page[y : y + tile.shape[0], x : x + tile.shape[1], 0], tile[..., 0])


@pytest.mark.parametrize("figure", ["error", "agreement", "distance"])
def test_a_chart_of_anything_is_drawn(figure: str) -> None:
    sweep = Sweep(base=Request(), axes=(Axis("order", (1, 2)), Axis("steps", (1, 2, 5, 1000))))
    full = fake(sweep, figure)
    blank = np.asarray(chart.draw(sweep, {}, figure))
    drawn = np.asarray(chart.draw(sweep, full, figure))
    assert (drawn != blank).any(axis=2).sum() > 1000
    zero = {0: Result(figures={"nfe": 1.0, figure: 0.0})}
    assert chart.draw(sweep, zero, figure).size == (1200, 720)


def test_a_sweep_needs_no_torch_before_it_runs() -> None:
    names = "engine.sweep, engine.sweep_cli, engine.sweep.chart, engine.sweep.sheet, engine.sweep.values"
    code = f"import sys, {names}; assert 'torch' not in sys.modules"
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(root)})
