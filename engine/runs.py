"""run(request): look things up, put them together, yield the steps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import replace
from math import hypot, isfinite
from typing import TypeVar

from torch import Tensor

from engine import models, samplers
from engine.guidance import guided
from engine.models.checkpoint import ModelError
from engine.models.denoiser import Denoiser, NetworkDenoiser
from engine.models.noisy_classifier import NoisyClassifier
from engine.models.registry import load_guide
from engine.noise import KeyedNoise, Noise, PathNoise, later
from engine.origin import Beginning, Left, Origin, Recall, branch, levels_of, origin, repainting, schedule_of
from engine.precision import forced
from engine.request import Branch, Request, RequestError
from engine.samplers import Denoise, Lam, Step
from engine.schedules import Level
from engine.starts import Encoding
from engine.weights import models_of

M = TypeVar("M", Denoiser, Denoiser | NoisyClassifier)
R = TypeVar("R")

PARTICLES = 2_000  # of a cloud, where a request does not say


class RunError(RuntimeError):
    """A run that cannot go on; the message says at which step, and why."""


def levels(request: Request, denoiser: Denoiser | None = None) -> list[Level]:
    """The noise levels that a run of this request visits, from the first to the last. Raises RequestError."""
    model = model_of(request, denoiser)
    if not isinstance(request.start, Branch):
        return levels_of(request, model)
    parent, step = levels(request.start.request, denoiser), request.start.step
    if step >= len(parent) - 1:
        raise RequestError("start", f"start must have a step from 0 to {len(parent) - 2}, of the run it branches from.")
    return levels_of(request, model, parent[step:])


def run(request: Request, denoiser: Denoiser | None = None) -> Iterator[Step]:
    """Generate: yields every step as it is made; stop iterating to cancel.

    The last step's `x_next` is the result, [count, C, H, W] in [−1, 1], or [count, particles, 2] of a model of points
    in the plane. A `denoiser` of your own takes the place of the request's model. Raises RequestError, before the first
    step, for a model, condition, guide or start that does not exist or does not fit, and RunError for values that are
    not finite.
    """
    _, steps = returned(begin(request, denoiser))
    return steps


def sample(request: Request, denoiser: Denoiser | None = None) -> Tensor:
    """The result of `run` alone: the `x_next` of its last step. Raises as `run` does."""
    for step in run(request, denoiser):
        x = step.x_next
    return x


def returned(generator: Generator[object, None, R], after_each: Callable[[], object] = lambda: None) -> R:
    """Run a generator to its end: what it returns."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            value: R = end.value
            return value
        after_each()


def nowhere(request: Request, step: int) -> Left | None:
    """Where no run is remembered."""
    return None


def begin(request: Request, denoiser: Denoiser | None = None, recall: Recall = nowhere) -> Beginning:
    """What `run` does before its first step, in pieces: stops after every step of a parent that is walked again.

    A branch finds its parent by `recall` where it is remembered: the same bits, without the walk. Raises as `run` does.
    """
    model = model_of(request, denoiser)
    denoise = repainting(guided_by(request, model), request, model)
    keyed = KeyedNoise(request.seed, request.count, model.shape, model.device)
    if isinstance(request.start, Branch):
        path = levels(request, denoiser)
        begun = yield from branch(
            request, request.start, path, model, lambda parent: begin(parent, denoiser, recall), recall
        )
    else:
        begun = origin(request, model, keyed, lambda start: _encoder(start, request, denoiser))
    noise = PathNoise(keyed, begun.levels, begun.first) if request.noise == "path" else later(keyed, begun.first)
    return begun, _watched(_sampler(request, denoise, begun, noise, model), begun)


def model_of(request: Request, denoiser: Denoiser | None = None) -> Denoiser:
    """The model of a request, or the denoiser in its place; one of points in the plane makes clouds of particles.

    Raises RequestError for a model that does not exist, and for particles of one that makes something else.
    """
    model = denoiser or _load(request.model, request)
    if tuple(model.shape) != (2,):
        if request.particles is not None:
            raise RequestError("particles", f"particles must be none for a model of images, not {request.particles}.")
        return model
    if denoiser is not None and request.particles is None:
        return model
    return _cloud(model, (request.particles or PARTICLES, 2))


def _cloud(model: M, shape: tuple[int, ...]) -> M:
    """A model of points, for samples of this shape: as many points, each for itself."""
    model = copy(model)
    model.shape = shape
    return model


