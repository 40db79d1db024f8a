"""What can be chosen: models, samplers, schedules, spacings, with labels and help. Imports no torch.

The window's lists, the command line's choices and the validation messages all come from here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import platformdirs

RESOURCES = Path(__file__).resolve().parent.parent / "resources"


@dataclass(frozen=True)
class Choice:
    """One entry of a list: the name used in requests, the label shown, one sentence of help."""

    name: str
    label: str
    help: str


@dataclass(frozen=True)
class Sampler(Choice):
    """A sampler: whether it has a stochasticity λ, and the orders it can take."""

    stochastic: bool
    orders: tuple[int, ...]


C = TypeVar("C", bound=Choice)


def _by_name(*choices: C) -> dict[str, C]:
    return {choice.name: choice for choice in choices}


SAMPLERS = _by_name(
    Sampler(
        "bridge",
        "Bridge (λ family)",
        "Exact for a fixed denoiser. λ = 0: DDIM, or DPM-Solver++ 2M at order 2. λ = 1: DDPM, or 2M SDE at order 2.",
        stochastic=True,
        orders=(1, 2),
    ),
    Sampler(
        "heun",
        "Heun (EDM)",
        "The deterministic second-order solver of EDM; two evaluations a step, one in the last.",
        stochastic=False,
        orders=(2,),
    ),
)

SCHEDULES = _by_name(
    Choice("edm", "EDM", "σ = t: variance exploding, noise level equal to time (Karras et al. 2022)."),
    Choice("vp_linear", "VP linear", "Variance preserving, β(t) from 0.1 to 20 (Song et al. 2021)."),
    Choice("vp_cosine", "VP cosine", "Variance preserving, ᾱ ∝ cos² (Nichol & Dhariwal 2021)."),
    Choice("ddpm_linear", "DDPM linear", "Variance preserving in 1,000 discrete steps (Ho et al. 2020)."),
    Choice("ve", "VE geometric", "Variance exploding, σ geometric in t (Song et al. 2021)."),
)

SPACINGS = _by_name(
    Choice("karras", "Karras ρ = 7", "Equal steps of σ^(1/7): fine where the noise is low (Karras et al. 2022)."),
    Choice("uniform_t", "Uniform in t", "Equal steps of time."),
    Choice("uniform_logsnr", "Uniform in log-SNR", "Equal steps of log σ (Lu et al. 2022)."),
    Choice("trailing", "Trailing", "Equal steps of the discrete process, from its noisy end (Lin et al. 2024)."),
)


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a model: how it was made, and what was measured of it. `resources/models/NAME.json`."""

    name: str
    title: str
    summary: str
    kind: str  # "denoiser" or "classifier"
    shape: tuple[int, int, int]  # of one image: channels, height, width
    classes: tuple[str, ...]
    architecture: dict[str, Any]  # keyword arguments of the network
    data: str
    licence: str
    command: str
    seed: int
    steps: int
    images: int
    minutes: float
    parameters: int
    sigma_data: float = 0.0  # denoisers: the EDM preconditioning
    loss: tuple[tuple[int, float], ...] = ()  # (images seen, mean loss since the last point)
    measured: dict[str, float] = {}


def model_folders() -> list[Path]:
    """Where models are looked for, the first wins: the person's own, then those that ship with the program."""
    own = os.environ.get("SCORESCOPE_MODELS")
    first = Path(own) if own else Path(platformdirs.user_data_dir("scorescope", appauthor=False)) / "models"
    return [first, RESOURCES / "models"]


def cards(kind: str = "denoiser") -> dict[str, Card]:
    """The cards of every model of this kind that can be read; a card that cannot is left out."""
    found: dict[str, Card] = {}
    for folder in reversed(model_folders()):
        for path in sorted(folder.glob("*.json")):
            try:
                card = msgspec.json.decode(path.read_bytes(), type=Card)
            except (OSError, msgspec.MsgspecError, RecursionError, UnicodeError):
                continue
            if card.kind == kind and card.name == path.stem:
                found[card.name] = card
    return found
