"""The process behind the window: reads commands on stdin, computes, writes frames on stdout.

One small thread reads, so that a cancel is seen between any two steps; all computing is on the main thread. Runs that
are under way at the same time take turns, one step each, so that lanes that are compared get the same share; an answer
in the making takes its turn among them, for as many of its pieces as go into a moment.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine import threads, wire
from engine.request import Request, RequestError

Inbox = queue.SimpleQueue[tuple[wire.Command | wire.Event | wire.WireError, wire.Arrays]]
"""What has arrived; an Event or an error in it is answered, not obeyed."""

MOMENT = 0.02  # seconds of an answer's turn


@dataclass
class Job:
    """A run, or an answer, under way."""

    number: int
    steps: Iterator[None]
    failure: type[wire.Failed] | type[wire.Refused]
    seconds: float = 0.0


class Worker:
    """Carries out commands from a queue, and sends events through `send`."""

    def __init__(self, commands: Inbox, send: Callable[..., None]) -> None:
        self.commands = commands
        self.send = send
        from engine.history import History

        self.history = History()
        self.runs: dict[int, Job] = {}
        self.asks: dict[int, Job] = {}

    def work(self) -> None:
        """Until a Shutdown: take what has arrived, then one step of every run, and a moment for every answer."""
        while self._obey():
            for job in list(self.runs.values()):
                self._advance(self.runs, job)
            for job in list(self.asks.values()):
                until = time.perf_counter() + MOMENT
                while job.number in self.asks and time.perf_counter() < until and self.commands.empty():
                    self._advance(self.asks, job)

    def _obey(self) -> bool:
        """Carry out the waiting commands; waits for one where nothing is under way. False for a Shutdown."""
        while not (self.runs or self.asks) or not self.commands.empty():
            command, arrays = self.commands.get()
            match command:
                case wire.Run(run=run):
                    self.runs[run] = Job(run, self._generate(command), wire.Failed)
                case wire.Cancel(run=run):
                    if self.runs.pop(run, None):
                        self.send(wire.Cancelled(run))
                case wire.Ask(ask=ask):
                    self.asks[ask] = Job(ask, self._answer(command, arrays), wire.Refused)
                case wire.Keep(budget=budget):
                    self.history.set_budget(budget)
                case wire.Drop(ask=ask):
                    self.asks.pop(ask, None)
                case wire.Shutdown():
                    return False
                case wire.WireError():
                    self.send(wire.Failed(0, f"The worker was sent {command}."))
                    if command.fatal:
                        return False
                case _:
                    self.send(wire.Failed(0, f"The worker was sent {type(command).__name__}, which is no command."))
        return True

    def _generate(self, command: wire.Run) -> Iterator[None]:
        """The run, sending its frames: a generator that stops after every step, also of a parent walked again."""
        from engine.pictures import pixels
        from engine.runs import begin, model_of, precisions
        from engine.runs import levels as levels_of
        from engine.views import measures, noisy

        run, request, history = command.run, Request.from_dict(command.request), self.history
        if len(model_of(request).shape) != 3:
            raise RequestError("model", f"model must make images here, not points, as {request.model} does.")
        _, steps = yield from begin(request, recall=history.recall)
        history.open(run, request)
        levels = [(level.t, level.alpha, level.std) for level in levels_of(request)]
        self.send(wire.Started(run, levels, precisions(request)))
        yield
        step = before = None
        for step in steps:
            history.keep(run, step)
            alpha, std, x, denoised = (
                step.level.alpha,
                step.level.std,
                step.x.cpu().numpy(),
                step.denoised.cpu().numpy(),
            )
            frames = noisy(x, alpha, std), pixels(denoised), measures(alpha, std, x, denoised, before)
            self.send(wire.Stepped(run, step.index, step.nfe, self.runs[run].seconds), *frames)
            before = denoised
            yield
        assert step is not None
        history.close(run, step)
        x, std = step.x_next.cpu().numpy(), step.next.std
        measured = measures(step.next.alpha, std, x, None if std else x, before)
        self.send(wire.Finished(run, step.nfe, self.runs[run].seconds), noisy(x, step.next.alpha, std), measured)

    def _answer(self, command: wire.Ask, arrays: wire.Arrays) -> Iterator[None]:
        """The answer, sending its pieces: a generator that stops wherever it can be dropped."""
        from engine.answers.asking import answer

        for piece in answer(command.what, command.values, arrays, self.history):
            if piece is not None:
                self.send(wire.Answer(command.ask, piece.values, piece.last), *piece.arrays)
            yield

    def _advance(self, jobs: dict[int, Job], job: Job) -> None:
        before = time.perf_counter()
        with self._failing(jobs, job):
            try:
                next(job.steps)
            except StopIteration:
                del jobs[job.number]
        job.seconds += time.perf_counter() - before

    @contextmanager
    def _failing(self, jobs: dict[int, Job], job: Job) -> Iterator[None]:
        """What raises is told to the window as one sentence, and is over."""
        try:
            yield
        except Exception as error:
            jobs.pop(job.number, None)
            field = error.field if isinstance(error, RequestError) else ""
            self.send(job.failure(job.number, str(error) or type(error).__name__, field, traceback.format_exc()))


def _read(descriptor: int, commands: Inbox) -> None:
    """The reading thread: until the window closes its end."""
    decoder = wire.Decoder()
    while data := os.read(descriptor, 1 << 16):
        decoder.feed(data)
        while True:
            try:
                for message, arrays in decoder.messages():
                    commands.put((message, arrays))
                break
            except wire.WireError as error:
                commands.put((error, []))
                if error.fatal:
                    return
    commands.put((wire.Shutdown(), []))


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def main() -> int:
    """Run the worker on stdin and stdout."""
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print goes to stderr: stdout carries frames only
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(0, os.O_BINARY)
        msvcrt.setmode(out, os.O_BINARY)
    commands: Inbox = queue.SimpleQueue()
    threading.Thread(target=_read, args=(0, commands), daemon=True, name="reader").start()

    def send(message: wire.Event, *arrays: object) -> None:
        _write(out, wire.frame(message, *arrays))  # type: ignore[arg-type]

    threads.sleep_early()  # for the window's sake
    import torch

    from engine.device import pick

    try:
        send(wire.Ready(str(pick()), str(torch.__version__), torch.get_num_threads()))
        Worker(commands, send).work()
    except BrokenPipeError:  # the window is gone
        return 0
    except ValueError as error:
        send(wire.Failed(0, str(error), details=traceback.format_exc()))
        return 1
    return 0


if __name__ == "__main__":
    # os._exit: a daemon thread may still sit in os.read, and the interpreter need not wait for it
    status = main()
    sys.stderr.flush()
    os._exit(status)
