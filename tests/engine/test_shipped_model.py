"""The models that ship: what their cards say, and what they make. Real weights, fixed seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import binom

from engine import catalog
from engine.catalog import RESOURCES
from engine.cli import main
from engine.data import emoji
from engine.measures import caption_judges, evaluation
from engine.measures.judges import agreement
from engine.models.checkpoint import load_tensors
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
        assert card.measured[f"agreement_w2_lam{lam}"] >= 0.995
        assert card.measured[f"frechet_lam{lam}"] <= 1.5 * card.measured["frechet_floor"]
    assert card.measured["agreement_samples"] == 1000
    judge = catalog.cards("classifier")["digits-classifier"]
    assert judge.measured["accuracy"] >= 0.992


def test_the_card_of_emoji_states_what_was_asked_of_the_model() -> None:
    card = catalog.cards()["emoji"]
    assert card.measured["prompts"] == 200
    assert card.measured["top5_w3"] >= 0.6
    assert card.measured["top5_pictures"] >= 0.99, "the judge knows the pictures themselves"


def test_the_judge_finds_the_captions_of_emoji() -> None:
    """The first 40 of the card's 200 prompts at w = 3: fewer than by its share have a probability below 0.001."""
    card = catalog.cards()["emoji"]
    names = [emoji.names().emoji[number].name for number in caption_judges._prompts()[:40]]
    for_all = []
    for first in range(0, 40, 10):
        some = " | ".join(names[first : first + 10])
        request = Request(model="emoji", condition=some, count=10, seed=first, steps=20, guidance=3.0)
        for_all.append(caption_judges.agreement(card, some, made(request)))
    assert 40 * np.mean(for_all) >= binom.ppf(0.001, 40, card.measured["top5_w3"])


@pytest.mark.parametrize("name", ["digits-classifier", "emoji-retrieval"])
def test_the_figures_of_the_judges_are_measured_again(name: str) -> None:
    """To a picture of 1,000, which rounding on another machine may move."""
    card = catalog.cards("classifier", "retrieval")[name]
    assert evaluation.evaluate(name, lambda report: None) == pytest.approx(card.measured, abs=1e-3)


def test_all_weights_are_small_halves_and_all_cards_are_complete() -> None:
    folder = RESOURCES / "models"
    files = list(folder.glob("*.safetensors"))
    assert sum(path.stat().st_size for path in files) <= 60e6
    for path in files:
        assert {tensor.dtype for tensor in load_tensors(path)[0].values()} == {torch.float16}, path.name
    for kind in ("denoiser", "guide", "classifier", "retrieval"):
        for card in catalog.cards(kind).values():
            assert card.data, card.name
            assert card.licence, card.name
            assert card.dataset, card.name
            if (folder / f"{card.name}.safetensors").exists():
                assert card.command.startswith(f"scorescope train {card.name} --steps {card.steps} --seed"), card.name
                assert min(card.parameters, card.minutes, card.images) > 0, card.name
                assert card.measured, card.name
            if kind == "denoiser":
                assert {f"ms_batch{n}_{p}" for n in (1, 16) for p in ("fp32", "bf16")} <= card.measured.keys(), (
                    card.name
                )
