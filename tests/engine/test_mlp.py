"""The network of the lab, and the file in which it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

import engine
from engine import models
from engine.models import mlp
from engine.models.checkpoint import ModelError, save_tensors
from engine.models.mlp import MLP
from engine.request import Request
from engine.schedules import Level

CARD = mlp.Card("moons", 16, 0, 2, 0.6, 1, 0.0)


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    mlp.load.cache_clear()


def network(seed: int = 0) -> MLP:
    """With every parameter random: none of its layers is zero."""
    draws = torch.Generator().manual_seed(seed)
    made = MLP(16, 2).requires_grad_(False)
    for parameter in made.parameters():
        parameter.copy_(0.3 * torch.randn(parameter.shape, generator=draws))
    return made


def tensors(made: MLP) -> dict[str, Tensor]:
    """A training whose averaged weights are these."""
    weights = made.state_dict()
    whole = {f"{part}.{name}": torch.zeros_like(tensor) for part in mlp.PARTS for name, tensor in weights.items()}
    steps = {f"step.{name}": torch.tensor(1.0) for name in weights}
    return whole | steps | {f"average.{name}": tensor for name, tensor in weights.items()}


def test_a_cloud_is_its_points() -> None:
    """F of [B, n, d] is F of every point with the label and the class of its row."""
    made = network()
    x = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(1))
    noise, classes = torch.tensor([-1.0, 0.0, 0.5]), torch.tensor([0, 1, 2])
    f = made(x, noise, classes)
    for row in range(3):
        alone = torch.cat([made(point[None], noise[row, None], classes[row, None]) for point in x[row]])
        torch.testing.assert_close(f[row], alone)
    assert not torch.allclose(f[0], made(x, noise, classes.flip(0))[0]), "the class matters"
    assert not torch.allclose(f[0], made(x, noise.flip(0), classes)[0]), "and so does the noise"


def test_untrained_it_predicts_nothing() -> None:
    """F = 0, so that D is the best linear guess for data of this size, and training starts from there."""
    assert float(MLP()(torch.ones(4, 2), torch.zeros(4), torch.zeros(4, dtype=torch.long)).detach().abs().max()) == 0.0


def test_what_is_kept_is_found_by_its_name() -> None:
    made = network()
    name = mlp.save(tensors(made), CARD)
    assert name == mlp.save(tensors(made), CARD), "fixed by its tensors"
    assert name != mlp.save(tensors(network(1)), CARD)
    learned = models.load(name)
    assert isinstance(learned, mlp.Learned)
    assert (learned.of, learned.classes, learned.shape) == ("moons", 2, (2,))
    level = Level(0.5, 0.8, 0.6)
    x = torch.randn(1, 4, 2, generator=torch.Generator().manual_seed(2))
    sigma, scaled = 0.75, x / 0.8
    total = (sigma**2 + 0.6**2) ** 0.5
    f = made(scaled / total, torch.tensor([sigma]).log() / 4, torch.tensor([2]))
    torch.testing.assert_close(learned(x, level), 0.36 / total**2 * scaled + sigma * 0.6 / total * f)
    *_, last = engine.run(Request(model=name, condition=1, guidance=2.0, particles=30, steps=4, count=1))
    assert last.x_next.shape == (1, 30, 2)


def test_it_guides_an_exact_model() -> None:
    """Autoguidance with a worse model, in the plane: clouds of the same shape."""
    name = mlp.save(tensors(network()), CARD)
    request = Request(model="moons", guide=name, guidance=1.5, particles=20, steps=3, count=2)
    *_, last = engine.run(request)
    assert last.x_next.shape == (2, 20, 2)


@pytest.mark.parametrize(
    "name", ["learned-", "learned-0123", "learned-../../../etc", "learned-ABCDEF012345", "learned-000000000000"]
)
def test_what_was_not_kept_is_not_found(name: str) -> None:
    with pytest.raises(ModelError):
        models.load(name)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 32},
        {"width": "wide"},
        {"classes": 3},
        {"sigma_data": None},
        {"model": 7},
        {"width": -1},
        {"width": 10**9},
        {"step": 0},
        {"more": 1},
    ],
)
def test_a_file_of_something_else_is_refused(change: dict[str, Any]) -> None:
    """One sentence, whatever is in it."""
    name = mlp.save(tensors(network()), CARD)
    save_tensors(mlp.path(name), tensors(network()), {**msgspec.to_builtins(CARD), **change})
    with pytest.raises(ModelError, match="does not hold a network of the lab"):
        models.load(name)


def test_a_damaged_file_is_refused() -> None:
    name = mlp.save(tensors(network()), CARD)
    mlp.path(name).write_bytes(mlp.path(name).read_bytes()[:100])
    with pytest.raises(ModelError, match="not a readable safetensors file"):
        models.load(name)
    broken = {**tensors(network()), "average.out.bias": torch.tensor([0.0, float("nan")])}
    with pytest.raises(ModelError, match=r"its average\.out\.bias is not of finite float32"):
        models.load(mlp.save(broken, CARD))
