"""The command line: what a person types, and what they get back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from engine import catalog, cli
from engine.catalog import Card
from engine.models.checkpoint import save_model
from engine.models.registry import _load, build
from engine.request import FIELDS, OPTIONS, Request
from engine.samplers import Step
from engine.training import recipes

ROOT = Path(__file__).resolve().parents[2]
TINY = msgspec.structs.replace(
    recipes.RECIPES["digits"].card,
    name="tiny",
    title="Tiny",
    shape=(1, 8, 8),
    classes=("zero", "one", "two"),
    architecture={"classes": 3, "widths": [16, 32], "embedding": 32},
    sigma_data=0.5,
)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models with one in it, of random weights, called tiny."""
    folder = tmp_path / "models"
    network = build(TINY)
    draw = torch.Generator().manual_seed(0)
    weights = {name: 0.2 * torch.randn(p.shape, generator=draw) for name, p in network.named_parameters()}
    save_model(folder, weights, TINY)
    monkeypatch.setenv("SCORESCOPE_MODELS", str(folder))
    monkeypatch.setenv("SCORESCOPE_DEVICE", "cpu")
    _load.cache_clear()
    return folder


def generate(out: Path, *flags: str) -> int:
    return cli.main(["generate", "--model", "tiny", "--steps", "4", "--count", "5", "--out", str(out), *flags])


# --- generate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [["--lam", "0"], ["--lam", "1", "--condition", "2", "--guidance", "2"]])
def test_same_command_same_pixels(models: Path, tmp_path: Path, flags: list[str]) -> None:
    for name in ("a.png", "b.png"):
        assert generate(tmp_path / name, "--seed", "3", *flags) == 0
    assert generate(tmp_path / "c.png", "--seed", "4", *flags) == 0
    a, b, c = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_sheet_has_the_columns_and_the_size_that_were_asked_for(models: Path, tmp_path: Path) -> None:
    assert generate(tmp_path / "a.png", "--columns", "5", "--enlarge", "3") == 0
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (5 * 24 + 4 * 2, 24)


def test_picture_holds_its_request(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--condition", "1", "--lam", "0.5", "--guidance", "1.5", "--guidance-interval", "0.1", "5"]
    assert generate(tmp_path / "a.png", *flags) == 0
    wanted = Request(model="tiny", steps=4, count=5, condition=1, lam=0.5, guidance=1.5, guidance_interval=(0.1, 5.0))
    with Image.open(tmp_path / "a.png") as image:
        assert Request.from_json(image.info["scorescope"]) == wanted

    capsys.readouterr()
    assert cli.main(["generate", "--request", str(tmp_path / "a.png"), "--json"]) == 0
    text = capsys.readouterr().out
    assert Request.from_json(text) == wanted
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    again = ["generate", "--request", str(tmp_path / "a.json"), "--out", str(tmp_path / "b.png")]
    assert cli.main(again) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_flags_change_a_request_that_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(Request(condition=3, steps=7, seed=9).to_json(), encoding="utf-8")
    assert (
        cli.main(["generate", "--request", str(tmp_path / "a.json"), "--condition", "any", "--steps", "8", "--json"])
        == 0
    )
    assert Request.from_json(capsys.readouterr().out) == Request(steps=8, seed=9)


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ("--sigmas 80 20 5 1 0.1", {"sigmas": (80.0, 20.0, 5.0, 1.0, 0.1)}),
        ("--sigmas 3", {"sigmas": (3.0,)}),
        ("--sampler ddpm", {"lam": 1.0}),
        ("--sampler ddpm --lam 0.5 --noise path", {"lam": 0.5, "noise": "path"}),
        ("--sampler heun --churn 20 --noise-interval 0.05 50", {"churn": 20.0, "noise_interval": (0.05, 50.0)}),
        ("--sampler ddim_eta --eta 1", {"eta": 1.0}),
        ("--sampler rk45 --tolerance 1e-4", {"tolerance": 1e-4}),
        ("--sampler annealed_langevin --langevin-steps 3 --step-size 0.1", {"langevin_steps": 3, "step_size": 0.1}),
        ("--sampler langevin --sigma 0.3", {"sigma": 0.3}),
        ("--guide digits-weak --guidance 2 --guidance-rescale 0.7 --clip 1", {"guide": "digits-weak", "clip": 1.0}),
        ("--clip none --guide none --schedule none --sigmas none --guidance-interval none", {"clip": None}),
    ],
)
def test_every_field_has_its_flag(flags: str, wanted: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["generate", *flags.split(), "--json"]) == 0
    request = Request.from_json(capsys.readouterr().out)
    assert {name: getattr(request, name) for name in wanted} == wanted


