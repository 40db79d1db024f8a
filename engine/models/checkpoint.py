"""Weights on disk: safetensors beside a card. Nothing that is read is ever executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.catalog import Card
from engine.files import replacing, write


class ModelError(RuntimeError):
    """A model that cannot be used; the message says which file and why."""


class UnknownModelError(ModelError):
    """A name that no model has."""


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write a safetensors file atomically: a kill in the middle leaves the former file as it was. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    try:
        with replacing(path) as draft:
            save_file(whole, draft, {"json": json.dumps(metadata)})
    except SafetensorError as error:  # of a full disk
        raise OSError(f"{path} cannot be written: {error}.") from error


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and metadata of a file of `save_tensors`. Raises ModelError if it is missing, cut short or alien."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            metadata = json.loads((file.metadata() or {}).get("json", "{}"))
    except FileNotFoundError:
        raise ModelError(f"{path} is missing.") from None
    except (SafetensorError, OSError, RecursionError, ValueError) as error:
        raise ModelError(f"{path} is not a readable safetensors file: {error}.") from error
    return tensors, metadata


def save_model(folder: Path, weights: dict[str, Tensor], card: Card) -> None:
    """NAME.safetensors in float16 and NAME.json in `folder`. Raises OSError."""
    half = {name: tensor.half() for name, tensor in weights.items()}
    save_tensors(folder / f"{card.name}.safetensors", half, {"name": card.name})
    save_card(folder, card)


def save_card(folder: Path, card: Card) -> None:
    """Write NAME.json, the card alone, atomically. Raises OSError."""
    write(folder / f"{card.name}.json", msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill `network` from `path`, in float32. Raises ModelError if names, shapes or values do not fit."""
    tensors, _ = load_tensors(path)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    there = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != there:
        odd = sorted(set(wanted.items()) ^ set(there.items()))[0][0]
        raise ModelError(f"{path} holds the weights of another network: {odd!r} does not fit.")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ModelError(f"{path} holds values that are not finite.")
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
