"""A tiny random model on disk, found by its name as any other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from engine.catalog import Card
from engine.models.checkpoint import save_model
from engine.models.registry import build

# the same examples every time, and no clock: a busy machine is no failure
settings.register_profile(
    "steady", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

TINY = Card(
    name="tiny",
    title="Tiny",
    summary="A random network of the tests.",
    kind="denoiser",
    shape=(1, 8, 8),
    classes=("a", "b", "c"),
    architecture={"channels": 1, "classes": 3, "widths": [16, 32], "embedding": 32},
    data="none",
    licence="none",
    command="none",
    seed=0,
    steps=0,
    images=0,
    minutes=0.0,
    parameters=0,
    sigma_data=0.5,
)


def random_network(card: Card = TINY, seed: int = 0) -> torch.nn.Module:
    """The network of a card, with every parameter random: none of its layers is zero, so everything matters."""
    network = build(card).eval().requires_grad_(False)
    draws = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        fan_in = max(parameter[0].numel(), 1) if parameter.ndim > 1 else 25
        parameter.copy_(torch.randn(parameter.shape, generator=draws) / fan_in**0.5)
    return network


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Networks this small lose by more threads; on a busy machine they lose a factor of ten."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model `tiny`."""
    folder = tmp_path_factory.mktemp("models")
    save_model(folder, random_network().state_dict(), TINY)
    return folder


@pytest.fixture
def tiny(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a tiny random model that `engine.run` finds, on the CPU."""
    monkeypatch.setenv("SCORESCOPE_MODELS", str(model_folder))
    monkeypatch.setenv("SCORESCOPE_DEVICE", "cpu")
    return TINY.name
