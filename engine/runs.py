"""run(request): look things up, put them together, yield the steps."""

from __future__ import annotations

from collections.abc import Iterator

from engine import models, samplers
from engine.guidance import classifier_free
from engine.models.checkpoint import ModelError
from engine.models.denoiser import Denoiser
from engine.noise import KeyedNoise
from engine.request import Request, RequestError
from engine.samplers import Step
from engine.schedules import SCHEDULES, Level, grid


def levels(request: Request) -> list[Level]:
    """The noise levels that a run of this request visits, from the noisiest to the clean one."""
    return _levels(request, _load(request))


def _levels(request: Request, denoiser: Denoiser) -> list[Level]:
    schedule = SCHEDULES[request.schedule]() if request.schedule else denoiser.schedule
    return grid(schedule, request.steps, request.spacing)


def run(request: Request) -> Iterator[Step]:
    """Generate: yields every step as it is made; stop iterating to cancel.

    The last step's `x_next` is the result, [count, C, H, W] in [−1, 1]. Raises RequestError, before anything is
    computed, for a model or condition that does not exist, and ModelError for weights that cannot be used.
    """
    denoiser = _load(request)
    try:
        denoise = classifier_free(
            denoiser, request.condition, request.count, request.guidance, request.guidance_interval
        )
    except ValueError as error:
        raise RequestError("condition", f"{error}.") from error
    path = _levels(request, denoiser)
    noise = KeyedNoise(request.seed, request.count, denoiser.shape, denoiser.device)
    x = path[0].std * noise.initial()
    if request.sampler == "heun":
        return samplers.heun_sampler(denoise, x, path, noise)
    return samplers.bridge_sampler(denoise, x, path, noise, request.lam, request.order)


def _load(request: Request) -> Denoiser:
    try:
        return models.load(request.model)
    except ModelError as error:
        raise RequestError("model", str(error)) from error
