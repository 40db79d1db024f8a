"""What a sweep is: its axes, its cells, what is typed, what is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.fields import RequestError
from engine.request import FIELDS, Branch, Request
from engine.starts import PureNoise
from engine.sweep import AXES, Axis, Cell, Folder, Result, Sweep
from engine.sweep.folder import decode, encode, table
from engine.sweep.plan import MAX_CELLS, solution
from engine.sweep.values import axis, values, written

LAM, STEPS = Axis("lam", (0.0, 1.0)), Axis("steps", (5, 10, 20))
GRID = Sweep(base=Request(count=3), axes=(LAM, STEPS))


def made(count: int = 3, channels: int = 1) -> Result:
    pictures = np.random.default_rng(0).integers(0, 256, (count, 5, 4, channels), np.uint8)
    return Result(pictures, {"nfe": 20.0, "seconds": 0.5, "error": 1e-3})


# --- the plan --------------------------------------------------------------------------------------------------------


def test_cells_are_the_base_with_the_values_row_by_row() -> None:
    assert GRID.shape == (2, 3)
    found = [(cell.request.lam, cell.request.steps) for cell in GRID.cells if cell.request]
    assert found == [(0.0, 5), (0.0, 10), (0.0, 20), (1.0, 5), (1.0, 10), (1.0, 20)]
    assert [GRID.place(cell.index) for cell in GRID.cells] == [(r, c) for r in range(2) for c in range(3)]
    assert all(cell.request == GRID.base.replace(lam=cell.request.lam, steps=cell.request.steps) for cell in GRID.cells)
    one = Sweep(base=Request(), axes=(STEPS,))
    assert one.shape == (1, 3)


def test_every_field_but_intervals_levels_and_starts_can_vary() -> None:
    assert set(FIELDS) - set(AXES) == {"sigmas", "noise_interval", "guidance_interval", "start"}


def test_a_combination_that_is_no_request_is_a_cell_with_its_reason() -> None:
    sweep = Sweep(base=Request(), axes=(Axis("sampler", ("bridge", "heun")), Axis("lam", (0.0, 0.5))))
    assert [cell.request is not None for cell in sweep.cells] == [True, True, True, False]
    assert sweep.cells[3].reason == "lam must be 0 with the sampler heun, not 0.5."


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ((), "axes must be one or two."),
        ((LAM, STEPS, Axis("seed", (1,))), "axes must be one or two."),
        ((LAM, Axis("lam", (2.0,))), "axes must be of two fields, not lam twice."),
        ((Axis("seed", tuple(range(21))), Axis("steps", tuple(range(1, 21)))), "axes must make at most 400 cells"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_in_one_sentence(axes: tuple[Axis, ...], message: str) -> None:
    with pytest.raises(RequestError) as caught:
        Sweep(base=Request(), axes=axes)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "some", "message"),
    [
        ("start", (PureNoise(),), "axes must be of"),
        ("steps", (), "steps must have at least one value."),
        ("steps", (5, 5), "steps must have each value once, not 5 twice."),
        ("steps", (5, 0), "steps must be a whole number from 1 to 1000, not 0."),
        ("steps", (5, True), "steps must be a whole number"),
        ("lam", (float("nan"),), "lam must be a number"),
        ("sampler", ("none-such",), "sampler must be one of"),
    ],
)
def test_an_axis_that_cannot_be_is_refused_in_one_sentence(name: str, some: tuple, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        Axis(name, some)
    assert str(caught.value).startswith(message)


def test_json_reads_back_to_an_equal_sweep() -> None:
    axes = (Axis("schedule", (None, "flow")), Axis("condition", (3, "three", None)))
    base = Request(start=Branch(Request(steps=9), 4), guidance_interval=(0.1, 2.0))
    for sweep in (GRID, Sweep(base=base, axes=axes, reference=500)):
        again = Sweep.from_json(sweep.to_json())
        assert again == sweep
        assert [cell.key for cell in again.cells] == [cell.key for cell in sweep.cells]


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"base": {"steps": 0}},
        {"axes": [{"name": "lam", "values": [-1]}]},
        {"axes": [{"name": "lam", "values": 3}]},
        {"axes": "lam"},
        {"reference": -1},
        {"more": 1},
    ],
)
def test_json_of_something_else_is_refused(change: dict) -> None:
    values = json.loads(GRID.to_json()) | change
    with pytest.raises(RequestError):
        Sweep.from_json(json.dumps(values))
    for text in ("", "[", "3", "[" * 5000):
        with pytest.raises(RequestError):
            Sweep.from_json(text)


def test_keys_tell_apart_whatever_determines_a_result() -> None:
    cells = [*GRID.cells, *Sweep(base=Request(count=3), axes=(LAM, STEPS), reference=99).cells]
    keys = [cell.key for cell in cells]
    assert len(set(keys)) == 6 + 3, "with λ = 1 and a draw for each step there is no reference"


def test_a_reference_follows_the_same_equation_and_noise() -> None:
    heun = solution(Request(sampler="heun", steps=7, seed=3, guidance=2.0, condition=1), 300)
    assert heun == Request(sampler="bridge", order=2, steps=300, seed=3, guidance=2.0, condition=1)
    walking = Request(sampler="euler_maruyama", lam=0.5, noise="path", schedule="vp_linear", spacing="uniform_t")
    assert solution(walking, 300) == walking.replace(sampler="bridge", order=2, steps=300, lam=0.5, noise="path")
    for sampler in ("bridge", "ddim", "euler", "unipc", "rk45", "dpmpp_2m"):
        assert solution(Request(sampler=sampler), 10) == Request(steps=10)


@pytest.mark.parametrize(
    "request_",
    [
        Request(lam=1.0),
        Request(sampler="ddim_eta", noise="path"),
        Request(sampler="heun", churn=3.0),
        Request(sampler="predictor_corrector", lam=0.0),
        Request(sampler="langevin"),
        Request(sampler="annealed_langevin"),
        Request(sampler="ddpm_large", noise="path"),
        Request(sigmas=(5.0, 1.0)),
        Request(start=Branch(Request(), 3)),
    ],
)
def test_what_tends_to_no_solution_has_no_reference(request_: Request) -> None:
    assert solution(request_, 100) is None


# --- what is typed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("steps", "5, 10,20 ,50", (5, 10, 20, 50)),
        ("lam", "0 0.5 1", (0.0, 0.5, 1.0)),
        ("lam", "0…2 in 5", (0.0, 0.5, 1.0, 1.5, 2.0)),
        ("lam", "0..2 in 3", (0.0, 1.0, 2.0)),
        ("lam", "0.5...1.5 in 3", (0.5, 1.0, 1.5)),
        ("steps", "5…80 in 5 log", (5, 10, 20, 40, 80)),
        ("steps", "1…3 in 9", (1, 2, 3)),
        ("tolerance", "1e-4…1e-2 in 3 log", (1e-4, 1e-3, 1e-2)),
        ("sampler", "heun, rk45", ("heun", "rk45")),
        ("order", "1,2", (1, 2)),
        ("condition", "3, any, seven", (3, None, "seven")),
        ("schedule", "none,flow", (None, "flow")),
        ("model", "digits-ideal", ("digits-ideal",)),
        ("condition", 'v 2.0, say "hi"', ("v 2.0", 'say "hi"')),
        ("condition", "light skin tone, dark hair; red heart", ("light skin tone, dark hair", "red heart")),
        ("condition", "light skin tone, dark hair;", ("light skin tone, dark hair",)),
    ],
)
def test_values_are_read_and_written(name: str, text: str, found: tuple) -> None:
    read = Axis(name, values(name, text))
    assert read.values == found
    assert [type(value) for value in read.values] == [type(value) for value in found]
    assert Axis(name, values(name, written(read))) == read


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("steps", "over"),
        ("nothing=1", "over"),
        ("start=1", "over"),
        ("steps=", "steps"),
        ("steps=five", "steps"),
        ("steps=5.5", "steps"),
        ("lam=a…b in 3", "lam"),
        ("lam=0…1 in 1", "lam"),
        ("lam=0…1 in 9999", "lam"),
        ("lam=0…1 in 3 log", "lam"),
        ("lam=0…1", "lam"),
        ("lam=0…1e400 in 3", "lam"),
        ("steps=1…inf in 3", "steps"),
        ("steps=nan…3 in 3", "steps"),
        ("steps=1…1e400 in 3", "steps"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence_that_begins_with_the_field(text: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        axis(text)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field} must")
    assert str(caught.value).endswith(".")


def test_labels_are_mathematics_or_the_catalogues_words() -> None:
    assert axis("condition=none").label(0) == "any"
    said = {
        axis("lam=0.5"): "λ = 0.5",
        axis("steps=20"): "N = 20",
        axis("seed=4294967295"): "Seed = 4294967295",
        axis("order=2"): "p = 2",
        axis("sampler=heun"): "Heun (EDM)",
        axis("condition=3"): "c = 3",
        axis("schedule=none"): "model’s own",
        axis("clip=none"): "no clip",
        axis("model=moons"): "Two moons",
    }
    assert {found.name: found.label(0) for found in said} == {found.name: words for found, words in said.items()}


# --- what is kept ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "channels"), [(1, 1), (3, 1), (4, 3), (7, 3)])
def test_a_cells_file_is_a_picture_with_its_request_and_reads_back(count: int, channels: int, tmp_path: Path) -> None:
    cell, result = GRID.cells[1], made(count, channels)
    path = tmp_path / "cell.png"
    path.write_bytes(encode(cell, result))
    with Image.open(path) as picture:
        assert Request.from_json(picture.info["scorescope"]) == cell.request
    again = decode(cell, path.read_bytes())
    assert again is not None
    np.testing.assert_array_equal(again.pictures, result.pictures)
    assert again.figures == result.figures


def test_a_damaged_file_or_another_cells_is_as_none(tmp_path: Path) -> None:
    folder, cell = Folder(tmp_path), GRID.cells[0]
    folder.begin(GRID)
    assert folder.load(cell) is None
    folder.save(cell, made())
    whole = folder.file(cell).read_bytes()
    assert folder.load(cell) is not None
    draws = np.random.default_rng(1)
    for _ in range(200):
        place = draws.integers(len(whole))
        damaged = [whole[:place], whole[:place] + bytes([whole[place] ^ 1 << draws.integers(8)]) + whole[place + 1 :]]
        for data in damaged:
            folder.file(cell).write_bytes(data)
            found = folder.load(cell)
            assert found is None or np.array_equal(found.pictures, made().pictures), "CRC and zlib know"
    folder.file(cell).write_bytes(encode(GRID.cells[1], made()))
    assert folder.load(cell) is None


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, cell = Folder(tmp_path), GRID.cells[0]
    folder.begin(GRID)
    folder.save(cell, made())

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        folder.save(cell, made(1))
    monkeypatch.undo()
    found = folder.load(cell)
    assert found is not None
    assert len(found.pictures) == 3
    assert [path.name for path in (tmp_path / "cells").iterdir()] == [folder.file(cell).name]


def test_the_folder_knows_its_plan_and_only_its_cells(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with pytest.raises(RequestError, match=r"^sweep must be in"):
        folder.plan()
    folder.begin(GRID)
    assert folder.plan() == GRID
    other = Sweep(base=Request(count=3), axes=(Axis("lam", (1.0,)), STEPS))
    for cell in GRID.cells:
        folder.save(cell, made())
    for place, cell in enumerate(GRID.cells):
        os.utime(folder.file(cell), (place, place))
    folder.prune(other, 1)
    assert [folder.load(cell) is not None for cell in GRID.cells] == [False, False] + [True] * 4, "the newest is kept"


def test_the_table_has_a_line_for_each_cell() -> None:
    sweep = Sweep(base=Request(), axes=(Axis("sampler", ("bridge", "heun")), Axis("lam", (0.0, 0.5))))
    lines = table(sweep, {0: made()}).splitlines()
    assert lines[0] == "sampler,lam,error,nfe,seconds,reason,file"
    assert lines[1] == f"bridge,0.0,0.001,20.0,0.5,,cells/{sweep.cells[0].key}.png"
    assert lines[2:4] == ["bridge,0.5,,,,,", "heun,0.0,,,,,"]
    assert lines[4] == 'heun,0.5,,,,"lam must be 0 with the sampler heun, not 0.5.",'


def test_the_largest_sweep_is_quick_to_plan() -> None:
    sweep = Sweep(base=Request(), axes=(Axis("seed", tuple(range(20))), Axis("steps", tuple(range(1, 21)))))
    assert len(sweep.cells) == MAX_CELLS
    assert isinstance(sweep.cells[-1], Cell)
