"""What can be chosen: models, samplers, schedules, spacings, with labels and help. Imports no torch.

The window's lists, the command line's choices and the validation messages all come from here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import platformdirs

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
OWN = "pictures"  # the data set of a model of one's own: they are kept beside it


@dataclass(frozen=True)
class Choice:
    """One entry of a list: the name used in requests, the label shown, one sentence of help."""

    name: str
    label: str
    help: str


@dataclass(frozen=True)
class Sampler(Choice):
    """A sampler, and the fields of a request that only some samplers have: those that it has, with their defaults."""

    options: Mapping[str, Any]
    orders: tuple[int, ...] = (1,)

    @property
    def has_lam(self) -> bool:
        """Whether its stochasticity λ is free."""
        return "lam" in self.options


@dataclass(frozen=True)
class Distribution(Choice):
    """A distribution in the plane, and the names of its classes, where it has any."""

    classes: tuple[str, ...] = ()


C = TypeVar("C", bound=Choice)


def _by_name(*choices: C) -> dict[str, C]:
    return {choice.name: choice for choice in choices}


def _family(lam: float) -> dict[str, Any]:
    """The options of the λ family, with its λ."""
    return {"lam": lam, "noise_interval": None, "noise": "step"}


SAMPLERS = _by_name(
    Sampler(
        "bridge",
        "Bridge (λ family)",
        "Exact for a fixed denoiser. λ = 0: DDIM, or DPM-Solver++ 2M at order 2. λ = 1: DDPM, or 2M SDE at order 2.",
        _family(0.0),
        (2, 1),
    ),
    Sampler("ddim", "DDIM", "The bridge at order 1, λ = 0 if you leave it there (Song et al. 2021a).", _family(0.0)),
    Sampler(
        "ddim_eta",
        "DDIM (η)",
        "DDIM with the stochasticity η of the paper: 0 is the ODE, 1 is DDPM (Song et al. 2021a, eq. 16).",
        {"eta": 0.5, "noise": "step"},
    ),
    Sampler(
        "ddpm",
        "DDPM",
        "Ancestral sampling with the small variance β̃: the bridge at order 1 and λ = 1 (Ho et al. 2020).",
        _family(1.0),
    ),
    Sampler(
        "ddpm_large",
        "DDPM, large variance",
        "Ancestral sampling with the variance β, “fixed large” (Ho et al. 2020, section 3.2).",
        {"noise": "step"},
    ),
    Sampler(
        "smld",
        "SMLD ancestral",
        "Ancestral sampling of the variance-exploding process: the bridge at order 1 and λ = 1 (Song et al. 2021b).",
        _family(1.0),
    ),
    Sampler(
        "dpmpp_2m",
        "DPM-Solver++ 2M",
        "The bridge at order 2 and λ = 0: extrapolates the denoiser in log-SNR (Lu et al. 2022b).",
        _family(0.0),
        (2,),
    ),
    Sampler(
        "dpmpp_2m_sde",
        "DPM-Solver++ 2M SDE",
        "The bridge at order 2 and λ = 1 (Lu et al. 2022b).",
        _family(1.0),
        (2,),
    ),
    Sampler(
        "unipc",
        "UniPC",
        "Predicts as 2M, then corrects with the next evaluation: order 3 for two (Zhao et al. 2023).",
        {},
        (2,),
    ),
    Sampler(
        "heun",
        "Heun (EDM)",
        "The second-order solver of EDM, with churn where asked; two evaluations a step, one in the last.",
        {"churn": 0.0, "noise_interval": None, "noise": "step"},
        (2,),
    ),
    Sampler(
        "rk45",
        "RK45 (adaptive)",
        "Dormand–Prince in log σ: as many evaluations as each sample needs for the tolerance.",
        {"tolerance": 1e-3},
        (5,),
    ),
    Sampler(
        "euler",
        "Euler in t",
        "The plainest solver: Euler's method on the λ-SDE in time, at λ = 0 if you leave it there.",
        _family(0.0),
    ),
    Sampler(
        "euler_maruyama",
        "Euler–Maruyama in t",
        "The plainest solver of the reverse SDE: Euler–Maruyama on the λ-SDE in time, at λ = 1 if you leave it there.",
        _family(1.0),
    ),
    Sampler(
        "predictor_corrector",
        "Predictor–corrector",
        "A step of the bridge, then Langevin steps at the new level (Song et al. 2021b, algorithm 1).",
        {**_family(1.0), "langevin_steps": 1, "step_size": 0.1},
    ),
    Sampler(
        "langevin",
        "Langevin at one level",
        "Stays at one noise level and mixes there; the result is noisy.",
        {"sigma": 0.5, "step_size": 0.1},
    ),
    Sampler(
        "annealed_langevin",
        "Annealed Langevin (NCSN)",
        "Langevin steps at every level on the way down (Song & Ermon 2019, algorithm 1).",
        {"langevin_steps": 10, "step_size": 0.3},
    ),
)

SCHEDULES = _by_name(
    Choice("edm", "EDM", "σ = t: variance exploding, noise level equal to time (Karras et al. 2022)."),
    Choice("vp_linear", "VP linear", "Variance preserving, β(t) from 0.1 to 20 (Song et al. 2021b)."),
    Choice("vp_cosine", "VP cosine", "Variance preserving, ᾱ ∝ cos² (Nichol & Dhariwal 2021)."),
    Choice("vp_cosine_discrete", "VP cosine, discrete", "The same in 1,000 steps with β ≤ 0.999, as in the paper."),
    Choice("sub_vp", "sub-VP", "Less variance than VP at every time, with the same drift (Song et al. 2021b)."),
    Choice("ddpm_linear", "DDPM linear", "Variance preserving in 1,000 discrete steps (Ho et al. 2020)."),
    Choice("ve", "VE geometric", "Variance exploding, σ geometric in t (Song et al. 2021b)."),
    Choice("flow", "Rectified flow", "A straight line from data to noise: α = 1 − t, std = t (Liu et al. 2023)."),
)

SPACINGS = _by_name(
    Choice("karras", "Karras ρ = 7", "Equal steps of σ^(1/7): fine where the noise is low (Karras et al. 2022)."),
    Choice("uniform_t", "Uniform in t", "Equal steps of time."),
    Choice("uniform_logsnr", "Uniform in log-SNR", "Equal steps of log σ (Lu et al. 2022a)."),
    Choice("quadratic", "Quadratic", "Equal steps of √t: fine where the noise is low (Song et al. 2021a)."),
    Choice("trailing", "Trailing", "Equal steps of the discrete process, from its noisy end (Lin et al. 2024)."),
    Choice("explicit", "Explicit", "The noise levels that you list."),
)

NOISES = _by_name(
    Choice("step", "A draw for each step", "Step k has draw k of its sample, wherever its levels lie."),
    Choice(
        "path",
        "One Brownian path",
        "Increments of one path in log σ: 20 steps and 100, and every λ, follow the same noise.",
    ),
)

DISTRIBUTIONS = _by_name(
    Distribution(
        "three-points",
        "Three points",
        "Nearly three points: where they lie, the score is a tug-of-war of three pulls.",
        ("left", "right", "top"),
    ),
    Distribution("gaussian", "One Gaussian", "The score is linear and every path is known in closed form."),
    Distribution(
        "two-gaussians",
        "Two Gaussians",
        "Between the two the score changes sign, the more sharply the less noise there is.",
        ("left", "right"),
    ),
    Distribution(
        "rare-mode",
        "A rare mode",
        "One sample in twenty belongs to it: Langevin at one level loses this share, the reverse SDE keeps it.",
        ("common", "rare"),
    ),
    Distribution(
        "ring",
        "Ring of eight",
        "Eight equal Gaussians on a circle: does a sampler reach all of them, equally often?",
        ("east", "north-east", "north", "north-west", "west", "south-west", "south", "south-east"),
    ),
    Distribution("grid", "Grid of 25", "Five by five Gaussians: a test for missed and for invented modes."),
    Distribution("moons", "Two moons", "Two arcs that reach into each other.", ("upper", "lower")),
    Distribution("circles", "Two circles", "One inside the other: their noise meets first.", ("inner", "outer")),
    Distribution("swiss-roll", "Swiss roll", "A curve rolled up: points near in the plane are far along the curve."),
    Distribution("spirals", "Two spirals", "Two curves wound around each other.", ("first", "second")),
    Distribution("checkerboard", "Checkerboard", "Flat squares with edges, which noise rounds off first."),
    Distribution(
        "pinwheel",
        "Pinwheel",
        "Five bent arms, thin outside, that meet in the middle.",
        ("first", "second", "third", "fourth", "fifth"),
    ),
    Distribution("smiley", "Smiley", "A face, of parts that appear one after another.", ("face", "eyes", "mouth")),
    Distribution(
        "tree",
        "Branching tree",
        "Boughs part as the noise falls; two classes share the trunk, and guidance moves samples to the outer twigs.",
        ("left", "right"),
    ),
    Distribution(
        "crossing",
        "Crossing bars",
        "Two classes that overlap in the middle, from where guidance drives both away.",
        ("rising", "falling"),
    ),
    Distribution("lemniscate", "Figure eight", "A closed curve that crosses itself."),
)


Size = Annotated[int, msgspec.Meta(ge=1, le=4096)]


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a model: how it was made, and what was measured of it. `resources/models/NAME.json`."""

    name: str
    title: str
    summary: str
    kind: str  # "denoiser", "guide" (a classifier of noisy images), "classifier" or "retrieval" (judges of samples)
    shape: tuple[Size, Size, Size]  # of one image: channels, height, width
    classes: tuple[str, ...]
    architecture: dict[str, Any]  # keyword arguments of the network
    data: str
    licence: str
    dataset: str = ""  # the name of the data, where they are here: "digits" and "emoji" ship with the program; or OWN
    network: str = ""  # what `architecture` is of, if not its kind's network: "text-unet", or a formula over the data
    command: str = ""
    seed: int = 0
    steps: int = 0
    images: int = 0
    minutes: float = 0.0
    parameters: int = 0
    sigma_data: float = 0.0  # denoisers: the EDM preconditioning
    words: str = ""  # models of captions: those that it knows, the most frequent first, with spaces between
    suggests: dict[str, Any] = {}  # condition, guidance or lam to begin with, where the usual are not the best
    loss: tuple[tuple[int, float], ...] = ()  # (images seen, mean loss since the last point)
    measured: dict[str, float] = {}


def model_folders() -> list[Path]:
    """Where models are looked for, the first wins: the person's own, then those that ship with the program."""
    own = os.environ.get("SCORESCOPE_MODELS")
    first = Path(own) if own else Path(platformdirs.user_data_dir("scorescope", appauthor=False)) / "models"
    return [first, RESOURCES / "models"]


def home(name: str) -> Path | None:
    """The folder in which the card of this name is found."""
    return next((folder for folder in model_folders() if (folder / f"{name}.json").is_file()), None)


def cards(*kinds: str) -> dict[str, Card]:
    """The cards of every model of these kinds (of denoisers, where none is said), the kinds in turn.

    A card that cannot be read is left out; of two models of one name the one of the later kind is found.
    """
    found: dict[str, dict[str, Card]] = {kind: {} for kind in kinds or ("denoiser",)}
    for folder in reversed(model_folders()):
        for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):
            try:
                card = msgspec.json.decode(path.read_bytes(), type=Card)
            except (OSError, msgspec.MsgspecError, RecursionError, UnicodeError):
                continue
            if card.kind in found and card.name == path.stem:
                found[card.kind][card.name] = card
    return {name: card for of_kind in found.values() for name, card in of_kind.items()}
