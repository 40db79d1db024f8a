"""The questions of the lab: what goes with each, within which limits."""

from __future__ import annotations

from math import hypot
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from engine.answers.query import Name, Query
from engine.fields import MAX_SEED, RequestError
from engine.models.mlp import WIDTHS
from engine.request import FIELDS, Request
from engine.schedules import Level

MAX_PARTICLES = int(FIELDS["particles"].maximum)
LEAST, MAX_ALPHA, MAX_STD = 1e-6, 1e3, 1e6

Seed = Annotated[int, Meta(ge=0, le=MAX_SEED)]
Half = Annotated[float, Meta(ge=0.1, le=100.0)]
LevelValues = tuple[
    Annotated[float, Meta(ge=-1.0, le=2.0)],
    Annotated[float, Meta(ge=0.0, le=MAX_ALPHA)],
    Annotated[float, Meta(ge=0.0, le=MAX_STD)],
]


class Asked(Query, frozen=True, kw_only=True):
    """A question about a run."""

    request: dict[str, Any]

    def checked(self) -> Request:
        """The request, for one sample: a cloud is the first sample of its run. Raises RequestError."""
        return Request.from_dict({**self.request, "count": 1})


class Cloud(Asked, frozen=True, kw_only=True):
    """Where the particles of a run are, at every level."""

    coarse: bool = False  # a few points stand for all of a Dataset, while the hand moves


class Data(Query, frozen=True, kw_only=True):
    """Samples of the data, and the noise that a run with this seed starts from."""

    model: Name
    count: Annotated[int, Meta(ge=1, le=MAX_PARTICLES)] = 2000
    seed: Seed = 0


class Field(Query, frozen=True, kw_only=True):
    """Density, score and D over the plane, at one level [t, α, std]."""

    model: Name
    level: LevelValues
    condition: int | str | None = None
    guidance: Annotated[float, Meta(ge=0.0, le=100.0)] = 1.0
    half: Half = 3.0
    arrows: Annotated[int, Meta(ge=2, le=128)] = 40
    density: Annotated[int, Meta(ge=2, le=512)] = 256
    source: Literal["exact", "learned", "difference"] = "exact"
    learned: Name | None = None
    coarse: bool = False


class Probe(Asked, frozen=True, kw_only=True):
    """What pulls at a point at level `index` of a run, where it came from and where it goes."""

    index: Annotated[int, Meta(ge=0, le=100_000)]
    point: tuple[Annotated[float, Meta(ge=-1e3, le=1e3)], Annotated[float, Meta(ge=-1e3, le=1e3)]]
    fan: Annotated[int, Meta(ge=0, le=256)] = 32
    coarse: bool = False


class Points(Query, frozen=True, kw_only=True):
    """Points to keep, as one array [N, 2] of float32.

    Those that are `passing`, as a painting is between two strokes, are let go some time after the last of them, but for
    those that are `needed`.
    """

    arrays: ClassVar[int] = 1
    passing: bool = False
    needed: tuple[Name, ...] = ()


class Learn(Query, frozen=True, kw_only=True):
    """Train a network on an exact model, or go on with one that was kept."""

    model: Name
    steps: Annotated[int, Meta(ge=1, le=1_000_000)] = 20_000
    width: Annotated[int, Meta(ge=WIDTHS[0], le=WIDTHS[1])] = 128
    seed: Seed = 0
    learned: Name | None = None


class SaveNetwork(Query, frozen=True, kw_only=True):
    """A network that was learned, as a file."""

    learned: Name


class LoadNetwork(Query, frozen=True, kw_only=True):
    """A network from a file that was saved, as one array of bytes."""

    arrays: ClassVar[int] = 1


class Density1D(Asked, frozen=True, kw_only=True):
    """p(x, t) of the first coordinate, as an image, and paths across it."""

    bins: Annotated[int, Meta(ge=2, le=2048)] = 256
    half: Half = 3.0
    paths: Annotated[int, Meta(ge=1, le=2000)] = 24


def level(values: tuple[float, float, float]) -> Level:
    """A level of three numbers. Raises RequestError where there is neither signal nor noise."""
    if hypot(values[1], values[2]) < LEAST:
        raise RequestError("level", "level must have signal or noise: α and std must not both be 0.")
    return Level(*values)
