"""What `scorescope train` can train: for each name the data, the network, the objective and the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.catalog import Card
from engine.data import digits, emoji
from engine.data.emoji_batches import EmojiBatches
from engine.models import parameterization
from engine.models.checkpoint import ModelError
from engine.models.registry import build
from engine.training.contrastive import Contrastive
from engine.training.objectives import Classification, Denoising, Images, NoisyClassification, Objective

CLASSES = tuple(map(str, range(10)))
MNIST = "MNIST: 60,000 training images of 28 × 28 (LeCun, Cortes, Burges)"
LICENCE = "Weights: MIT. Data: CC BY-SA 3.0."
SHAPES_FROM = 50_592  # the step from which digits are given more noise
EMOJI: dict[str, Any] = {
    "data": "Noto Emoji (Google): 3,786 pictures of 1,911 emoji at 32 × 32; names and keywords: emojibase",
    "licence": "Weights: MIT. Pictures: Apache 2.0 (Noto Emoji). Names and keywords: MIT (emojibase).",
    "dataset": "emoji",
    "shape": emoji.SHAPE,
    "classes": (),
    "words": emoji.names().words,
}


@dataclass(frozen=True)
class Recipe:
    """A card with nothing trained yet, and the objective that its network is trained on."""

    card: Card
    objective: Callable[[Card], Objective]
    about: str = ""  # what the data are, where they are not the program's own
    command: tuple[str, ...] = ()  # after `scorescope train`, where that is not the name
    pictures: NDArray[np.uint8] | None = None  # [N, C, H, W], to be kept beside the model: its nearest are looked for

    def begin(self, seed: int) -> Objective:
        """The objective, its network initialised from the seed."""
        torch.manual_seed(seed)
        return self.objective(self.card)


def _card(name: str, kind: str, title: str, summary: str, **rest: object) -> Card:
    values = {
        "data": MNIST,
        "licence": LICENCE,
        "dataset": "digits",
        "shape": digits.SHAPE,
        "classes": CLASSES,
        "architecture": {},
    }
    return Card(name=name, kind=kind, title=title, summary=summary, **{**values, **rest})  # type: ignore[arg-type]


def _digits(card: Card) -> Objective:
    """The details first; once they are learned, more draws at the levels where the shape of a digit is decided."""
    shape, data = parameterization.edm(card.sigma_data), Images(*digits.load("train"))
    return Denoising(build(card), shape, data, classes=len(card.classes), later=(SHAPES_FROM, 0.0))


def _digits_classifier(card: Card) -> Objective:
    return Classification(build(card), Images(*digits.load("train")))


def _digits_noisy_classifier(card: Card) -> Objective:
    return NoisyClassification(build(card), parameterization.edm(card.sigma_data), Images(*digits.load("train")))


def _emoji(card: Card) -> Objective:
    """Flat shapes larger than a digit's strokes stay visible under more noise: levels are drawn higher."""
    data = EmojiBatches(size=64)
    return Denoising(build(card), parameterization.edm(card.sigma_data), data, classes=0, mean=-0.4, spread=1.3)


def _emoji_retrieval(card: Card) -> Objective:
    return Contrastive(build(card), EmojiBatches(size=256))


RECIPES = {
    "digits": Recipe(
        _card(
            "digits",
            "denoiser",
            "Digits",
            "Handwritten digits, 28 × 28, by class; a small U-Net with EDM preconditioning. "
            f"From step {SHAPES_FROM:,} on it is given more noise, where the loss is higher.",
            sigma_data=digits.SIGMA_DATA,
        ),
        _digits,
    ),
    "digits-weak": Recipe(
        _card(
            "digits-weak",
            "denoiser",
            "Digits, weak",
            "A deliberately worse model of the same digits, smaller and shorter trained: the guide of autoguidance.",
            sigma_data=digits.SIGMA_DATA,
            architecture={"widths": [32, 64], "embedding": 128},
        ),
        _digits,
    ),
    "digits-classifier": Recipe(
        _card("digits-classifier", "classifier", "Digit classifier", "Judges generated digits; not a generator."),
        _digits_classifier,
    ),
    "digits-noisy-classifier": Recipe(
        _card(
            "digits-noisy-classifier",
            "guide",
            "Noisy digit classifier",
            "The class of a digit under any noise: the guide of classifier guidance.",
            sigma_data=digits.SIGMA_DATA,
        ),
        _digits_noisy_classifier,
    ),
    "emoji": Recipe(
        _card(
            "emoji",
            "denoiser",
            "Emoji",
            "Emoji, 32 × 32, from captions: a U-Net that attends to words. Of so few pictures it learns many by heart.",
            **EMOJI,
            network="text-unet",
            architecture={"words": len(emoji.vocabulary())},
            sigma_data=emoji.SIGMA_DATA,
            suggests={"condition": "red heart | grinning cat | Santa Claus | police car", "guidance": 3.0},
        ),
        _emoji,
    ),
    "emoji-retrieval": Recipe(
        _card(
            "emoji-retrieval",
            "retrieval",
            "Emoji retrieval",
            "Finds the caption of a picture: judges generated emoji; not a generator.",
            **EMOJI,
            architecture={"words": len(emoji.vocabulary())},
        ),
        _emoji_retrieval,
    ),
}


def named(name: str) -> Recipe:
    """The recipe of this name. Raises ModelError where there is none."""
    if name not in RECIPES:
        raise ModelError(f"what can be trained is {', '.join(RECIPES)} or images FOLDER, not {name}.")
    return RECIPES[name]
