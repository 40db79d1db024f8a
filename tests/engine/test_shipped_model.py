"""The model that ships: what its card says, and what it makes. Real weights, fixed seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine import catalog
from engine.catalog import RESOURCES
from engine.cli import main
from engine.metrics import agreement
from engine.pictures import pixels
from engine.request import Request
from engine.runs import run

SEVENS = "generate --model digits --condition 7 --count 16 --steps 20 --lam 0 --seed 1"


@pytest.fixture(autouse=True)
def only_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model of the person's own in the way."""
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path / "none"))


def made(request: Request) -> np.ndarray:
    """The images of a request as bytes, [B, C, H, W]."""
    for step in run(request):
        x = step.x_next
    return pixels(x.cpu().numpy()).transpose(0, 3, 1, 2)


def test_the_readme_command_writes_sevens_twice_the_same(tmp_path: Path) -> None:
    sheets = [tmp_path / "one.png", tmp_path / "two.png"]
    for sheet in sheets:
        assert main([*SEVENS.split(), "--out", str(sheet)]) == 0
    assert sheets[0].read_bytes() == sheets[1].read_bytes()
    assert SEVENS in (RESOURCES.parent / "README.md").read_text()
    images = made(Request(condition=7, count=16, steps=20, lam=0.0, seed=1))
    assert agreement(images, np.full(16, 7)) >= 15 / 16


@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_guided_samples_are_what_was_asked_for(lam: float) -> None:
    """100 samples at w = 2. At the card's agreement of 99 %, fewer than 95 have a probability below 0.001."""
    images = [made(Request(condition=digit, count=10, guidance=2.0, lam=lam, seed=100 * digit)) for digit in range(10)]
    assert agreement(np.concatenate(images), np.arange(10).repeat(10)) >= 0.95


def test_the_card_states_what_was_asked_of_the_model() -> None:
    card = catalog.cards()["digits"]
    weights = RESOURCES / "models" / "digits.safetensors"
    assert weights.stat().st_size <= 8e6
    assert card.images > 0
    assert card.minutes > 0
    assert card.loss
    assert card.command.startswith("scorescope train digits")
    for lam in (0, 1):
        assert card.measured[f"agreement_w1_lam{lam}"] >= 0.97
        assert card.measured[f"agreement_w2_lam{lam}"] >= 0.99
    assert card.measured["agreement_samples"] == 1000
    judge = catalog.cards("classifier")["digits-classifier"]
    assert judge.measured["accuracy"] >= 0.992
