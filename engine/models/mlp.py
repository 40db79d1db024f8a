"""A small network of points in the plane, and the file that one learned in the lab is kept in."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine import catalog
from engine.models import parameterization
from engine.models.checkpoint import ModelError, load_tensors, save_tensors
from engine.models.denoiser import NetworkDenoiser
from engine.models.unet import noise_embedding

EMBEDDING = 32
WIDTHS = 16, 512  # the narrowest and the widest network


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


def save(tensors: dict[str, Tensor], state: dict[str, Any]) -> str:
    """Keep a training as it stands, and give the name of its network, which is fixed by the tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].detach().cpu().contiguous().numpy().tobytes())
    name = f"learned-{digest.hexdigest()[:12]}"
    save_tensors(path(name), tensors, state)
    return name


def path(name: str) -> Path:
    """The file of a network learned in the lab."""
    return catalog.model_folders()[0] / "learned" / f"{name}.safetensors"


def read(name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the state of a training that was kept. Raises ModelError where there is none that can be used."""
    digits = name.removeprefix("learned-")
    if len(digits) != 12 or not set(digits) <= set("0123456789abcdef"):
        raise ModelError(f"model must be a network that was kept, learned- and 12 digits, not {name!r}.")
    return load_tensors(path(name))


@lru_cache(maxsize=8)
def load(name: str, device: str = "cpu") -> Learned:
    """The network called `name`. Raises ModelError if it is missing, damaged or not one of these."""
    tensors, state = read(name)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ModelError(f"{path(name)} holds values that are not finite.")
    try:
        if not isinstance(state["model"], str):
            raise TypeError("it names no model that it learned from")
        network = MLP(state["width"], state["classes"])
        average = {key.removeprefix("average."): value for key, value in tensors.items() if key.startswith("average.")}
        network.load_state_dict(average)
        learned = Learned(network, state["model"], float(state["sigma_data"]), state["classes"], device)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"{path(name)} does not hold a network of the lab: {error}.") from error
    network.eval().requires_grad_(False).to(device)
    return learned