def test_flags_put_aside_what_a_request_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = Request(sampler="heun", churn=3.0, clip=1.0, noise_interval=(1, 2), sigmas=(3.0, 1.0))
    (tmp_path / "a.json").write_text(request.to_json(), encoding="utf-8")
    flags = ["--clip", "none", "--noise-interval", "none", "--sigmas", "none", "--spacing", "trailing", "--churn", "0"]
    assert cli.main(["generate", "--request", str(tmp_path / "a.json"), *flags, "--json"]) == 0
    assert Request.from_json(capsys.readouterr().out) == Request(sampler="heun", steps=2, spacing="trailing")


def test_help_tells_the_defaults(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    assert cli.main(["generate", "--help"]) == 0
    entries = capsys.readouterr().out.split("\n  --")[1:]
    lines = {f"--{entry.split()[0]}": entry.split("\n\n")[0].rstrip() for entry in entries}
    for name in OPTIONS:
        assert lines[f"--{name.replace('_', '-')}"].endswith("Default: the sampler’s own.")
    assert lines["--steps"].endswith("Default: 20.")
    assert lines["--guide"].endswith("Default: none.")
    assert {f"--{name.replace('_', '-')}" for name in FIELDS if name != "start"} <= lines.keys()


@pytest.mark.parametrize(
    ("flags", "steps"),
    [(["--sampler", "annealed_langevin", "--langevin-steps", "2"], 9), (["--sigmas", "5", "1"], 2), ([], 4)],
)
def test_progress_counts_the_steps_that_are_walked(
    flags: list[str], steps: int, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    totals = []

    def bar(steps: Iterable[Step], total: int, **_: object) -> list[Step]:
        walked = list(steps)
        totals.append((total, len(walked)))
        return walked

    monkeypatch.setattr("tqdm.tqdm", bar)
    assert generate(tmp_path / "a.png", *flags) == 0
    assert totals == [(steps, steps)]


def test_flags_default_to_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["generate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == Request().to_dict()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--steps", "0"], "steps must be a whole number from 1 to 1000, not 0."),
        (["--steps", "many"], "steps must be a whole number from 1 to 1000, not 'many'."),
        (["--steps", ""], "steps must be a whole number from 1 to 1000, not ''."),
        (["--lam", "-1"], "lam must be a number from 0 to 100, not -1.0."),
        (["--lam", "nan"], "lam must be a number from 0 to 100, not nan."),
        (["--sampler", "alien"], f"sampler must be one of {', '.join(catalog.SAMPLERS)}, not 'alien'."),
        (["--order", "3"], "order must be one of 1, 2, 5, not 3."),
        (["--sampler", "heun", "--order", "1"], "order must be 2 with the sampler heun, not 1."),
        (["--sampler", "heun", "--lam", "1"], "lam must be 0 with the sampler heun, not 1.0."),
        (["--tolerance", "0.01"], "tolerance must be none with the sampler bridge, not 0.01."),
        (["--sampler", "rk45", "--tolerance", "1"], "tolerance must be a number from 1e-08 to 0.1, not 1.0."),
        (["--noise", "none"], "noise must be one of step, path, not 'none'."),
        (["--sigmas", "1", "2"], f"sigmas must be {FIELDS['sigmas'].allowed}, not (1.0, 2.0)."),
        (["--sigmas", "1", "x"], f"sigmas must be {FIELDS['sigmas'].allowed}, not ['1', 'x']."),
        (["--noise-interval", "1"], f"noise_interval must be {FIELDS['noise_interval'].allowed}, not (1.0,)."),
        (["--spacing", "explicit"], f"sigmas must be {FIELDS['sigmas'].allowed}, with the spacing explicit."),
        (["--columns", "0"], "columns must be a whole number from 1 to 1024, or none, not 0."),
    ],
)
def test_value_out_of_range(flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["generate", *flags]) == 2
    assert capsys.readouterr().err == f"scorescope generate: {sentence}\n"


