"""`scorescope bench`: the times that the design promises, beside those measured on this machine.

Prints a table, and never fails because of a time. The engine's rows are measured here; the window's by its own bench,
in a process of its own, since the engine knows no window.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from engine.bench.convergence import Method

STEPS = 50
ROUNDS = 21  # of every measurement, the medians of which are compared; measurements that are compared take turns
CALLS = 31
WINDOW_SECONDS = 600.0  # until the window's bench is given up
SHAPE = (1, 28, 28)

Timed = Callable[[], float]
"""Does something once and returns the seconds that count."""


def main(argv: list[str] | None = None) -> int:
    """Print the table; the status is 0 whatever the times are. `samplers` writes the convergence report instead."""
    if argv and argv[0] == "samplers":
        from engine.bench.report import main as report

        return report(argv[1:])
    parser = argparse.ArgumentParser(prog="scorescope bench", description="Measure the program's times.")
    parser.add_argument("--engine", action="store_true", help="Leave out the window's rows.")
    try:
        args = parser.parse_args(argv)
    except SystemExit as finished:
        return int(finished.code or 0)
    from engine.device import machine

    print(machine(), flush=True)
    _row("what", "target", "measured")
    for row in engine_rows():
        _row(*row)
    if not args.engine:
        _window_rows()
    return 0


def _row(what: str, target: str, measured: str) -> None:
    print(f"{what:<52} | {target:<44} | {measured}", flush=True)


# --- the engine ------------------------------------------------------------------------------------------------------


class Fixed:
    """A denoiser that takes no time: what is left is the sampler's own."""

    shape: tuple[int, ...] = SHAPE
    classes = 0

    def __init__(self) -> None:
        import torch

        from engine.schedules import ddpm_linear

        self.schedule, self.device = ddpm_linear(), torch.device("cpu")
        self.answer = torch.full((1, *SHAPE), 0.25)

    def encode(self, condition: object, count: int) -> Tensor:
        import torch

        return torch.zeros(count, dtype=torch.long)

    def __call__(self, x: Tensor, level: object, condition: object = None) -> Tensor:
        return self.answer


def engine_rows() -> Iterator[tuple[str, str, str]]:
    """(what, target, measured) of the engine, as they are measured."""
    from engine.models import ModelError
    from engine.request import Request
    from engine.runs import precisions

    call = None
    try:
        call, many = (median(_network_call(batch)) for batch in (1, 16))
        (ran_in,) = precisions(Request(model="digits")).values()
        label = f"digits: one call of the network in {ran_in}, batch"
        yield f"{label} 1", "-", _milliseconds(call)
        yield f"{label} 16", "-", f"{_milliseconds(many)} ({_milliseconds(many / 16)} each)"
        yield "network calls per step with guidance", "1", f"{_guided_calls():g}"
    except ModelError as error:
        yield "digits", "-", f"not measured: {error}"
    yield from _lab_rows()
    yield "digits-ideal: 60,000 images, batch 16", "≤ 150 ms, ≤ 1 GB", _ideal()
    try:
        from engine.bench.convergence import METHODS
    except ImportError as error:
        yield "own time per step", "-", f"not measured: {error}"
        return
    for method in METHODS:
        if method.theirs:
            yield _sampler_row(method, call)


def _lab_rows() -> Iterator[tuple[str, str, str]]:
    """The lab's fields, and how soon a small network has learned a distribution."""
    from engine import threads
    from engine.answers.asking import answer
    from engine.history import History
    from engine.lab.learning import Lesson
    from engine.lab.queries import Learn

    asked = {"model": "ring", "level": [0.5, 0.8, 0.6], "arrows": 40, "density": 256}

    def timed() -> float:
        started = time.perf_counter()
        list(answer("field", asked, [], History()))
        return time.perf_counter() - started

    field = median([timed() for _ in range(CALLS)])
    yield "lab: field 40 × 40, density 256 × 256, mixture of 8", "≤ 10 ms", _milliseconds(field)
    lesson, reached, started = Lesson(Learn(model="moons")), dict[float, float](), time.perf_counter()
    with threads.exactly(1):  # as the lab has it
        while 0.01 not in reached and lesson.step < 10_000:
            lesson.advance()
            error = lesson.trial.figures()["error"] if lesson.step % 50 == 0 else 1.0
            for bar in (0.1, 0.01):
                if error <= bar:
                    reached.setdefault(bar, time.perf_counter() - started)
    yield (
        "lab: two moons learned, to 10 % and to 1 % of what is to be learned",
        "≤ 20 s",
        " and ".join(f"{seconds:.1f} s" for seconds in reached.values()) or "not reached",
    )


