"""The emoji that ship, the batches made of them, and how a model of captions is asked."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from conftest import random_network

from engine.captions import TOKENS, words
from engine.catalog import Card
from engine.cli import main
from engine.data import emoji
from engine.data.emoji_batches import EmojiBatches, caption, subject
from engine.fields import RequestError
from engine.guidance import guided
from engine.models import ModelError, load
from engine.models.checkpoint import save_card, save_model
from engine.models.denoiser import CaptionDenoiser
from engine.models.registry import build
from engine.models.text_unet import TextUNet
from engine.noise import KeyedNoise, generator
from engine.request import Request
from engine.runs import run
from engine.training import recipes
from engine.training.loop import Training
from engine.training.objectives import Denoising

CARD = msgspec.structs.replace(
    recipes.RECIPES["emoji"].card,
    name="tiny-emoji",
    shape=(3, 16, 16),
    words="red heart smiling cat pizza",
    architecture={"words": 5, "widths": [16, 32], "embedding": 32, "word_width": 32},
)
KNOWN = emoji.vocabulary()


@pytest.fixture
def captioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a tiny random model of captions."""
    save_model(tmp_path, random_network(CARD).state_dict(), CARD)
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    monkeypatch.setenv("SCORESCOPE_DEVICE", "cpu")
    return CARD.name


# the data


def test_every_picture_has_a_name_and_every_word_of_a_name_is_known() -> None:
    known = emoji.names().emoji
    assert emoji.load().shape == (len(known), *emoji.SHAPE) == (3786, 3, 32, 32)
    assert all(KNOWN.unknown(entry.name) == [] for entry in known)
    assert len({entry.name for entry in known}) == len(known)
    assert [entry.of is None for entry in known].count(True) == 1911
    assert all(known[entry.of].of is None and "skin tone" in entry.name for entry in known if entry.of is not None)
    assert len(set(KNOWN.words)) == len(KNOWN)


def test_pictures_are_where_their_names_are() -> None:
    """By colour: the mean of a flag's or a square's pixels is what its name says."""
    numbers = {entry.name: number for number, entry in enumerate(emoji.names().emoji)}
    middle = {name: emoji.load()[number][:, 12:20, 12:20].mean((1, 2)) for name, number in numbers.items()}
    assert middle["red square"][0] > 2 * middle["red square"][1]
    assert middle["blue square"][2] > 2 * middle["blue square"][0]
    assert middle["black large square"].max() < 100 < 200 < middle["white large square"].min()
    assert middle["flag: Japan"][0] > 2 * middle["flag: Japan"][2]


def test_sigma_data_is_the_standard_deviation() -> None:
    assert (emoji.load() / 127.5).std() == pytest.approx(emoji.SIGMA_DATA, abs=5e-5)


def test_what_has_a_direction_is_not_mirrored() -> None:
    mirrored = [entry for entry in emoji.names().emoji if entry.symmetric]
    assert {entry.group for entry in mirrored} == {"Animals & Nature", "Food & Drink", "Smileys & Emotion"}
    assert len(mirrored) > 300
    assert not any(word in entry.name for entry in mirrored for word in ("right", "left", "facing", "arrow", "button"))


# batches


def test_a_batch_is_keyed_and_does_not_depend_on_those_before() -> None:
    first, again = EmojiBatches(32), EmojiBatches(32)
    first.batch(0, 0)
    images, tokens = first.batch(0, 7)
    assert (images.shape, tokens.shape) == ((32, 3, 32, 32), (32, TOKENS))
    assert all(torch.equal(a, b) for a, b in zip((images, tokens), again.batch(0, 7), strict=True))
    assert not torch.equal(images, again.batch(1, 7)[0])
    assert not torch.equal(images, again.batch(0, 8)[0])


