"""What a model can be asked for: classes, words, or nothing."""

from __future__ import annotations

from typing import Any

from engine.captions import Vocabulary, split
from engine.catalog import DISTRIBUTIONS, cards


def classes_of(model: str) -> tuple[str, ...]:
    """The names of a model's classes."""
    card = cards().get(model)
    if card is not None:
        return card.classes
    return DISTRIBUTIONS[model].classes if model in DISTRIBUTIONS else ()


def vocabulary_of(model: str) -> Vocabulary | None:
    """The words that a model of captions knows; None for any other model."""
    card = cards().get(model)
    return Vocabulary(card.words.split()) if card is not None and card.words else None


def suits(condition: Any, model: str) -> bool:
    """Whether a model can be asked for this."""
    if condition is None:
        return True
    if isinstance(condition, str):
        return vocabulary_of(model) is not None
    return bool(0 <= condition < len(classes_of(model)))


def named(condition: Any, model: str) -> str:
    """A condition of a model, as a person reads it."""
    if condition is None:
        return "any"
    if isinstance(condition, str):
        return " · ".join(f"“{caption}”" for caption in split(condition))
    classes = classes_of(model)
    return classes[condition] if condition < len(classes) else str(condition)
