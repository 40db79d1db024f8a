"""The window's end of the wire: starts the worker, speaks frames with it, and starts it again after a death."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from engine import wire
from engine.request import Request

Reply = tuple[wire.Event, wire.Arrays]

Values = dict[str, Any]

ENDS = wire.Finished | wire.Cancelled | wire.Failed
RESTARTS = 3  # deaths without a Ready in between, after which it is left alone


class RefusedError(Exception):
    """What was asked for cannot be answered; the message is one sentence, `field` names what it is about."""

    def __init__(self, message: str, field: str = "", details: str = "") -> None:
        super().__init__(message)
        self.field, self.details = field, details


@dataclass
class Line:
    """Replies to one run or ask, waiting to be read, and what tells of its failure where the worker cannot."""

    failure: type[wire.Failed] | type[wire.Refused]
    replies: asyncio.Queue[Reply] = field(default_factory=asyncio.Queue)


class EngineClient(QObject):
    """One worker process. `async for event, arrays in client.run(request)` gives a run's frames as they come."""

    ready = Signal(object)  # wire.Ready
    died = Signal(str, str)  # one sentence and the worker's last words; it is being started again
    gave_up = Signal(str, str)  # the same; call `start` to try again

    def __init__(self, parent: QObject | None = None, program: list[str] | None = None) -> None:
        super().__init__(parent)
        self._program = program or [sys.executable, "-m", "engine.worker"]
        self._process: QProcess | None = None
        self._decoder = wire.Decoder()
        self._lines: dict[int, Line] = {}
        self._numbers = count(1)
        self._deaths = 0
        self._closing = False
        self._errors = b""
        self._reason = ""  # what the worker itself said before it ended
        self.death = ""  # why the last one ended: what was under way has failed with this sentence
        self._keep = wire.Keep()
        self.is_ready = False
        self.about: wire.Ready | None = None  # what the engine runs on

    @property
    def pid(self) -> int:
        """The worker's process id, 0 where there is none."""
        return self._process.processId() if self._process else 0

    def start(self) -> None:
        """Start the worker; commands may be sent at once."""
        process = QProcess(self)
        process.setProgram(self._program[0])
        process.setArguments(self._program[1:])
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._read_errors)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._went_wrong)
        self._process, self._decoder, self.is_ready, self._errors = process, wire.Decoder(), False, b""
        process.start()
        self._send(self._keep)

    def keep(self, budget: int) -> None:
        """Have the steps of runs kept in so many bytes, by this worker and by those that come after it."""
        self._keep = wire.Keep(budget)
        if self._process is not None:
            self._send(self._keep)

    async def run(self, request: Request) -> AsyncIterator[Reply]:
        """The frames of one run, up to its Finished, Cancelled or Failed. Leaving the loop early cancels the run."""
        number = next(self._numbers)
        line = self._lines[number] = Line(wire.Failed)
        over = False
        try:
            self._send(wire.Run(number, request.to_dict()))
            while not over:
                event, arrays = await line.replies.get()
                over = isinstance(event, ENDS)
                yield event, arrays
                await asyncio.sleep(0)  # frames of other lanes that have come with this one take their turn
        finally:
            del self._lines[number]
            if not over:
                self._send(wire.Cancel(number))

    async def ask(
        self, what: str, values: Values, *arrays: NDArray[np.generic]
    ) -> AsyncGenerator[tuple[Values, wire.Arrays], None]:
        """The pieces of an answer (see `engine.answers`), as they come. Closing the iterator drops what is left of it.

        Raises RefusedError where it cannot be answered, or the worker ends before it is.
        """
        number = next(self._numbers)
        line = self._lines[number] = Line(wire.Refused)
        over = False
        try:
            self._send(wire.Ask(number, what, values), *arrays)
            while not over:
                event, found = await line.replies.get()
                if isinstance(event, wire.Refused):
                    over = True
                    raise RefusedError(event.message, event.field, event.details)
                assert isinstance(event, wire.Answer)
                over = event.last
                yield event.values, found
        except wire.WireError as error:
            over = True
            raise RefusedError(f"{what} cannot be asked for: {error}.") from error
        finally:
            del self._lines[number]
            if not over:
                self._send(wire.Drop(number))

    async def answer(self, what: str, values: Values, *arrays: NDArray[np.generic]) -> tuple[Values, wire.Arrays]:
        """An answer's last piece. Raises RefusedError as `ask` does."""
        async with aclosing(self.ask(what, values, *arrays)) as pieces:
            async for piece in pieces:
                last = piece
        return last

    def shut_down(self) -> None:
        """End the worker: asked first, made to after a moment. Safe to call twice."""
        self._closing = True
        if self._process is None:
            return
        process, self._process = self._process, None
        process.blockSignals(True)  # nobody listens any more, to a last frame or to the end
        if process.state() == QProcess.ProcessState.Running:
            process.write(wire.frame(wire.Shutdown()))
            process.closeWriteChannel()
            if process.waitForFinished(400):
                return
        process.kill()
        process.waitForFinished(2000)

    def _send(self, command: wire.Command, *arrays: NDArray[np.generic]) -> None:
        if self._process is not None:
            self._process.write(wire.frame(command, *arrays))
        elif isinstance(command, wire.Run | wire.Ask):
            self._fail(command.run if isinstance(command, wire.Run) else command.ask, "The engine is not running.")

    def _read(self) -> None:
        assert self._process is not None
        self._decoder.feed(bytes(self._process.readAllStandardOutput().data()))
        try:
            for event, arrays in self._decoder.messages():
                if isinstance(event, wire.Ready):
                    self.is_ready, self._deaths, self.about = True, 0, event
                    self.ready.emit(event)
                elif isinstance(event, wire.Failed) and event.run == 0:
                    self._reason = f"The engine stopped: {event.message}"
                else:
                    self._reply(event, arrays)
        except wire.WireError as error:
            self._errors += f"\nThe engine sent {error}.".encode()
            self._process.kill()  # out of step: start afresh

    def _reply(self, event: wire.Event | wire.Command, arrays: wire.Arrays) -> None:
        line = self._lines.get(getattr(event, "run", 0) or getattr(event, "ask", 0))
        if line is not None:  # else a frame of a run that nobody waits for any more
            line.replies.put_nowait((event, arrays))  # type: ignore[arg-type]

    def _fail(self, number: int, sentence: str, details: str = "") -> None:
        """Tell a run or an ask that nothing more will come of it."""
        line = self._lines[number]
        line.replies.put_nowait((line.failure(number, sentence, details=details), []))

    def _read_errors(self) -> None:
        if self._process is not None:
            self._errors = (self._errors + self._process.readAllStandardError().data())[-8000:]

    def _went_wrong(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._ended()

    def _ended(self) -> None:
        if self._closing or self._process is None:
            return
        self._process.deleteLater()
        self._process = None
        self._deaths += 1
        words = self._errors.decode(errors="replace").strip()
        sentence, self._reason = self._reason or "The engine stopped unexpectedly.", ""
        self.death = sentence
        for number in list(self._lines):
            self._fail(number, sentence, words)
        if self._deaths < RESTARTS:
            self.died.emit(f"{sentence} It is being started again.", words)
            QTimer.singleShot(0, self.start)
        else:
            self.gave_up.emit(f"{sentence} It ended {self._deaths} times in a row.", words)
            self._deaths = 0
