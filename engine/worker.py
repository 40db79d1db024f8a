"""The process behind the window: reads commands on stdin, computes, writes frames on stdout.

One small thread reads, so that a cancel is seen between any two steps; all computing is on the main thread. Runs that
are under way at the same time take turns, one step each, so that lanes that are compared get the same share.
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

from engine import wire
from engine.request import Request, RequestError

Inbox = queue.SimpleQueue[wire.Command | wire.Event | wire.WireError]
"""What has arrived; an Event or an error in it is answered, not obeyed."""


@dataclass
class Job:
    """A run under way."""

    run: int
    steps: Iterator[None]
    seconds: float = 0.0


class Worker:
    """Carries out commands from a queue, and sends events through `send`."""

    def __init__(self, commands: Inbox, send: Callable[..., None]) -> None:
        self.commands = commands
        self.send = send
        self.jobs: dict[int, Job] = {}

    def work(self) -> None:
        """Until a Shutdown: take what has arrived, then one step of every run."""
        while self._obey():
            for job in list(self.jobs.values()):
                self._advance(job)

    def _obey(self) -> bool:
        """Carry out the waiting commands; waits for one where nothing is under way. False for a Shutdown."""
        while not self.jobs or not self.commands.empty():
            command = self.commands.get()
            match command:
                case wire.Run():
                    self._start(command)
                case wire.Cancel(run=run):
                    if self.jobs.pop(run, None):
                        self.send(wire.Cancelled(run))
                case wire.Shutdown():
                    return False
                case wire.WireError():
                    self.send(wire.Failed(0, f"The worker was sent {command}."))
                    if command.fatal:
                        return False
                case _:
                    self.send(wire.Failed(0, f"The worker was sent {type(command).__name__}, which is no command."))
        return True

    def _start(self, command: wire.Run) -> None:
        with self._failing(command.run):
            request = Request.from_dict(command.request)
            self.jobs[command.run] = Job(command.run, self._generate(command.run, request))

    def _generate(self, run: int, request: Request) -> Iterator[None]:
        """The run, sending its frames: a generator that stops after every step."""
        from engine.pictures import pixels
        from engine.runs import levels as levels_of
        from engine.runs import run as start

        steps = start(request)
        levels = levels_of(request)
        self.send(wire.Started(run, [(level.t, level.alpha, level.std) for level in levels]))
        yield
        step = None
        for step in steps:
            # x_t is drawn in its variance-preserving form, so that its contrast is the same on every schedule
            noisy = pixels(step.x.cpu().numpy(), (step.level.alpha**2 + step.level.std**2) ** 0.5)
            clean = pixels(step.denoised.cpu().numpy())
            self.send(wire.Stepped(run, step.index, step.nfe, self.jobs[run].seconds), noisy, clean)
            yield
        assert step is not None
        last = pixels(step.x_next.cpu().numpy(), (step.next.alpha**2 + step.next.std**2) ** 0.5)  # noisy, of Langevin
        self.send(wire.Finished(run, step.nfe, self.jobs[run].seconds), last)

    def _advance(self, job: Job) -> None:
        before = time.perf_counter()
        with self._failing(job.run):
            try:
                next(job.steps)
            except StopIteration:
                del self.jobs[job.run]
        job.seconds += time.perf_counter() - before

    @contextmanager
    def _failing(self, run: int) -> Iterator[None]:
        """A run that raises is told to the window as one sentence, and is over."""
        try:
            yield
        except Exception as error:
            self.jobs.pop(run, None)
            field = error.field if isinstance(error, RequestError) else ""
            self.send(wire.Failed(run, str(error) or type(error).__name__, field, traceback.format_exc()))


def _read(descriptor: int, commands: Inbox) -> None:
    """The reading thread: until the window closes its end."""
    decoder = wire.Decoder()
    while data := os.read(descriptor, 1 << 16):
        decoder.feed(data)
        while True:
            try:
                for message, _ in decoder.messages():
                    commands.put(message)
                break
            except wire.WireError as error:
                commands.put(error)
                if error.fatal:
                    return
    commands.put(wire.Shutdown())


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

    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin steal the cores from the window
    import torch

    from engine.device import pick

    try:
        send(wire.Ready(str(pick()), str(torch.__version__)))
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
