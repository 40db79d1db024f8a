"""`scorescope train`: stopping, resuming, and what is left on disk."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from engine import cli
from engine.catalog import Card
from engine.models import parameterization
from engine.models.checkpoint import load_tensors, save_tensors
from engine.models.registry import _load, build
from engine.training import recipes
from engine.training.objectives import Denoising, Images, Objective

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


def tiny_objective(card: Card) -> Objective:
    """A denoiser that learns 256 images of noise."""
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 256, (256, 8, 8), np.uint8), draw.integers(0, 3, 256, np.uint8)
    return Denoising(build(card), parameterization.edm(card.sigma_data), Images(images, labels), classes=3)


@pytest.fixture
def tiny_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """`scorescope train tiny` takes moments."""
    monkeypatch.setitem(recipes.RECIPES, "tiny", recipes.Recipe(TINY, tiny_objective))


def train(folder: Path, *flags: str) -> int:
    return cli.main(["train", "tiny", "--checkpoint", str(folder / "tiny.ckpt"), "--out", str(folder / "out"), *flags])


def weights_and_state(folder: Path) -> tuple[dict[str, torch.Tensor], int]:
    tensors, state = load_tensors(folder / "tiny.ckpt")
    return tensors, state["step"]


@pytest.mark.usefixtures("tiny_recipe")
def test_resumed_training_is_the_straight_one(tmp_path: Path) -> None:
    assert train(tmp_path / "straight", "--steps", "6", "--seed", "5") == 0
    assert train(tmp_path / "resumed", "--steps", "3", "--seed", "5") == 0
    assert train(tmp_path / "resumed", "--steps", "6", "--resume") == 0  # the seed is the checkpoint's

    (straight, steps), (resumed, _) = weights_and_state(tmp_path / "straight"), weights_and_state(tmp_path / "resumed")
    assert steps == 6
    assert straight.keys() == resumed.keys()
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
    models = [load_tensors(tmp_path / kind / "out" / "tiny.safetensors")[0] for kind in ("straight", "resumed")]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


@pytest.mark.usefixtures("tiny_recipe")
def test_trained_model_generates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path / "out"))
    _load.cache_clear()
    (tmp_path / "out").mkdir()
    old = msgspec.structs.replace(TINY, measured={"agreement": 1.0})
    (tmp_path / "out" / "tiny.json").write_bytes(msgspec.json.encode(old))
    assert train(tmp_path, "--steps", "2", "--seed", "5") == 0
    card = msgspec.json.decode((tmp_path / "out" / "tiny.json").read_bytes(), type=Card)
    assert (card.seed, card.steps, card.images, card.measured) == (5, 2, 256, {})
    assert card.command == "scorescope train tiny --steps 2 --seed 5"
    assert card.parameters == sum(p.numel() for p in build(TINY).parameters())
    picture = tmp_path / "a.png"
    assert cli.main(["generate", "--model", "tiny", "--steps", "2", "--out", str(picture)]) == 0
    assert picture.stat().st_size


@pytest.mark.usefixtures("tiny_recipe")
def test_checkpoint_is_not_overwritten_by_accident(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "--steps", "1") == 0
    before = (tmp_path / "tiny.ckpt").read_bytes()
    assert train(tmp_path, "--steps", "2") == 1
    error = capsys.readouterr().err
    assert "--resume" in error
    assert "--restart" in error
    assert (tmp_path / "tiny.ckpt").read_bytes() == before
    assert train(tmp_path, "--steps", "2", "--seed", "9", "--restart") == 0
    assert load_tensors(tmp_path / "tiny.ckpt")[1]["seed"] == 9


@pytest.mark.usefixtures("tiny_recipe")
@pytest.mark.parametrize(
    "state", [{}, {"seed": "x"}, {"seed": None}, {"seed": math.inf}, {"seed": 2**70}, {"seed": -1}, []], ids=str
)
def test_what_has_no_seed_is_no_checkpoint(state: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_tensors(tmp_path / "tiny.ckpt", {"a": torch.zeros(3)}, state)
    assert train(tmp_path, "--steps", "2", "--resume") == 1
    assert "is not a checkpoint of a training" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny_recipe")
def test_a_full_disk_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """safetensors has an error of its own, which is no OSError."""

    def full(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("engine.models.checkpoint.save_file", full)
    assert train(tmp_path, "--steps", "1") == 1
    assert "cannot be written: I/O error: No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        ([], 2, "either --minutes or --steps"),
        (["--minutes", "1", "--steps", "1"], 2, "either --minutes or --steps"),
        (["--steps", "0"], 2, "steps must be a whole number from 1"),
        (["--minutes", "soon"], 2, "minutes must be a number from 0.01"),
        (["--steps", "1", "--resume"], 1, "tiny.ckpt is missing."),
    ],
)
@pytest.mark.usefixtures("tiny_recipe")
def test_training_that_is_refused(
    flags: list[str], status: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, *flags) == status
    assert words in capsys.readouterr().err


@pytest.mark.usefixtures("tiny_recipe")
def test_a_checkpoint_of_another_seed_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "--steps", "1", "--seed", "5") == 0
    assert train(tmp_path, "--steps", "2", "--seed", "6", "--resume") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"scorescope train: {tmp_path / 'tiny.ckpt'} was trained with seed 5, not 6."


def test_recipe_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "--steps", "1") == 1
    said = capsys.readouterr().err
    assert said.startswith("scorescope train: what can be trained is digits")
    assert said.endswith(", not tiny.\n")
    assert all(name in said for name in recipes.RECIPES)


CHILD = """
import sys
sys.path[:0] = [{root!r}, {here!r}]
import torch
torch.set_num_threads(1)  # as in this process: sums are taken in an order that depends on it
import test_cli_train as tests
from engine import cli
from engine.training import recipes
recipes.RECIPES["tiny"] = recipes.Recipe(tests.TINY, tests.tiny_objective)
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.usefixtures("tiny_recipe")
def test_terminated_training_resumes(tmp_path: Path) -> None:
    code = CHILD.format(root=str(ROOT), here=str(Path(__file__).parent))
    command = [sys.executable, "-c", code, "train", "tiny", "--steps", "1000000", "--seed", "5"]
    places = ["--checkpoint", str(tmp_path / "tiny.ckpt"), "--out", str(tmp_path / "out")]
    child = subprocess.Popen([*command, *places], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stderr is not None
        assert child.stderr.readline().startswith("step 1,")
        child.send_signal(signal.SIGTERM)
        output, _ = child.communicate(timeout=180)
    finally:
        child.kill()
    assert child.returncode == 128 + signal.SIGTERM
    assert "--resume" in output
    _, steps = weights_and_state(tmp_path)
    assert f"Stopped after step {steps:,};" in output
    assert not (tmp_path / "out" / "tiny.safetensors").exists()

    assert train(tmp_path, "--steps", str(steps + 2), "--resume") == 0
    assert train(tmp_path / "straight", "--steps", str(steps + 2), "--seed", "5") == 0
    resumed, straight = weights_and_state(tmp_path)[0], weights_and_state(tmp_path / "straight")[0]
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
