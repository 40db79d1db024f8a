"""Exporting a picture: a copy of the file, or its reverse process in motion, run again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from engine import animation, wire
from engine.files import replacing
from engine.pictures import sheet
from engine.request import Request

MOST = 240  # frames, evenly along the run
SECONDS = 4.0  # of them all, within what a frame is seen for
EACH = (0.04, 0.25)
SIDE = 480  # px that the sheet is enlarged to, about


class Client(Protocol):
    """What is needed of the engine client."""

    def run(self, request: Request) -> AsyncIterator[tuple[wire.Event, wire.Arrays]]: ...


class StoppedError(Exception):
    """Asked to stop, or the run failed; the message is a sentence."""


class Exporting(QObject):
    """One export at a time."""

    progressed = Signal(str, float)  # words, and the share that is done; no words when it is over
    said = Signal(str)

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def copy(self, source: Path, path: Path) -> None:
        """Copy a picture as it is."""
        self._begin(self._copy(source, path))

    def animate(self, request: Request, view: str, path: Path) -> None:
        """Run again, and write every step as what the name ends in: GIF, animated PNG or MP4."""
        self._begin(self._animate(request, view, path))

    def stop(self) -> None:
        """Stop what is under way; there is no file then."""
        self._stopped = True

    def close(self) -> None:
        """Stop, and wait for nothing more."""
        self.stop()
        if self._task is not None:
            self._task.cancel()

    def _begin(self, work: Any) -> None:
        self._stopped = False
        self._task = asyncio.ensure_future(work)

    async def _copy(self, source: Path, path: Path) -> None:
        try:
            with replacing(path) as draft:
                await asyncio.to_thread(shutil.copyfile, source, draft)
        except OSError as error:
            self.said.emit(f"{path.name} could not be written: {error.strerror or error}.")
        else:
            self.said.emit(f"Saved as {path.name}.")

    async def _animate(self, request: Request, view: str, path: Path) -> None:
        try:
            frames = await self._frames(request, view)
            each = float(np.clip(SECONDS / len(frames), *EACH))
            total = len(frames)

            def taken(count: int) -> None:  # on the thread: a signal of Qt finds its way
                if self._stopped:
                    raise StoppedError("The export was stopped.")
                self.progressed.emit(f"writing frame {count} of {total}", 0.6 + 0.4 * count / total)

            await asyncio.to_thread(animation.save_animation, path, frames, each, 1.5, request, taken)
        except StoppedError as error:
            self.said.emit(str(error))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error).rstrip(".")
            self.said.emit(f"{path.name} could not be written: {reason}.")
        else:
            self.said.emit(f"Saved as {path.name}.")
        finally:
            self.progressed.emit("", 0.0)

    async def _frames(self, request: Request, view: str) -> list[NDArray[np.uint8]]:
        """The steps of the run, of a long one every so many, and the result; as RGB."""
        frames: list[NDArray[np.uint8]] = []
        wanted: set[int] = set()
        steps = 1
        async with aclosing(self._client.run(request)) as events:  # type: ignore[type-var]
            async for event, arrays in events:
                if self._stopped:
                    raise StoppedError("The export was stopped.")
                match event:
                    case wire.Started():
                        steps = len(event.levels) - 1
                        wanted = set(np.linspace(0, steps, min(steps + 1, MOST)).round().astype(int).tolist())
                    case wire.Stepped(index=index):
                        self.progressed.emit(f"step {index + 1} of {steps}", 0.6 * (index + 1) / steps)
                        if index in wanted:
                            frames.append(_page(arrays[0] if view == "noisy" else arrays[1]))
                    case wire.Finished():
                        frames.append(_page(arrays[0]))
                    case wire.Failed():
                        raise StoppedError(f"The run could not be made again: {event.message}")
        return frames


def _page(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A sheet of RGB, large enough to be seen."""
    columns = int(np.ceil(np.sqrt(len(images))))
    page = sheet(images, enlarge=int(np.clip(SIDE // (columns * images.shape[2]), 1, 16)))
    return np.ascontiguousarray(np.broadcast_to(page, (*page.shape[:2], 3)))