def test_class_that_is_not_there(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(tmp_path / "a.png", "--condition", "7") == 2
    assert "condition must be a class from 0 to 2, or none, not 7." in capsys.readouterr().err


def test_model_that_is_not_there(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(tmp_path / "a.png", "--model", "faces") == 2
    assert "'faces'" in capsys.readouterr().err


def test_damaged_weights(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (models / "tiny.safetensors").write_bytes(b"nothing")
    assert generate(tmp_path / "a.png") == 1
    assert "tiny.safetensors is not a readable safetensors file" in capsys.readouterr().err
    assert not (tmp_path / "a.png").exists()


def test_picture_that_cannot_be_written(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(tmp_path / "nowhere" / "a.png") == 1
    assert f"there is no folder {tmp_path / 'nowhere'}." in capsys.readouterr().err
    assert generate(tmp_path) == 1
    assert "it is a folder." in capsys.readouterr().err
    assert generate(tmp_path / ("a" * 300)) == 1
    assert "File name too long." in capsys.readouterr().err
    for command in (["generate", "--out"], ["evaluate", "tiny", "--sheet"]):
        assert cli.main([*command, str(tmp_path / "a.JPG")]) == 1
        assert "a.JPG cannot be written: pictures are PNG, whose names end in .png." in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_what_is_no_ordinary_file_stays(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture is put in its place whole: in that of /dev/null it would end every program of the machine."""
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    sweep = ["sweep", "--over", "steps=1", "--out", str(tmp_path / "sweep")]
    train = ["train", "digits", "--steps", "1", "--restart", "--out", str(tmp_path / "out")]
    for command, flag in (
        (["generate"], "--out"),
        (["evaluate", "tiny"], "--sheet"),
        (sweep, "--csv"),
        (train, "--checkpoint"),
    ):
        assert cli.main([*command, flag, str(pipe)]) == 1
        assert f"{pipe} cannot be written: it is no ordinary file." in capsys.readouterr().err
    assert pipe.is_fifo()


@pytest.mark.parametrize(("content", "status"), [(None, 1), (b"", 1), (b"\x89PNG\r\n", 1), (b"[1]", 1), (b"{", 1)])
def test_request_that_cannot_be_read(
    content: bytes | None, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "r").write_bytes(content)
    assert cli.main(["generate", "--request", str(tmp_path / "r")]) == status
    error = capsys.readouterr().err
    assert error.startswith("scorescope generate: ")
    assert error.count("\n") == 1


# --- the others ------------------------------------------------------------------------------------------------------


def test_models_are_listed(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured = msgspec.structs.replace(TINY, parameters=1234, measured={"frechet_lam0": 4.56})
    (models / "tiny.json").write_bytes(msgspec.json.encode(measured))
    assert cli.main(["models"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "title", "kind", "classes", "shape", "parameters", "measured"]
    row = next(row for row in rows if row.startswith("tiny "))
    assert row.split() == ["tiny", "Tiny", "denoiser", "3", *"1×8×8", "1,234", "Fréchet", "distance", "4.56"]


def test_evaluation_is_written_to_the_card(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.measures.evaluation.evaluate", lambda name, progress, sheet: {"ms_batch1_fp32": 1.25})
    assert cli.main(["evaluate", "tiny"]) == 0
    assert "ms_batch1_fp32  1.25" in capsys.readouterr().out
    assert msgspec.json.decode((models / "tiny.json").read_bytes(), type=Card) == TINY
    assert cli.main(["evaluate", "tiny", "--write"]) == 0
    card = msgspec.json.decode((models / "tiny.json").read_bytes(), type=Card)
    assert card == msgspec.structs.replace(TINY, measured={"ms_batch1_fp32": 1.25})


def test_model_that_cannot_be_evaluated(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "faces"]) == 2
    assert capsys.readouterr().err.startswith("scorescope evaluate: ")


def test_points_cannot_be_evaluated(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "moons"]) == 2
    assert capsys.readouterr().err.startswith("scorescope evaluate: model must be one of ")


@pytest.mark.skipif(sys.platform == "win32", reason="as Linux and macOS have pipes")
@pytest.mark.parametrize("command", [["models"], ["generate", "--json"]])
def test_a_reader_that_has_enough_is_no_error(command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    child = subprocess.run(
        [sys.executable, "-m", "engine", *command], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, timeout=180
    )
    os.close(writing)
    assert (child.returncode, child.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_one_sentence() -> None:
    with Path("/dev/full").open("wb") as full:
        child = subprocess.run(
            [sys.executable, "-m", "engine", "models"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=180
        )
    assert (child.returncode, child.stderr) == (1, b"scorescope models: the output: No space left on device.\n")


def test_a_bench_that_is_stopped_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stopped(argv: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.bench.times.main", stopped)
    assert cli.main(["bench"]) == 130
    assert capsys.readouterr().err == "scorescope bench: stopped.\n"


def test_unknown_flag_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["generate", "--stepz", "3"]) == 2
    assert "--stepz" in capsys.readouterr().err
    assert cli.main(["paint"]) == 2
    capsys.readouterr()
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n    {command} " in shown for command in cli.COMMANDS)
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("scorescope ")


@pytest.mark.parametrize(
    "command", [["generate", "--seed=--"], ["evaluate", "digits", "--sheet=--"], ["bench", "--x=--"]]
)
def test_two_dashes_are_no_value(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(command) == 2
    assert capsys.readouterr().err == f"scorescope: {command[-1][:-3]} needs a value, not --.\n"
    assert cli.main(["generate", "--json", "--out=a=--"]) == 0, "a name like any other"


def test_threads_are_told_to_sleep_early_before_torch_is_there() -> None:
    """What the user has set stays."""
    code = "import os; from engine import cli; cli.main([]); print(*map(os.environ.get, names))"
    names = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"]
    rest = {name: value for name, value in os.environ.items() if name not in names}
    for given, wanted in (
        ({}, "PASSIVE 3000"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
        ({"GOMP_SPINCOUNT": "7"}, "PASSIVE 7"),
    ):
        command = [sys.executable, "-c", f"names = {names}; {code}"]
        told = subprocess.run(command, env=rest | given, capture_output=True, text=True, check=True)
        assert told.stdout.split() == wanted.split()


def test_wrong_flag_is_answered_without_torch() -> None:
    code = "import sys; from engine import cli; print(cli.main(['generate', '--steps', '0']), 'torch' in sys.modules)"
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=180
    )
    assert child.stdout == "2 False\n"


def test_runs_as_a_module(tmp_path: Path) -> None:
    environment = {**os.environ, "SCORESCOPE_MODELS": str(tmp_path)}
    command = [sys.executable, "-m", "engine", "generate", "--json", "--condition", "7"]
    child = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=180)
    assert Request.from_json(child.stdout) == Request(condition=7)


@pytest.mark.usefixtures("tiny")
def test_points_are_no_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A distribution of the lab is a model too, but nothing for a sheet of images."""
    assert cli.main(["generate", "--model", "moons", "--out", str(tmp_path / "moons.png")]) == 2
    assert "model must make images here, not points, as moons does." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
