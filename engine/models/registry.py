"""From the name of a model to the model."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from engine import catalog
from engine.catalog import Card
from engine.device import pick
from engine.models import parameterization
from engine.models.checkpoint import ModelError, load_weights
from engine.models.classifier import Classifier
from engine.models.denoiser import Denoiser, NetworkDenoiser
from engine.models.unet import UNet


def load(name: str, device: torch.device | str | None = None) -> Denoiser:
    """The denoiser called `name`, ready to run, on `device` (None: the best there is).

    Raises ModelError for an unknown name, or for weights that are missing, damaged or of another network.
    """
    _, path = _find(name, "denoiser")
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ModelError(f"{path} is missing.") from error
    return _load(path, changed, str(device or pick()))


@lru_cache(maxsize=4)
def _load(path: Path, changed: int, device: str) -> Denoiser:
    """The denoiser of these weights; read again when the file has changed."""
    card, _ = _find(path.stem, "denoiser")
    network = build(card)
    load_weights(network, path)
    network.eval().requires_grad_(False)
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return NetworkDenoiser(network, parameterization.edm(card.sigma_data), card.shape, len(card.classes), device)


def load_classifier(name: str) -> Classifier:
    """The classifier called `name`, on the CPU. Raises ModelError as `load` does."""
    card, path = _find(name, "classifier")
    network = build(card)
    load_weights(network, path)
    assert isinstance(network, Classifier)
    return network.eval().requires_grad_(False)


def build(card: Card) -> nn.Module:
    """The untrained network that a card describes. Raises ModelError where it describes none."""
    kinds: dict[str, type[nn.Module]] = {"denoiser": UNet, "classifier": Classifier}
    try:
        return kinds[card.kind](**card.architecture)
    except (LookupError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelError(f"The card of {card.name} describes no network that can be built: {error}.") from error


def _find(name: str, kind: str) -> tuple[Card, Path]:
    known = catalog.cards(kind)
    if name not in known:
        raise ModelError(f"model must be one of {', '.join(known) or 'none (no model is installed)'}, not {name!r}.")
    folder = next(folder for folder in catalog.model_folders() if (folder / f"{name}.json").is_file())
    return known[name], folder / f"{name}.safetensors"
