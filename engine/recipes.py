"""What `scorescope train` can train: for each name the data, the network, the objective and the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.catalog import Card
from engine.data import digits
from engine.models import parameterization
from engine.models.registry import build
from engine.training import Classification, Denoising, Images, NoisyClassification, Objective

CLASSES = tuple(map(str, range(10)))
MNIST = "MNIST: 60,000 training images of 28 × 28 (LeCun, Cortes, Burges)"
LICENCE = "Weights: MIT. Data: CC BY-SA 3.0."


@dataclass(frozen=True)
class Recipe:
    """A card with nothing trained yet, and the objective that its network is trained on."""

    card: Card
    objective: Callable[[Card], Objective]


def _card(name: str, kind: str, title: str, summary: str, **rest: object) -> Card:
    values = {"data": MNIST, "licence": LICENCE, "shape": digits.SHAPE, "classes": CLASSES, "architecture": {}}
    counts = {"command": "", "seed": 0, "steps": 0, "images": 0, "minutes": 0.0, "parameters": 0}
    return Card(name=name, kind=kind, title=title, summary=summary, **{**values, **counts, **rest})  # type: ignore[arg-type]


def _digits(card: Card) -> Objective:
    shape = parameterization.edm(card.sigma_data)
    return Denoising(build(card), shape, Images(*digits.load("train")), classes=len(card.classes))


def _digits_classifier(card: Card) -> Objective:
    return Classification(build(card), Images(*digits.load("train")))


def _digits_noisy_classifier(card: Card) -> Objective:
    return NoisyClassification(build(card), parameterization.edm(card.sigma_data), Images(*digits.load("train")))


RECIPES = {
    "digits": Recipe(
        _card(
            "digits",
            "denoiser",
            "Digits",
            "Handwritten digits, 28 × 28, by class; a small U-Net with EDM preconditioning.",
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
}


def objective(name: str, seed: int) -> Objective:
    """The objective of a recipe, its network initialised from the seed."""
    torch.manual_seed(seed)
    recipe = RECIPES[name]
    return recipe.objective(recipe.card)
