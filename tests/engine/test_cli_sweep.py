"""`scorescope sweep`: what a person types, and what they get back."""

from __future__ import annotations

import csv
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import cli
from engine.request import Request
from engine.sweep import Folder, Sweep

ROOT = Path(__file__).resolve().parents[2]
ERRORS = {
    ("--over", "lam"): "over must be NAME=VALUES",
    ("--over", "lam=-1"): "lam must be a number from 0 to 100, not -1.0.",
    ("--over", "lam=0", "--over", "lam=1"): "axes must be of two fields, not lam twice.",
    ("--over", "lam=0", "--over", "steps=1", "--over", "seed=1"): "axes must be one or two.",
    ("--over", "steps=1…1000 in 401"): "steps must be from 2 to 400 values, not 401.",
    ("--over", "lam=0", "--steps", "0"): "steps must be a whole number from 1 to 1000, not 0.",
    ("--over", "lam=0", "--reference", "0"): "reference must be a whole number from 1 to 1000, not 0.",
    ("--over", "lam=0", "--executor", "spark"): "executor must be one of local, dask, not 'spark'.",
    ("--image", "x.png"): "--over NAME=VALUES says what varies, at least once.",
    ("--at", "3"): "--over NAME=VALUES says what varies, at least once.",
    ("--steps", "5"): "--over NAME=VALUES says what varies, at least once.",
    (): "--over NAME=VALUES says what varies; without it sweep must be in",
}


def sweep(out: Path, *flags: str) -> int:
    return cli.main(["sweep", "--model", "tiny", "--count", "2", "--out", str(out), *flags])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_grid_a_table_and_the_cells(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert sweep(out, "--over", "lam=0,0.5,1", "--over", "steps=2,3", "--condition", "1") == 0
    assert f"{out / 'grid.png'}, {out / 'table.csv'}: 6 cells" in capsys.readouterr().out
    table = rows(out / "table.csv")
    assert [(row["lam"], row["steps"], row["nfe"]) for row in table] == [
        (lam, steps, f"{steps}.0") for lam in ("0.0", "0.5", "1.0") for steps in "23"
    ]
    with Image.open(out / "grid.png") as picture:
        plan = Sweep.from_json(picture.info["scorescope-sweep"])
    assert plan.base == Request(model="tiny", count=2, condition=1)
    for cell, row in zip(plan.cells, table, strict=True):
        with Image.open(out / row["file"]) as picture:
            assert Request.from_json(picture.info["scorescope"]) == cell.request
            pixels = np.asarray(picture)
        again = ["generate", "--request", str(out / row["file"]), "--out", str(tmp_path / "again.png")]
        assert cli.main([*again, "--enlarge", "1"]) == 0
        with Image.open(tmp_path / "again.png") as sheet:  # 2 pixels between the images
            np.testing.assert_array_equal(np.asarray(sheet)[:, [*range(8), *range(10, 18)]], pixels)


def test_the_chart_says_the_orders(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--over", "order=1,2", "--over", "steps=20…160 in 4 log", "--model", "gaussian", "--count", "1"]
    flags += ["--particles", "100", "--reference", "1000", "--spacing", "uniform_logsnr"]
    assert sweep(tmp_path / "out", *flags) == 0
    said = capsys.readouterr().out
    orders = [float(line.rsplit(" ", 1)[1]) for line in said.splitlines() if ": order " in line]
    assert orders == [pytest.approx(1.0, abs=0.1), pytest.approx(2.0, abs=0.2)]
    with Image.open(tmp_path / "out" / "chart.png") as picture:
        assert Sweep.from_json(picture.info["scorescope-sweep"]).reference == 1000


def test_the_grid_and_the_table_go_where_they_are_wanted(tiny: str, tmp_path: Path) -> None:
    grid, table = tmp_path / "a" / "my grid.png", tmp_path / "t.csv"
    grid.parent.mkdir()
    assert sweep(grid, "--over", "steps=1,2", "--csv", str(table)) == 0
    assert grid.is_file()
    assert len(rows(table)) == 2
    assert (tmp_path / "a" / "my grid" / "cells").is_dir()


@pytest.mark.parametrize("flags", ERRORS, ids=" ".join)
def test_what_is_not_allowed_is_one_sentence(
    flags: tuple[str, ...], tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sweep", "--out", str(tmp_path / "out"), *flags]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith(f"scorescope sweep: {ERRORS[flags]}")
    assert "\n" not in said
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_done_is_one_sentence(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert sweep(tmp_path / "file", "--over", "steps=1") == 1
    assert "cannot be written" in capsys.readouterr().err
    assert sweep(tmp_path / "out", "--over", "condition=9,10") == 1
    assert capsys.readouterr().err.strip().startswith("scorescope sweep: no cell could be run: condition must be")
    assert sweep(tmp_path / "out", "--over", "condition=1,9", "--steps", "1") == 0
    assert "2 cells, of which 1 are not possible" in capsys.readouterr().out
    assert [bool(row["reason"]) for row in rows(tmp_path / "out" / "table.csv")] == [False, True]


def test_an_interrupt_leaves_a_folder_and_says_how_to_go_on(tiny: str, tmp_path: Path) -> None:
    out = tmp_path / "a folder"
    command = [sys.executable, "-m", "engine", "sweep", "--model", tiny, "--count", "16"]
    command += ["--over", f"seed={','.join(map(str, range(12)))}", "--steps", "150", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as running:
        end = time.monotonic() + 180
        while not list(out.glob("cells/*.png")) and time.monotonic() < end:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=180)
    assert running.returncode == 130
    done = list(out.glob("cells/[0-9a-f]*.png"))
    assert 1 <= len(done) < 12
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert last.startswith(f"scorescope sweep: stopped. {len(done)} of 12 cells are done; to go on: ")
    written = {path: path.stat().st_mtime_ns for path in done}
    words = shlex.split(last.split("to go on: ")[1])
    assert words[0] == "scorescope"
    assert cli.main(words[1:]) == 0
    assert len(rows(out / "table.csv")) == 12
    assert {path: path.stat().st_mtime_ns for path in done} == written, "what was done is not done again"
    assert Folder(out).plan().base.steps == 150
