"""Several processes train as one: gloo on the CPU, started by torchrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.models.checkpoint import ModelError, load_tensors
from engine.training import folder_recipe
from engine.training.loop import Training
from engine.training.objectives import Classification, Denoising, Images
from engine.training.team import Team

ROOT = Path(__file__).resolve().parents[2]
STEPS = 3

TWO = f"""
import json, os, sys
from pathlib import Path
import torch
from torch import distributed
from engine.training import folder_recipe
from engine.training.loop import Training
torch.set_num_threads(1)
folder, out = map(Path, sys.argv[1:])
recipe, _ = folder_recipe.of(folder, 8, False)
training = Training(recipe.begin(0), 0, out / f"checkpoint-{{os.environ['RANK']}}", recipe.about)
losses = [progress.loss for progress in training.run(steps={STEPS})]
(out / f"losses-{{training.team.rank}}.json").write_text(json.dumps(losses))
distributed.destroy_process_group()
"""


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A folder of 200 pictures of noise, in two classes."""
    draw = np.random.default_rng(0)
    for number in range(200):
        path = tmp_path / "noise" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    return tmp_path / "noise"


def torchrun(folder: Path, *command: str) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command]
    done = subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def test_two_processes_are_one_with_the_double_batch(noise: Path, tmp_path: Path) -> None:
    """The same losses to 1e-5, and the same weights but for rounding; the first process alone writes."""
    (tmp_path / "two.py").write_text(TWO)
    torchrun(tmp_path, str(tmp_path / "two.py"), str(noise), str(tmp_path))
    recipe, _ = folder_recipe.of(noise, 8, False)
    objective = recipe.begin(0)
    objective.data.size *= 2
    alone = Training(objective, 0, tmp_path / "alone", recipe.about)
    expected = [progress.loss for progress in alone.run(steps=STEPS)]
    for rank in range(2):
        assert json.loads((tmp_path / f"losses-{rank}.json").read_text()) == pytest.approx(expected, abs=1e-5)
    (ours, state), (theirs, their_state) = load_tensors(tmp_path / "checkpoint-0"), load_tensors(tmp_path / "alone")
    assert not (tmp_path / "checkpoint-1").exists()
    assert state["size"] == their_state["size"] == 128
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        if name.startswith("average."):  # Adam's first steps are signs of gradients: where they are 0, of rounding
            assert float((ours[name] - tensor).abs().mean()) < 1e-6


@pytest.mark.parametrize(("rank", "rows"), [(0, slice(0, 64)), (1, slice(64, 128))])
def test_the_parts_of_a_batch_are_the_batch(rank: int, rows: slice, noise: Path) -> None:
    """Process r has rows r · B to (r + 1) · B of the images, the levels, the noise and the labels of the whole."""
    recipe, _ = folder_recipe.of(noise, 8, False)
    objective = recipe.begin(0)
    assert isinstance(objective, Denoising)
    asked: list[tuple[torch.Tensor, ...]] = []

    class Witness(torch.nn.Module):
        def forward(self, *rows: torch.Tensor) -> torch.Tensor:
            asked.append(rows)
            return torch.zeros_like(rows[0])

    objective.network, objective.data.size = Witness(), 128
    objective.loss(0, 0)
    objective.part = rows
    objective.loss(0, 0)
    whole, part = asked
    assert all(torch.equal(tensor[rows], ours) for tensor, ours in zip(whole, part, strict=True))
    assert len(part[0]) == 64


def test_a_loss_over_whole_batches_is_for_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    images = Images(np.zeros((128, 8, 8), np.uint8), np.zeros(128, np.uint8))
    objective = Classification(torch.nn.Linear(1, 1), images)
    assert Team(objective).count == 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ModelError, match="one process"):
        Team(objective)


def test_a_checkpoint_of_another_size_of_batch(noise: Path, tmp_path: Path) -> None:
    recipe, _ = folder_recipe.of(noise, 8, False)
    list(Training(recipe.begin(0), 0, tmp_path / "any", recipe.about).run(steps=1))
    objective = recipe.begin(0)
    objective.data.size = 128
    with pytest.raises(ModelError, match="batches of 64, not 128"):
        Training(objective, 0, tmp_path / "any", recipe.about).resume()