def guided_by(request: Request, denoiser: Denoiser) -> Denoise:
    """The denoiser under the condition and the guidance of a request. Raises RequestError for what does not fit it."""
    try:
        with _precise(request):
            guide = load_guide(request.guide) if request.guide else None
    except ModelError as error:
        raise RequestError("guide", str(error)) from error
    if guide is not None and tuple(guide.shape) == (2,):
        guide = _cloud(guide, denoiser.shape)
    return guided(
        denoiser,
        request.condition,
        request.count,
        weight=request.guidance,
        interval=request.guidance_interval,
        rescale=request.guidance_rescale,
        guide=guide,
        clip=request.clip,
    )


def _sampler(request: Request, denoise: Denoise, begin: Origin, noise: Noise, denoiser: Denoiser) -> Iterator[Step]:
    """The sampler of a request, at work."""
    x, path = begin.x, begin.levels
    match request.sampler:
        case "ddim_eta":
            return samplers.ddim_sampler(denoise, x, path, noise, request.eta or 0.0)
        case "ddpm_large":
            return samplers.ddpm_large_sampler(denoise, x, path, noise)
        case "unipc":
            return samplers.unipc_sampler(denoise, x, path, noise)
        case "heun":
            churn = (request.churn or 0.0) * (len(path) - 1) / request.steps  # a part of a run has its part of it
            return samplers.heun_sampler(denoise, x, path, noise, churn, request.noise_interval)
        case "rk45":
            assert request.tolerance is not None
            return samplers.rk45_sampler(denoise, x, path, noise, request.tolerance)
        case "euler" | "euler_maruyama":
            return samplers.euler_sampler(denoise, x, path, noise, schedule_of(request, denoiser), _lam(request))
        case "predictor_corrector":
            assert request.langevin_steps is not None
            assert request.step_size is not None
            return samplers.predictor_corrector_sampler(
                denoise, x, path, noise, _lam(request), request.langevin_steps, request.step_size
            )
        case "langevin" | "annealed_langevin":
            assert request.step_size is not None
            return samplers.langevin_sampler(denoise, x, path, noise, request.step_size)
        case _:
            return samplers.bridge_sampler(denoise, x, path, noise, _lam(request), request.order, begin.previous)


def _lam(request: Request) -> Lam:
    """λ, inside its interval of σ where there is one."""
    if request.noise_interval is None or request.lam == 0.0:
        return request.lam
    low, high = request.noise_interval
    return lambda sigma: request.lam if low <= sigma <= high else 0.0


def _encoder(start: Encoding, request: Request, denoiser: Denoiser | None) -> Denoise:
    """The denoiser that an image is encoded with: unguided."""
    model = _load(start.model, request) if start.model else denoiser or _load(request.model, request)
    return guided(model, start.condition, 1)


def _load(name: str, request: Request) -> Denoiser:
    try:
        with _precise(request):
            return models.load(name)
    except ModelError as error:
        raise RequestError("model", str(error)) from error


def _precise(request: Request) -> AbstractContextManager[None]:
    """Where the models of a request are loaded: with RK45 in float32, whatever is asked.

    In bfloat16 no tolerance below 1e-4 can be kept: at 1e-5 the digits are 20 times as far off, after three times the
    evaluations, and at 1e-6 there is no end of them.
    """
    return forced("fp32") if request.sampler == "rk45" else nullcontext()


def precisions(request: Request) -> dict[str, str]:
    """What the networks of a request run in here, by the names of their models; with those that a branch leaves from.

    Where some parts of a branch are RK45's, what the others run in. Formulas and classifiers have no choice.
    """
    start, found = request.start, dict[str, str]()
    with _precise(request):
        for name in models_of(request):
            model = load_guide(name)
            if isinstance(model, NetworkDenoiser):
                found[name] = model.precision
    if not isinstance(start, Branch):
        return found
    above = precisions(start.request)
    return found | above if request.sampler == "rk45" else above | found


def _watched(steps: Iterator[Step], begin: Origin) -> Iterator[Step]:
    """The steps, until one is not finite; the evaluations counted from the start of what came before."""
    total = len(begin.levels) - 1
    for step in steps:
        if not isfinite(float(step.x_next.sum())):  # between two steps: inside one nothing waits for the device
            raise RunError(_cause(step, total))
        yield replace(step, nfe=step.nfe + begin.nfe) if begin.nfe else step


def _cause(step: Step, total: int) -> str:
    at = f"at step {step.index + 1} of {total} (σ = {step.level.sigma:.4g})"
    if float(step.x.abs().max()) > 1e6 * hypot(step.level.alpha, step.level.std):
        return f"The run stopped {at}: x grew beyond all numbers; more steps, or a smaller step size, keep it finite."
    return f"The run stopped {at}: the denoiser returned values that are not finite."