def test_an_epoch_has_every_emoji_once_in_some_tone() -> None:
    batches = EmojiBatches(49)
    assert 1911 % 49 == 0
    seen = [places for step in range(39) for places in generator(0, 0, 0).permutation(1911)[49 * step :][:49]]
    assert sorted(seen) == list(range(1911))
    pictures = {picture.tobytes(): number for number, picture in enumerate(emoji.load())}
    bases = []
    for picture in ((batches.batch(0, 3)[0] + 1.0) * 127.5).round().byte().numpy():
        padded = np.pad(picture, ((0, 0), (1, 1), (1, 1)), constant_values=255)
        moved = [padded[:, 1 + dy : 33 + dy, 1 + dx : 33 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        whole = {pictures.get(view.tobytes()) for image in moved for view in (image, image[..., ::-1].copy())}
        found = whole - {None}
        if found:  # a picture that reaches the edge has lost a row of it by moving
            number = found.pop()
            entry = emoji.names().emoji[number]
            bases.append(number if entry.of is None else entry.of)
    assert len(bases) >= 20
    assert len(set(bases)) >= len(bases) - 2  # a few emoji look alike, as families do


def test_one_in_two_of_those_with_tones_has_one() -> None:
    """Within 5 standard errors (false alarm 6e−7), and every tone as often as another."""
    batches, draw, tones = EmojiBatches(16), np.random.default_rng(0), np.zeros(6)
    waving = next(numbers for numbers in batches._tones if emoji.names().emoji[numbers[0]].name == "waving hand")
    place = batches._tones.index(waving)
    for _ in range(2000):
        tones[waving.index(batches._with_tone(place, draw))] += 1
    assert tones[0] == pytest.approx(1000, abs=5 * (2000 * 0.25) ** 0.5)
    assert tones[1:] == pytest.approx(200, abs=5 * (2000 * 0.1 * 0.9) ** 0.5)


def test_captions_say_what_is_there() -> None:
    """Each is the name, with keywords of its own or without, or keywords alone; a tone is always named."""
    draw, kinds = np.random.default_rng(0), {"name": 0, "more": 0, "keywords": 0}
    for number in range(0, 3786, 3):
        entry, text = emoji.names().emoji[number], caption(number, draw)
        if text.startswith(entry.name):
            kinds["name" if text == entry.name else "more"] += 1
            text = text.removeprefix(entry.name)
        else:
            kinds["keywords"] += 1
            assert entry.of is None
        assert set(words(text)) <= set(words(" ".join([*subject(number).keywords, subject(number).subgroup])))
    share = {kind: count / sum(kinds.values()) for kind, count in kinds.items()}
    assert share["name"] == pytest.approx(0.45, abs=5 * 0.5 / 1262**0.5)  # five standard errors: false alarm 6e−7
    assert 0.04 < share["keywords"] < 0.12  # 0.15, of those without a tone: half of all


# the network


def random_text_unet() -> TextUNet:
    network = random_network(CARD)
    assert isinstance(network, TextUNet)
    return network.double()


def test_a_word_matters_and_padding_does_not() -> None:
    """The same caption with more zeros behind it is the same; another word, another order or none are not."""
    network = random_text_unet()
    x, noise = torch.randn(1, 3, 16, 16, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)

    def f(*tokens: int) -> torch.Tensor:
        return network(x, noise, torch.tensor([[*tokens, *[0] * (TOKENS - len(tokens))]]))

    base = f(1, 2)
    assert torch.equal(base, f(1, 2, 0, 0))
    for other in (f(1, 3), f(2, 1), f(1), f(1, 2, 2), f()):
        assert float((other - base).abs().max()) > 1e-5
    network.label.word.weight.data[0] = 100.0  # what stands for no word is looked at by nothing
    torch.testing.assert_close(f(1, 2), base, rtol=0, atol=1e-12)


def test_rows_are_independent() -> None:
    network = random_text_unet()
    x, noise = torch.randn(3, 3, 16, 16, dtype=torch.float64), torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
    tokens = torch.randint(0, 6, (3, TOKENS))
    together = network(x, noise, tokens)
    for b in range(3):
        alone = network(x[b : b + 1], noise[b : b + 1], tokens[b : b + 1])
        torch.testing.assert_close(together[b : b + 1], alone, rtol=0, atol=1e-10)


def test_the_loss_of_captions_falls(tmp_path: Path) -> None:
    torch.manual_seed(0)
    card = msgspec.structs.replace(
        recipes.RECIPES["emoji"].card,
        architecture={"words": len(KNOWN), "widths": [16, 32], "embedding": 32, "word_width": 32},
    )
    objective = recipes.RECIPES["emoji"].objective(card)
    assert isinstance(objective, Denoising)
    objective.data.size = 16
    losses = [progress.loss for progress in Training(objective, 0, tmp_path / "any", peak_rate=0.1).run(steps=30)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_a_caption_is_dropped_whole() -> None:
    """Where the null caption is drawn, all tokens are 0: one in ten, within 5 standard errors (false alarm 6e−7)."""
    asked: list[torch.Tensor] = []

    class Witness(torch.nn.Module):
        def forward(self, x: torch.Tensor, noise: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
            asked.append(tokens)
            return torch.zeros_like(x)

    objective = recipes.RECIPES["emoji"].objective(CARD)
    assert isinstance(objective, Denoising)
    objective.network = Witness()
    for step in range(20):
        objective.loss(0, step)
        whole = objective.data.batch(0, step)[1]
        kept = asked[-1].any(1)
        assert torch.equal(asked[-1][kept], whole[kept])
    dropped = 1.0 - float(torch.cat(asked).any(1).double().mean())
    assert dropped == pytest.approx(0.1, abs=5 * (0.1 * 0.9 / (20 * 64)) ** 0.5)


# asking for captions


def test_encoding(captioned: str) -> None:
    model = load(captioned)
    assert isinstance(model, CaptionDenoiser)
    rows = model.encode("red heart | smiling blorp", 3)
    assert rows[:, :3].tolist() == [[1, 2, 0], [3, 0, 0], [1, 2, 0]]
    assert model.encode(None, 2).tolist() == [[0] * TOKENS] * 2
    assert model.encode(rows, 3) is rows
    for condition in ("blorp", "|", 7):
        with pytest.raises(ValueError, match="condition must"):
            model.encode(condition, 1)


def test_several_captions_are_each_as_alone(captioned: str) -> None:
    """Sample b of a batch of captions is sample b of a batch of its caption."""
    request = Request(model=captioned, condition="red heart | cat", count=4, steps=3, guidance=3.0, seed=5)
    *_, mixed = run(request)
    for b, text in enumerate(["red heart", "cat"] * 2):
        *_, alone = run(request.replace(condition=text, count=1, seed=5 + b))
        torch.testing.assert_close(mixed.x_next[b : b + 1], alone.x_next, rtol=0, atol=1e-5)


def test_guidance_is_away_from_the_null_caption(captioned: str) -> None:
    model = load(captioned)
    level = model.schedule.level_at_sigma(2.0)
    x = level.std * KeyedNoise(0, 2, model.shape).initial()
    conditional, null = model(x, level, "red heart | cat"), model(x, level, None)
    assert float((conditional - null).abs().max()) > 1e-3
    torch.testing.assert_close(
        guided(model, "red heart | cat", 2, weight=3.0)(x, level), null + 3.0 * (conditional - null), rtol=0, atol=1e-4
    )


def test_a_caption_that_means_nothing_names_its_field(captioned: str) -> None:
    for condition in ("blorp", 3):
        with pytest.raises(RequestError, match="condition must") as refused:
            list(run(Request(model=captioned, condition=condition, steps=1)))
        assert refused.value.field == "condition"


def test_rk45_which_asks_for_single_samples_takes_one_caption() -> None:
    Request(sampler="rk45", condition="red heart")
    with pytest.raises(RequestError, match="one caption"):
        Request(sampler="rk45", condition="red heart | cat")


def test_the_command_names_the_words_that_it_passed_over(
    captioned: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--condition", "red blorp", "--guidance", "3", "--count", "2", "--steps", "2"]
    assert main(["generate", "--model", captioned, *arguments, "--out", str(tmp_path / "a.png")]) == 0
    said = capsys.readouterr()
    assert "tiny-emoji does not know blorp: passed over." in said.err
    assert "2 images" in said.out
    assert main(["generate", "--model", captioned, "--condition", "blorp", "--out", str(tmp_path / "b.png")]) == 2


@pytest.mark.parametrize(
    "change", [{"words": ""}, {"words": "one more word than there is"}, {"network": ""}, {"network": "retrieval"}]
)
def test_a_card_whose_words_are_not_its_networks(change: dict[str, str], captioned: str, tmp_path: Path) -> None:
    save_card(tmp_path, msgspec.structs.replace(CARD, **change))
    with pytest.raises(ModelError, match="no network that can be built"):
        load(captioned)


def test_the_recipe_describes_a_network_of_the_size_that_ships() -> None:
    card: Card = recipes.RECIPES["emoji"].card
    assert card.words.split() == list(KNOWN.words)
    assert sum(p.numel() for p in build(card).parameters()) == 9_098_956
