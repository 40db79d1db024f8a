"""What can guide a model: itself without the condition, a weaker model, or a classifier of noisy images."""

from __future__ import annotations

from engine.catalog import Card, cards

CLASSIFIER_FREE = (
    "Without condition (classifier-free)",
    "Away from the same model without the condition: D = D∅ + w (D_c − D∅) (Ho & Salimans 2022).",
)


def guides(model: str) -> dict[str | None, tuple[str, str]]:
    """name → (label, help) of everything that fits a model; None is the model itself, without the condition."""
    denoisers, classifiers = cards(), cards("guide")
    found: dict[str | None, tuple[str, str]] = {None: CLASSIFIER_FREE}
    here = denoisers.get(model)
    if here is None:
        return found
    for name, card in denoisers.items():
        if name != model and _alike(card, here):
            text = "Away from this model (autoguidance): D = D_bad + w (D − D_bad) (Karras et al. 2024b)."
            found[name] = (f"{card.title} (autoguidance)", f"{text} {card.summary}")
    for name, card in classifiers.items():
        if _alike(card, here):
            text = "By its gradient: D = D∅ + w (std²/α) ∇ log p(y | x) (Dhariwal & Nichol 2021)."
            found[name] = (f"{card.title}", f"{text} {card.summary}")
    return found


def fits(guide: str | None, model: str) -> bool:
    """Whether a guide can guide a model."""
    return guide is None or guide in guides(model)


def is_denoiser(guide: str | None) -> bool:
    """Whether a guide is a model, which needs no condition to guide."""
    return guide is not None and guide in cards()


def _alike(card: Card, other: Card) -> bool:
    """Whether they see images of one shape, and know the same classes."""
    return card.shape == other.shape and card.classes == other.classes
