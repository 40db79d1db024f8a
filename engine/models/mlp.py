"""A small network of points in the plane, and the file that one learned in the lab is kept in."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn import functional

from engine import catalog
from engine.data import leftovers
from engine.fields import MAX_SEED
from engine.models import parameterization
from engine.models.checkpoint import ModelError, load_tensors, save_tensors
from engine.models.denoiser import NetworkDenoiser
from engine.models.unet import noise_embedding

EMBEDDING = 32
WIDTHS = 16, 512  # the narrowest and the widest network
PARTS = "network", "average", "exp_avg", "exp_avg_sq"  # of what is kept, each as large as the network


class MLP(nn.Module):
    """The raw network F of points x [B, ..., d]: two residual blocks, each of two layers, between two linear maps.

    The noise label [B] and the class [B] enter as a shift of every hidden layer, the same for all points of a row, so
    that a cloud of particles pays for them once.
    """

    def __init__(self, width: int = 128, classes: int = 0, dimensions: int = 2, blocks: int = 2) -> None:
        super().__init__()
        self.told = nn.Sequential(nn.Linear(EMBEDDING, width), nn.SiLU())
        self.of_class = nn.Embedding(classes + 1, width)  # the last is the null class
        self.into = nn.Linear(dimensions, width)
        self.first = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.shifts = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.second = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.out = nn.Linear(width, dimensions)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, noise: Tensor, classes: Tensor) -> Tensor:
        """F [B, ..., d] of points x [B, ..., d], noise labels [B] and classes [B]."""
        told = self.told(noise_embedding(noise, EMBEDDING)) + self.of_class(classes)  # [B, width]
        told = told.reshape(len(x), *[1] * (x.ndim - 2), -1)
        h = self.into(x)
        for first, shift, second in zip(self.first, self.shifts, self.second, strict=True):
            h = h + second(functional.silu(first(functional.silu(h)) + shift(told)))
        f: Tensor = self.out(functional.silu(h))
        return f


class Learned(NetworkDenoiser):
    """A network learned in the lab, of shape (2,); `of` is the name of the exact model that it learned from."""

    def __init__(self, network: nn.Module, of: str, sigma_data: float, classes: int, device: str = "cpu") -> None:
        super().__init__(network, parameterization.edm(sigma_data), (2,), classes, device)
        self.of = of


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a training was of, and how far it has come."""

    model: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]  # that it learns from
    width: Annotated[int, Meta(ge=WIDTHS[0], le=WIDTHS[1])]
    seed: Annotated[int, Meta(ge=0, le=MAX_SEED)]
    classes: Annotated[int, Meta(ge=0, le=1000)]
    sigma_data: Annotated[float, Meta(ge=1e-6, le=1e6)]
    step: Annotated[int, Meta(ge=1, le=2**53)]
    seconds: Annotated[float, Meta(ge=0.0, le=1e12)]


Kept = tuple[dict[str, Tensor], Card]
"""Everything that going on with a training needs."""


def save(tensors: dict[str, Tensor], card: Card) -> str:
    """Keep a training as it stands, and give the name of its network, which is fixed by the tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].detach().cpu().contiguous().numpy().tobytes())
    name = f"learned-{digest.hexdigest()[:12]}"
    save_tensors(path(name), tensors, msgspec.to_builtins(card))
    return name


def path(name: str) -> Path:
    """The file of a network learned in the lab."""
    return catalog.model_folders()[0] / "learned" / f"{name}.safetensors"


def let_go(needed: Collection[str], newest: int = 32) -> None:
    """Remove the networks that former trainings have left, but for the newest and for what is needed."""
    old = leftovers.older(path("").parent, "learned-*.safetensors", newest)
    leftovers.remove(file for file in old if file.stem not in needed)


def read(name: str) -> Kept:
    """A training that was kept. Raises ModelError where there is none that can be used."""
    digits = name.removeprefix("learned-")
    if len(digits) != 12 or not set(digits) <= set("0123456789abcdef"):
        raise ModelError(f"model must be a network that was kept, learned- and 12 digits, not {name!r}.")
    tensors, card = load_tensors(path(name))
    try:
        return checked(tensors, card)
    except ValueError as error:
        raise ModelError(f"{path(name)} does not hold a network of the lab: {error}.") from error


def checked(tensors: dict[str, Tensor], card: dict[str, Any]) -> Kept:
    """The tensors and the card of a training, held against each other. Raises ValueError: a file may be anyone's."""
    known = msgspec.convert(card, Card)  # its ValidationError is a ValueError
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in MLP(known.width, known.classes).state_dict().items()}
    wanted = {f"{part}.{name}": shape for part in PARTS for name, shape in shapes.items()}
    wanted |= {f"step.{name}": torch.Size() for name in shapes}
    for name in sorted(wanted.keys() | tensors.keys()):
        if name not in tensors or name not in wanted or tensors[name].shape != wanted[name]:
            raise ValueError(f"its {name} does not fit" if name in tensors else f"it has no {name}")
        if tensors[name].dtype != torch.float32 or not bool(torch.isfinite(tensors[name]).all()):
            raise ValueError(f"its {name} is not of finite float32")
    return tensors, known


@lru_cache(maxsize=8)
def load(name: str, device: str = "cpu") -> Learned:
    """The network called `name`. Raises ModelError if it is missing, damaged or not one of these."""
    tensors, card = read(name)
    network = MLP(card.width, card.classes)
    network.load_state_dict({key: tensors[f"average.{key}"] for key in network.state_dict()})
    network.eval().requires_grad_(False).to(device)
    return Learned(network, card.model, card.sigma_data, card.classes, device)
