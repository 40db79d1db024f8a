"""A cell at work: its run, and how good what it makes is.

Every cell is computed by one thread, in float32. So its pixels depend on its request alone, and not on the machine's
cores (sums in two threads round differently, by 5e-6, which moves a byte now and then) nor on what was measured to be
fast there; and no error is that of bfloat16.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine import runs, threads
from engine.fields import RequestError
from engine.lab.cloud import COMPARED, Truth
from engine.measures.judges import judged as judged_by
from engine.pictures import Pixels, pixels
from engine.precision import forced
from engine.request import Request
from engine.samplers import Step
from engine.sweep.folder import Result
from engine.sweep.plan import Cell
from engine.weights import fingerprints

SIDE = 84  # pixels of a cloud's picture
HALF = 2.1  # of the plane it shows: the data lie within ±1.5
KEPT = 16  # solutions


@dataclass(frozen=True)
class Progress:
    """A step that is done, of the run or of its reference, and what D is there."""

    step: int
    steps: int
    pictures: Pixels | None


Judged = Generator[Progress, None, Result]

_solutions: dict[tuple[str, str], Tensor] = {}  # by the request and its weights


def judged(cell: Cell) -> Judged:
    """Run a cell; a run that cannot be is a result with its reason."""
    if cell.request is None:
        return Result(reason=cell.reason)
    try:
        return (yield from _ran(cell.request, cell.reference))
    except (RequestError, runs.RunError) as error:
        return Result(reason=str(error))


def finish(cell: Cell) -> Result:
    """Run a cell to its end."""
    with threads.exactly(1):
        return runs.returned(judged(cell))


def _ran(request: Request, reference: Request | None) -> Judged:
    with forced("fp32"):
        model, steps = runs.model_of(request), len(runs.levels(request)) - 1
        nfe, seconds, before = 0, 0.0, time.perf_counter()
        running = runs.run(request)
    step: Step | None = None
    for step in running:
        nfe, seconds = step.nfe, seconds + time.perf_counter() - before
        yield Progress(step.index + 1, steps, shown(step.denoised))
        before = time.perf_counter()
    assert step is not None
    x, scale = step.x_next, (step.next.alpha**2 + step.next.std**2) ** 0.5  # noisy, of Langevin
    figures = {"nfe": float(nfe), "seconds": seconds, **_quality(request, step, tuple(model.shape))}
    if reference is not None:
        exact = yield from _solved(reference)
        figures["error"] = float((x.double().cpu() - exact).square().mean().sqrt())
    return Result(shown(x, scale), figures)


def _solved(reference: Request) -> Generator[Progress, None, Tensor]:
    """The solution that cells are measured against, which those of one row share."""
    key = reference.to_json(), str(fingerprints(reference))
    if key not in _solutions:
        with forced("fp32"):
            running = runs.run(reference)
        for step in running:
            yield Progress(step.index + 1, reference.steps, None)
        while len(_solutions) >= KEPT:
            del _solutions[next(iter(_solutions))]
        _solutions[key] = step.x_next.double().cpu()
    return _solutions[key]


def _quality(request: Request, last: Step, shape: tuple[int, ...]) -> dict[str, float]:
    """Whether the judge sees what was asked for, of images; how far from the truth they are, of particles."""
    if len(shape) == 2:
        truth = _truth(request.model, request.condition, min(COMPARED, shape[0]))
        clouds = last.x_next.float().cpu().numpy()
        return {"distance": float(np.mean([truth.distance(x, last.next.alpha, last.next.std) for x in clouds]))}
    images = pixels(last.x_next.float().cpu().numpy(), (last.next.alpha**2 + last.next.std**2) ** 0.5)
    agreement = judged_by(request.model, request.condition, images.transpose(0, 3, 1, 2))
    return {} if agreement is None else {"agreement": agreement}


@lru_cache(maxsize=8)
def _truth(model: str, condition: int | str | None, count: int) -> Truth:
    """Exact samples, which all cells of a model share."""
    return Truth(Request(model=model, condition=condition), count)


def shown(x: Tensor, scale: float = 1.0) -> Pixels:
    """Images [B, C, H, W] as bytes [B, H, W, C]; particles [B, n, 2] as pictures of their density."""
    values = x.float().cpu().numpy()
    return pixels(values, scale) if values.ndim == 4 else np.stack([_density(cloud / scale) for cloud in values])


def _density(points: NDArray[np.float32]) -> Pixels:
    """Points [n, 2] as a picture [S, S, 1]: the more to a pixel, the brighter; y upwards."""
    edges = np.linspace(-HALF, HALF, SIDE + 1)
    counts = np.histogram2d(points[:, 1], points[:, 0], (edges, edges))[0][::-1]
    usual = max(4.0 * len(points) / SIDE**2, 1.5)
    shades: Pixels = (255.0 * (1.0 - np.exp(-counts / usual))).astype(np.uint8)[..., None]
    return shades