def _ideal() -> str:
    """The time of a call of the ideal denoiser, and the most memory of a process that has done nothing else."""
    code = "from engine.bench.times import _network_call, median; print(median(_network_call(16, 'digits-ideal')))"
    peak = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"  # kB on Linux
    lines = code if sys.platform != "linux" else f"{code}; {peak}"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        return f"not measured: {done.stderr.strip().splitlines()[-1]}"
    seconds, *memory = map(float, done.stdout.split())
    return _milliseconds(seconds) + "".join(f", {kilobytes / 1e6:.2f} GB" for kilobytes in memory)


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.2f} ms"


def _network_call(batch: int, name: str = "digits") -> list[float]:
    """Seconds of calls of a denoiser, without guidance, after some that warm up."""
    from engine import models
    from engine.noise import KeyedNoise

    denoiser = models.load(name)
    level = denoiser.schedule.level_at_sigma(1.0)
    x = KeyedNoise(0, batch, denoiser.shape, denoiser.device).initial()
    condition = denoiser.encode(7, batch)

    def timed() -> float:
        started = time.perf_counter()
        denoiser(x, level, condition).cpu()
        return time.perf_counter() - started

    return [timed() for _ in range(CALLS + 3)][3:]


def _guided_calls() -> float:
    """Calls of the network per step of a run with guidance, counted."""
    from engine import models
    from engine.models.denoiser import NetworkDenoiser
    from engine.request import Request
    from engine.runs import run

    denoiser = models.load("digits")
    assert isinstance(denoiser, NetworkDenoiser)
    calls = []
    hook = denoiser.network.register_forward_hook(lambda *_: calls.append(1))
    try:
        for _ in run(Request(model="digits", condition=7, count=1, guidance=3.0, steps=10)):
            pass
    finally:
        hook.remove()
    return len(calls) / 10


def _sampler_row(method: Method, call: float | None) -> tuple[str, str, str]:
    """The sampler's own time per step, without the network: per cent of a network call, and diffusers' beside it."""
    model = Fixed()
    timed = [_ours(method, model)]
    beside = "diffusers is not installed"
    with suppress(ImportError):
        timed.append(_theirs(method, model.answer))
    rounds = [[one() for one in timed] for _ in range(ROUNDS + 2)][2:]
    own, *others = (median(times) / STEPS for times in zip(*rounds, strict=True))
    if others:
        beside = f"diffusers {1e6 * others[0]:.0f} µs, ours {own / others[0]:.2f} of it"
    share = (
        f" ({100 * own / call / method.calls:.2f} % of {'a call' if method.calls == 1 else 'its calls'})"
        if call
        else ""
    )
    return (
        f"own time per step, {method.label}",
        "≤ 2 % of a call; ≤ ½ of diffusers",
        f"{1e6 * own:.0f} µs{share}; {beside}",
    )


def _ours(method: Method, model: Fixed) -> Timed:
    """A run with the checks of every run, on a denoiser that takes no time."""
    from engine.runs import run

    request = method.request(STEPS, steps=STEPS, count=1)
    request = request.replace(spacing="trailing") if request.sigmas else request
    if request.noise == "path":
        request = request.replace(noise="step")

    def timed() -> float:
        steps = run(request, model)
        started = time.perf_counter()
        for _ in steps:
            pass
        return time.perf_counter() - started

    return timed


def _theirs(method: Method, answer: Tensor) -> Timed:
    """The same number of steps of diffusers' scheduler, on the same schedule, from the same kind of prediction."""
    import diffusers
    import torch

    from engine.bench.convergence import BETAS

    scheduler = getattr(diffusers, method.theirs)(**BETAS, prediction_type="sample", **method.options)
    generator = torch.Generator().manual_seed(0)

    def timed() -> float:
        scheduler.set_timesteps(STEPS)
        x = torch.randn((1, *SHAPE), generator=generator)
        noise: dict[str, Any] = {"generator": generator} if method.follows_a_path else {}
        if method.eta:
            noise["eta"] = method.eta
        started = time.perf_counter()
        for t in scheduler.timesteps:
            x = scheduler.step(answer, t, x, **noise).prev_sample
        return time.perf_counter() - started

    return timed


# --- the window ------------------------------------------------------------------------------------------------------


def _window_rows() -> None:
    """Run the window's bench, which prints lines `what | target | measured`, and pass its rows on."""
    environment = dict(os.environ)
    if sys.platform == "linux" and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    command = [sys.executable, "-m", "desktop_app.bench"]
    try:
        result = subprocess.run(command, env=environment, capture_output=True, timeout=WINDOW_SECONDS, encoding="utf-8")
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"The window's rows were not measured: {error}.")
        return
    rows = [line.split(" | ") for line in result.stdout.splitlines() if line.count(" | ") == 2]
    for row in rows:
        _row(*(cell.strip() for cell in row))
    if result.returncode or not rows:
        said = result.stderr.strip().splitlines() or ["it printed no rows"]
        print(f"The window's rows were not {'all ' if rows else ''}measured: {said[-1]}")
