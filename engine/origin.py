"""Where a run begins: its levels, x at the first of them, and what came before."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from math import isclose

import torch
from torch import Tensor

from engine.fields import RequestError
from engine.inversion import encode, slerp
from engine.models.denoiser import Denoiser, NetworkDenoiser
from engine.noise import KeyedNoise
from engine.request import Branch, Request
from engine.samplers import Denoise, Step
from engine.schedules import SCHEDULES, Level, Schedule, grid
from engine.starts import Encoding, Image, PureNoise, Slerp

Encoder = Callable[[Encoding], Denoise]


@dataclass
class Origin:
    """The beginning of a run."""

    levels: list[Level]
    x: Tensor  # [B, ...] at levels[0]
    first: int = 0  # the step of the whole run that comes first: its draws are that step's
    previous: tuple[Level, Tensor] | None = None  # the level and D before
    nfe: int = 0  # spent before


@dataclass
class Left:
    """A run as a branch finds it at a step."""

    level: Level
    x: Tensor
    previous: tuple[Level, Tensor] | None  # as in Origin
    nfe: int


Beginning = Generator[None, None, tuple[Origin, Iterator[Step]]]
"""Stops after every step that is walked again, and returns how a run begins, and its own steps."""

Begin = Callable[[Request], Beginning]
Recall = Callable[[Request, int], Left | None]
"""A run at a step, where it is remembered."""

DENOISER = ("model", "condition", "guidance", "guidance_interval", "guide", "guidance_rescale", "clip")
"""The fields of a request that say what D is."""

GRID = ("model", "sampler", "steps", "spacing", "sigmas", "schedule", "langevin_steps", "sigma")
"""Those that say where its levels lie."""


def schedule_of(request: Request, denoiser: Denoiser) -> Schedule:
    """The forward process of a run."""
    return SCHEDULES[request.schedule]() if request.schedule else denoiser.schedule


def first_of(request: Request) -> int:
    """The step of a whole run that this one begins with: after those that its start has taken, or that are left out."""
    start = request.start
    if isinstance(start, Image):
        return (request.steps - max(1, round(start.strength * request.steps))) * _copies(request)
    if isinstance(start, Branch):
        return first_of(start.request) + start.step
    return 0


def levels_of(request: Request, denoiser: Denoiser, rest: Sequence[Level] = ()) -> list[Level]:
    """The levels a run visits; `rest` are its parent's, from where a branch leaves it. Raises RequestError.

    A branch on the grid of its parent goes on with the rest of it, and one whose own levels come by there with those;
    another has that level, and its own below it.
    """
    levels, first, start = _whole(request, denoiser), first_of(request), request.start
    if not isinstance(start, Branch):
        return levels[first:]
    if all(getattr(request, name) == getattr(start.request, name) for name in GRID):
        return list(rest)
    branched_at = rest[0]
    if first < len(levels) - 1 and isclose(levels[first].sigma, branched_at.sigma):
        return levels[first:]
    if request.sampler == "langevin":
        if not branched_at.alpha:
            raise RequestError("start", "start must branch at a later step: Langevin cannot stay at σ = ∞.")
        there = f"{branched_at.sigma:.12g}, the level that it branches from"
        raise RequestError("sigma", f"sigma must be {there}, and steps more than it has taken.")
    below = [level for level in levels if level.sigma < branched_at.sigma * (1.0 - 1e-9)]
    return [_same(branched_at, schedule_of(request, denoiser)), *below]


def _whole(request: Request, denoiser: Denoiser) -> list[Level]:
    """The levels of a run from pure noise."""
    schedule = schedule_of(request, denoiser)
    if request.sampler == "langevin":
        assert request.sigma is not None
        _check_sigmas("sigma", (request.sigma,), schedule, denoiser)
        return [schedule.level_at_sigma(request.sigma)] * (request.steps + 1)
    if request.sigmas:
        _check_sigmas("sigmas", request.sigmas, schedule, denoiser)
    levels = grid(schedule, request.steps, request.spacing, request.sigmas)
    if request.sampler == "annealed_langevin":  # the last is visited once more, to be denoised
        return [level for level in levels[:-1] for _ in range(_copies(request))] + levels[-2:]
    return levels


def _copies(request: Request) -> int:
    """How often a run visits each level."""
    return request.langevin_steps or 1 if request.sampler == "annealed_langevin" else 1


def _check_sigmas(field: str, sigmas: Sequence[float], schedule: Schedule, denoiser: Denoiser) -> None:
    """Raise RequestError for noise levels beyond the schedule, or beyond what a network was trained on."""
    if max(sigmas) > schedule.sigma_max:
        raise RequestError(
            field, f"{field} must be at most {schedule.sigma_max:g}, the most of the schedule {schedule.name}."
        )
    if isinstance(denoiser, NetworkDenoiser):
        low, high = denoiser.schedule.sigma_min, denoiser.schedule.sigma_max
        if not low <= min(sigmas) <= max(sigmas) <= high:
            raise RequestError(
                field, f"{field} must be from {low:g} to {high:g}, which is what the model was trained on."
            )


def origin(request: Request, denoiser: Denoiser, noise: KeyedNoise, encoder: Encoder) -> Origin:
    """How a run begins that is no branch. `encoder` makes the denoiser of an encoding.

    Raises RequestError for a start that does not fit the model or the levels.
    """
    start = request.start
    assert not isinstance(start, Branch)
    levels = levels_of(request, denoiser)
    begin = levels[0]
    match start:
        case PureNoise(seed=seed):
            drawn = noise if seed is None else KeyedNoise(seed, request.count, noise.shape, noise.device)
            return Origin(levels, begin.std * drawn.initial())
        case Image():
            x = begin.alpha * picture(start, request, denoiser) + begin.std * noise.initial()
            return Origin(levels, x, first_of(request))
        case Encoding():
            x, spent = _encoded(start, request, levels, denoiser, encoder)
            return Origin(levels, x.expand(request.count, *x.shape[1:]), nfe=spent)
        case Slerp():
            ends, spent = [], 0
            for end in (start.first, start.second):
                if isinstance(end, Encoding):
                    x, nfe = _encoded(end, request, levels, denoiser, encoder)
                    spent += nfe
                else:
                    seed = request.seed if end.seed is None else end.seed
                    x = begin.std * KeyedNoise(seed, 1, noise.shape, noise.device).initial()
                ends.append(x)
            return Origin(levels, slerp(ends[0], ends[1], start.fractions), nfe=spent)


def picture(start: Image | Encoding, request: Request, denoiser: Denoiser) -> Tensor:
    """The image of a start, [1, C, H, W] in [−1, 1]. Raises RequestError where the model makes another shape."""
    if start.shape != tuple(denoiser.shape):
        wanted, given = (" × ".join(map(str, shape)) for shape in (denoiser.shape, start.shape))
        raise RequestError(
            "start", f"start must have an image of {wanted}, as the model {request.model} makes, not {given}."
        )
    pixels = torch.frombuffer(bytearray(start.pixels), dtype=torch.uint8).reshape(1, *start.shape)
    return pixels.to(denoiser.device, torch.float32) / 127.5 - 1.0


def repainting(denoise: Denoise, request: Request, denoiser: Denoiser) -> Denoise:
    """In-painting, denoiser → denoiser: where the mask is 0, D is the image, so that x there is the image noised."""
    start = request.start
    while isinstance(start, Branch):
        start = start.request.start
    if not isinstance(start, Image) or start.mask is None:
        return denoise
    image = picture(start, request, denoiser)
    fresh = torch.frombuffer(bytearray(start.mask), dtype=torch.uint8).reshape(1, 1, *start.shape[1:])
    fresh = fresh.to(denoiser.device).bool()
    return lambda x, level: torch.where(fresh, denoise(x, level), image)


def _encoded(
    start: Encoding, request: Request, levels: list[Level], denoiser: Denoiser, encoder: Encoder
) -> tuple[Tensor, int]:
    """x at levels[0], [1, ...], and the evaluations that it took."""
    levels = [level for level, above in zip(levels, [None, *levels], strict=False) if level != above]  # each once
    if len(levels) < 3:
        raise RequestError("start", "start must be noise or an image here: an encoding needs two or more steps.")
    *_, last = encode(encoder(start), picture(start, request, denoiser), levels, min(request.order, 2))
    return last.x_next, last.nfe


def branch(
    request: Request, start: Branch, levels: list[Level], denoiser: Denoiser, begin: Begin, recall: Recall
) -> Generator[None, None, Origin]:
    """Go on from a step of another run: as it is remembered, or walked again up to there; stops after every such step.

    Raises RequestError for a parent that does not fit.
    """
    left, device = recall(start.request, start.step), denoiser.device
    if left is None:
        left = yield from _again(start, begin)
    if left.x.shape[1:] != tuple(denoiser.shape):
        raise RequestError("start", "start must branch from a run of a model that makes the same shape.")
    rows, scale = slice(request.count), levels[0].std / left.level.std
    memory = _memory(request, start.request, left, levels)
    previous = None if memory is None else (memory[0], memory[1][rows].to(device))
    return Origin(levels, (left.x[rows] * scale).to(device), first_of(request), previous, left.nfe)


def _memory(request: Request, parent: Request, left: Left, levels: Sequence[Level]) -> tuple[Level, Tensor] | None:
    """The level and D before, if the line through both goes on here: D is the same function, and had more noise.

    A step of another grid that is more than twice as long as the one before, in log σ, has none: far beyond two points
    that are near each other their line leads anywhere, under noise to pixels of 9 in five steps after 60 of 100.
    """
    previous = left.previous
    if previous is None or not all(getattr(request, name) == getattr(parent, name) for name in DENOISER):
        return None
    before, here, ahead = previous[0].sigma, left.level.sigma, levels[1].sigma
    leaps = any(getattr(request, name) != getattr(parent, name) for name in GRID) and here**3 > ahead * before**2
    return previous if before > here and not leaps else None


def _again(start: Branch, begin: Begin) -> Generator[None, None, Left]:
    """Walk the parent up to the step."""
    beginning, steps = yield from begin(start.request)
    previous, nfe = beginning.previous, beginning.nfe
    for step in steps:
        if step.index == start.step:
            return Left(step.level, step.x, previous, nfe)
        previous, nfe = (step.level, step.denoised), step.nfe
        yield
    raise AssertionError("a run has as many steps as levels to go to")


def _same(level: Level, schedule: Schedule) -> Level:
    """The level of this schedule with the same σ; as it is where the schedule has it, to the last bit."""
    if not level.alpha or level.sigma > schedule.sigma_max:
        if schedule.level(1.0) == level:
            return level
        raise RequestError("start", f"start must branch from σ up to {schedule.sigma_max:g}, the most of the schedule.")
    there = schedule.level_at_sigma(level.sigma)
    near = abs(there.alpha - level.alpha) < 1e-9 * level.alpha
    return Level(there.t, level.alpha, level.std) if near else there
