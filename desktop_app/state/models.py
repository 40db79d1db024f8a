"""The models that can be chosen, in groups: heading → name → (title, what it is)."""

from __future__ import annotations

from engine.catalog import DISTRIBUTIONS, cards

Groups = dict[str, dict[str, tuple[str, str]]]


def image_models() -> Groups:
    """Those that make pictures."""
    return {"": {card.name: (card.title, card.summary) for card in cards().values()}}


def all_models() -> Groups:
    """Those that make pictures, and the distributions of the plane."""
    plane = {name: (here.label, here.help) for name, here in DISTRIBUTIONS.items()}
    return {"IMAGES": image_models()[""], "POINTS IN THE PLANE": plane}
