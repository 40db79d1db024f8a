"""Verify: render a saved picture again from what it says of itself, and compare the pixels."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import msgspec
import numpy as np
import torch
from torch import Tensor

from engine import metadata, threads, views
from engine.device import pick
from engine.metadata import Made, Saved
from engine.pictures import Pixels, read_png, result, sheet, sheet_size
from engine.precision import Precision, forced
from engine.request import Request
from engine.runs import model_of, precisions, returned, run
from engine.samplers import Step
from engine.schedules import Level
from engine.weights import fingerprint

MAX_THREADS = 64
KINDS: tuple[Precision, ...] = get_args(Precision)
ROUGH = "cpu bf16"  # the device of old pictures whose networks all ran in bfloat16


class VerifyError(ValueError):
    """A picture that cannot be compared; the message is one sentence."""


class Verdict(msgspec.Struct, frozen=True):
    """How a picture differs from the one rendered again, in steps of 1/255."""

    largest: int
    mean: float  # over all values of the sheet
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]  # of the values that differ
    reasons: tuple[str, ...] = ()  # what is not as it was when the picture was made

    @property
    def exact(self) -> bool:
        """Whether every pixel is the same."""
        return self.largest == 0

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.exact:
            return "Exact: rendered again, every pixel is the same."
        why = f" What has changed: {'; '.join(self.reasons)}." if self.reasons else " Nothing is known to have changed."
        return (
            f"Different: {self.share:.2%} of the values, by {self.mean:.3g}/255 in the mean over the picture and "
            f"{self.largest}/255 at most.{why}"
        )


def verify(path: Path, after_step: Callable[[], object] = lambda: None) -> Verdict:
    """Render the picture in a file again and compare. Raises FileError, VerifyError, RequestError and RunError."""
    saved, page = metadata.read(path), read_png(path)
    return returned(check(saved, page), after_step)


def check(saved: Saved, page: Pixels) -> Generator[None, None, Verdict]:
    """Render again, stopping after every step; returns the verdict. Raises as `verify` does."""
    request, made = saved.request, saved.made or Made()
    with _as_then(made):
        shape = model_of(request).shape
    if made.view not in views.VIEWS:
        raise VerifyError(f"The picture shows {made.view}, which this version does not know.")
    if len(shape) != 3:
        raise VerifyError(f"The picture shows the plane of {request.model}, which the window draws.")
    channels = 3 if made.view in views.SIGNED else shape[0]
    expected = sheet_size((request.count, *shape[1:], channels), made.columns, made.enlarge, made.gap)
    if page.dtype != np.uint8 or page.ndim != 3:
        raise VerifyError("The picture must be bytes [H, W, C].")
    if page.shape != expected:
        there, wanted = (f"{height} × {width} pixels" for height, width, _ in (page.shape, expected))
        raise VerifyError(f"The picture has {there}, and what its request makes has {wanted}: it was cut or scaled.")
    images = yield from _shown(request, made)
    again = sheet(images, made.columns, made.enlarge, made.gap)
    difference = np.abs(again.astype(np.int16) - page)
    return Verdict(int(difference.max()), float(difference.mean()), float((difference > 0).mean()), _changed(saved))


def _shown(request: Request, made: Made) -> Generator[None, None, Pixels]:
    """The pictures that are shown, of the step that is shown, computed as they were then."""
    with _as_then(made):
        steps = run(request)
    last = before = None
    while True:
        with _as_then(made):
            step = next(steps, None)
        if step is None:
            break
        last, before = step, last
        if step.index == made.step:
            return _seen(made.view, step.level, step.x, step.denoised, before)
        yield
    assert last is not None
    if made.step is not None and made.step != last.index + 1:
        raise VerifyError(f"The picture says that it shows step {made.step} of a run that has {last.index + 1}.")
    if views.of_the_step_before(made.view, last.next.std):
        return _seen(made.view, last.level, last.x, last.denoised, before)
    if made.view == "change":
        return _seen("change", last.next, last.x_next, last.x_next, last)
    return result(last)


def _seen(view: str, level: Level, x: Tensor, denoised: Tensor, before: Step | None) -> Pixels:
    """A view of x_t [B, C, H, W], as the window shows it."""
    values, estimate = x.float().cpu().numpy(), denoised.float().cpu().numpy()
    then = None if before is None else before.denoised.float().cpu().numpy()
    return views.seen(view, level.alpha, level.std, values, estimate, then)[0]


def here(request: Request) -> Made:
    """What would compute this request in this process, with the layout of `sheet`."""
    return Made(
        program=metadata.program(),
        torch=str(torch.__version__),
        device=str(pick()),
        threads=torch.get_num_threads(),
        weights=fingerprint(request.model),
        precision=precisions(request),
    )


@contextmanager
def _as_then(made: Made) -> Iterator[None]:
    """On as many threads as then, and in the same precision: where a picture says none, in what was usual."""
    usual: Precision = "bf16" if made.device.startswith(("cuda", "mps")) or made.device == ROUGH else "fp32"
    known = {name: kind for kind in KINDS for name, said in made.precision.items() if said == kind}
    with threads.exactly(min(made.threads, MAX_THREADS) or torch.get_num_threads()), forced(usual, known):
        yield


def _changed(saved: Saved) -> tuple[str, ...]:
    """What is not as it was."""
    if saved.made is None:
        return ("the picture does not say what made it",)
    then = saved.made
    unsaid = then.device == "cpu auto"
    if then.device == ROUGH or unsaid:
        then = msgspec.structs.replace(then, device="cpu")
    with _as_then(saved.made):
        now = here(saved.request)
    found = [
        f"{what} was {getattr(then, name)}, is {getattr(now, name)}"
        for name, what in {"program": "Scorescope", "torch": "torch", "device": "the device"}.items()
        if getattr(then, name) and getattr(then, name) != getattr(now, name)
    ]
    if unsaid:
        found.append("it does not say whether it was made in fp32 or in bf16")
    if then.threads > MAX_THREADS:
        found.append(f"{then.threads} threads were used, {MAX_THREADS} are now")
    found += [
        f"{name} ran in {said}, now in {now.precision[name]}"
        for name, said in then.precision.items()
        if said != now.precision.get(name, said)
    ]
    if then.weights and then.weights != now.weights:
        found.append(f"the weights of {saved.request.model} are others")
    return tuple(found)
