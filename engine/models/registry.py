"""From the name of a model to the model."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from engine import catalog, precision
from engine.captions import Vocabulary
from engine.catalog import Card
from engine.device import pick
from engine.models import mlp, parameterization, plane
from engine.models.checkpoint import ModelError, UnknownModelError, load_weights
from engine.models.classifier import Classifier
from engine.models.closed_form import FORMULAS
from engine.models.denoiser import CaptionDenoiser, Denoiser, NetworkDenoiser
from engine.models.noisy_classifier import NetworkClassifier, NoisyClassifier, NoisyClassifierNetwork
from engine.models.retrieval import Retrieval
from engine.models.text_unet import TextUNet
from engine.models.unet import UNet
from engine.precision import Precision
from engine.weights import fingerprint

GUIDES = ("denoiser", "guide")  # kinds of cards

Loaded = Denoiser | NetworkClassifier


def load(name: str, device: torch.device | str | None = None) -> Denoiser:
    """The denoiser called `name`, ready to run, on `device` (None: the best there is).

    Besides those with a card: distributions, points and networks in the plane, which are so small that None is the CPU.
    Raises ModelError for an unknown name, or for weights that are missing, damaged or of another network.
    """
    if (in_plane := _in_plane(name, device)) is not None:
        return in_plane
    model = _current("model", name, ("denoiser",), device)
    assert not isinstance(model, NetworkClassifier)
    return model


def load_guide(name: str, device: torch.device | str | None = None) -> Denoiser | NoisyClassifier:
    """What guides by the name `name`: a classifier of noisy images, or any denoiser (autoguidance).

    Raises ModelError as `load` does.
    """
    if (in_plane := _in_plane(name, device)) is not None:
        return in_plane
    return _current("guide", name, GUIDES, device)


def _in_plane(name: str, device: torch.device | str | None) -> Denoiser | None:
    """The model of points in the plane that has this name, if it is the name of one."""
    if name in catalog.DISTRIBUTIONS or name.startswith("points-"):
        return plane.load(name, str(device or "cpu"))
    if name.startswith("learned-"):
        return mlp.load(name, str(device or "cpu"))
    return None


def _current(field: str, name: str, kinds: Sequence[str], device: torch.device | str | None) -> Loaded:
    card, weights = _find(name, kinds, field)
    path = weights.with_suffix(".json") if card.network in FORMULAS else weights
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ModelError(f"{path} is missing.") from error
    both = _load(path, changed, str(device or pick()))
    model = both["fp32"]
    return both[_precision(name, model, both)] if isinstance(model, NetworkDenoiser) else model


@lru_cache(maxsize=4)
def _load(path: Path, changed: int, device: str) -> dict[Precision, Loaded]:
    """What these weights (or this card) are, by their card, in each precision; read again when the file has changed."""
    model = _read(path, device)
    rough = copy(model)  # of the same network
    if isinstance(rough, NetworkDenoiser):
        rough.precision = "bf16"
    return {"fp32": model, "bf16": rough}


def _read(path: Path, device: str) -> Loaded:
    card, _ = _find(path.stem, GUIDES)
    if card.network in FORMULAS:
        try:
            return FORMULAS[card.network](card, device, **card.architecture)
        except (TypeError, ValueError) as error:
            raise ModelError(f"The card of {card.name} describes no formula over its data: {error}.") from error
    network = build(card)
    load_weights(network, path)
    network.eval().requires_grad_(False)
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    trained = parameterization.edm(card.sigma_data)
    model: Loaded
    if card.kind == "guide":
        model = NetworkClassifier(network, trained, card.shape, len(card.classes), device)
    elif card.words:
        model = CaptionDenoiser(network, trained, card.shape, Vocabulary(card.words.split()), device)
    else:
        model = NetworkDenoiser(network, trained, card.shape, len(card.classes), device)
    _try(card, model)
    return model


def _try(card: Card, model: Loaded) -> None:
    """Call the network once. Raises ModelError where it cannot make what its card says."""
    x, level = torch.zeros(1, *card.shape, device=model.device), model.schedule.level_at_sigma(1.0)
    try:
        made = model.log_probabilities(x, level) if isinstance(model, NetworkClassifier) else model(x, level)
    except (IndexError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ModelError(f"The card of {card.name} does not describe its network: {reason}.") from error
    wanted = (1, len(card.classes)) if isinstance(model, NetworkClassifier) else x.shape
    if tuple(made.shape) != tuple(wanted):
        raise ModelError(f"The card of {card.name} does not describe its network, which makes {list(made.shape)}.")


def _precision(name: str, model: NetworkDenoiser, both: dict[Precision, Loaded]) -> Precision:
    """What the model of that name runs in now: as asked, or the faster at the batch that a request has."""
    try:
        asked = precision.asked(name)
    except ValueError as error:
        raise ModelError(f"{error}.") from error
    if asked is not None or model.device.type != "cpu":
        return asked or "bf16"
    level = model.schedule.level_at_sigma(1.0)
    x, condition = torch.zeros(16, *model.shape), model.encode(None, 16)
    return precision.faster(f"{name} {fingerprint(name)}", lambda kind: both[kind](x, level, condition))  # type: ignore[operator]


def load_classifier(name: str) -> Classifier:
    """The classifier called `name`, on the CPU. Raises ModelError as `load` does."""
    card, path = _find(name, ("classifier",))
    network = build(card)
    load_weights(network, path)
    assert isinstance(network, Classifier)
    return network.eval().requires_grad_(False)


def load_retrieval(name: str) -> tuple[Retrieval, Vocabulary]:
    """The judge of captions called `name`, on the CPU, and the words it knows. Raises ModelError as `load` does."""
    card, path = _find(name, ("retrieval",))
    network = build(card)
    load_weights(network, path)
    assert isinstance(network, Retrieval)
    return network.eval().requires_grad_(False), Vocabulary(card.words.split())


def build(card: Card) -> nn.Module:
    """The untrained network that a card describes. Raises ModelError where it describes none."""
    networks: dict[tuple[str, str], type[nn.Module]] = {
        ("denoiser", ""): UNet,
        ("denoiser", "text-unet"): TextUNet,
        ("classifier", ""): Classifier,
        ("guide", ""): NoisyClassifierNetwork,
        ("retrieval", ""): Retrieval,
    }
    try:
        if card.architecture.get("words", 0) != len(card.words.split()):
            raise ValueError("it has other words")
        network = networks[card.kind, card.network](**card.architecture)
        if isinstance(network, UNet) and network.classes != len(card.classes):  # another would stand for no condition
            raise ValueError("it has other classes")
    except (LookupError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelError(f"The card of {card.name} describes no network that can be built: {error}.") from error
    return network


def _find(name: str, kinds: Sequence[str], field: str = "model") -> tuple[Card, Path]:
    known = catalog.cards(*kinds)
    if name not in known:
        there = ", ".join(known) or "none (no model is installed)"
        raise UnknownModelError(f"{field} must be one of {there}, not {name!r}.")
    folder = catalog.home(name)
    if folder is None:
        raise ModelError(f"The card of {name} is missing.")
    return known[name], folder / f"{name}.safetensors"
