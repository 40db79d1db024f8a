"""The judge of captions: what it is trained on, how ranks are counted, and what is reported."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from conftest import random_network
from PIL import Image
from torch import nn

from engine.captions import Vocabulary
from engine.data import emoji
from engine.data.emoji_batches import EmojiBatches
from engine.measures import caption_judges, evaluation, judges
from engine.models.checkpoint import save_model
from engine.models.registry import build, load_retrieval
from engine.models.retrieval import Retrieval
from engine.noise import generator
from engine.training import recipes
from engine.training.contrastive import Contrastive, changed
from engine.training.loop import Training

JUDGE = recipes.RECIPES["emoji-retrieval"].card


class Given(Retrieval):
    """Scores as they are given."""

    def __init__(self, scores: list[list[float]]) -> None:
        nn.Module.__init__(self)
        self.scores = torch.tensor(scores)

    def forward(self, images: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        return self.scores


def test_the_rank_is_the_number_of_names_that_fit_better() -> None:
    judge = Given([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [0.0, 2.0, 2.0]])
    ranks = caption_judges.ranked(judge, Vocabulary(["a"]), torch.zeros(3, 3, 8, 8), ["a", "a", "a"], ["a", "a", "a"])
    assert ranks.tolist() == [0, 2, 0]


def test_images_are_judged_by_their_own_caption_of_several() -> None:
    """The pictures of the data agree with their names, in turn; with the names of others they do not."""
    known, card = emoji.names().emoji, recipes.RECIPES["emoji"].card
    wanted = ["red heart", "pizza", "rocket"]
    numbers = [next(n for n, entry in enumerate(known) if entry.name == name) for name in wanted]
    images = np.tile(emoji.load()[numbers], (2, 1, 1, 1))
    assert judges.judged("emoji", " | ".join(wanted), images) == 1.0
    assert judges.judged("emoji", "pizza | pizza | rocket", images) == pytest.approx(2 / 3)
    assert judges.judged("emoji", "pizza | rocket", images) == pytest.approx(1 / 3)
    assert judges.judged("emoji", None, images) is None
    assert judges.judged("emoji", "red heart | blorf | rocket", images) == 1.0, "what is not known is not judged"
    assert judges.judged("emoji", " | blorf", images) is None
    other = msgspec.structs.replace(card, words="red heart")
    assert caption_judges.agreement(other, "red heart", images) is None


def test_the_loss_of_pairs_that_fit_and_of_pairs_that_do_not() -> None:
    """Logits of 50 on the diagonal cost nothing; equal ones log B, whatever they are."""

    class Logits(nn.Module):
        def __init__(self, scale: float) -> None:
            super().__init__()
            self.scale = scale

        def forward(self, images: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
            return self.scale * torch.eye(len(images)) + 7.0

    for scale, expected in ((50.0, 0.0), (0.0, np.log(32))):
        assert float(Contrastive(Logits(scale), EmojiBatches(32)).loss(0, 0)) == pytest.approx(expected, abs=1e-6)


def test_words_that_pad_count_for_nothing_and_vectors_have_length_one() -> None:
    network = random_network(JUDGE)
    assert isinstance(network, Retrieval)
    short, images = torch.tensor([[5, 7, 0, 0]]), torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(network.captions(short), network.captions(torch.tensor([[7, 5, 0, 0]])))
    network.word.weight.data[0] = torch.arange(128.0)
    torch.testing.assert_close(network.captions(short), network.captions(torch.tensor([[5, 7]])))
    torch.testing.assert_close(network.pictures(images).norm(dim=1), torch.ones(2))
    torch.testing.assert_close(network.captions(short).norm(dim=1), torch.ones(1))


def test_changes_are_keyed_small_and_leave_white_white() -> None:
    images = torch.from_numpy(emoji.load()[:64].copy()).float() / 127.5 - 1.0
    once, again = (changed(images, generator(0, 0)) for _ in range(2))
    assert torch.equal(once, again)
    assert once.abs().max() <= 1.0
    assert 0.1 < float((once - images).square().mean().sqrt()) < 0.6
    white = changed(torch.ones(64, 3, 32, 32), generator(0, 0))
    assert float(white.mean()) > 0.9
    black = changed(-torch.ones(64, 3, 32, 32), generator(0, 0))
    assert float(black[..., 12:20, 12:20].mean()) < -0.75  # dimmed and lit by 0.15 at most, of a range of 2
    assert float(black[..., 0, 0].mean()) > 0.0  # white comes in at the corners of what is turned or shrunk


def test_the_judge_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    card = msgspec.structs.replace(JUDGE, architecture={"words": len(emoji.vocabulary()), "width": 8, "features": 32})
    training = Training(Contrastive(build(card), EmojiBatches(16)), 0, tmp_path / "any", peak_rate=0.02)
    losses = [progress.loss for progress in training.run(steps=60)]
    assert losses[0] > 2.0  # log 16 is 2.8
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


def test_a_model_of_emoji_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained network's samples: all figures are there, its names are not found, and it repeats no picture."""
    tiny = {"words": len(emoji.vocabulary()), "widths": [16, 32], "embedding": 32, "word_width": 32}
    card = msgspec.structs.replace(recipes.RECIPES["emoji"].card, name="untrained", architecture=tiny)
    save_model(tmp_path, build(card).state_dict(), card)
    save_model(tmp_path, random_network(JUDGE).state_dict(), JUDGE)
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    monkeypatch.setattr(caption_judges, "PROMPTS", 20)
    monkeypatch.setattr(evaluation, "STEPS", 2)
    figures = evaluation.evaluate("untrained", lambda report: None, tmp_path / "sheet.png")
    assert figures["prompts"] == 20.0
    assert 0.0 <= figures["top1_w3"] <= figures["top5_w3"] <= 0.75  # chance is a quarter: false alarm below 1e-5
    assert figures["top1_pictures"] <= figures["top5_pictures"]
    assert figures["nearest_samples"] > 0.1
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.mode == "RGB"
        assert sheet.size == (16 * 66 - 2, 3 * 66 - 2)
    of_judge = evaluation.evaluate(JUDGE.name, lambda report: None)
    assert of_judge["pictures"] == 1900.0
    assert 0.0 <= of_judge["top1"] <= of_judge["top5"] < 0.6


def test_the_judge_and_its_words_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(tmp_path, random_network(JUDGE).state_dict(), JUDGE)
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    network, vocabulary = load_retrieval(JUDGE.name)
    assert vocabulary.words == emoji.vocabulary().words
    assert not network.training
