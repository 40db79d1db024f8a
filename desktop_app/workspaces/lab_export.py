"""Saving what the lab shows: a picture, a drawing, an animation, or the numbers."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from desktop_app.state.lab import Lab
from desktop_app.state.lab_files import numbers, write_csv, write_npz
from desktop_app.theme import theme
from desktop_app.widgets.save_dialog import ask_where
from engine.animation import save_animation
from engine.files import replacing
from engine.pictures import save_png
from engine.request import Request

FILTERS = {
    "png": "Picture (*.png)",
    "svg": "Drawing (*.svg)",
    "mp4": "Film (*.mp4)",
    "gif": "Animation (*.gif)",
    "apng": "Animation without loss (*.apng)",
    "npz": "Particles at every level, for NumPy (*.npz)",
    "csv": "Particles at every level, as a table (*.csv)",
}
FRAME_S = 0.05
HOLD_S = 1.5  # of the last frame
MOST = 240  # steps of an animation; of a longer run as many of its positions
AHEAD = 3  # frames that wait to be written
WAIT_S = 5.0  # for the field of a frame

Frames = queue.SimpleQueue["NDArray[np.uint8] | StoppedError | None"]


class StoppedError(Exception):
    """An animation is not wanted any more."""


class Export(QObject):
    """Asks for a place, and writes what its name says."""

    said = Signal(str)
    progressed = Signal(str)

    def __init__(self, lab: Lab, shown: QWidget) -> None:
        super().__init__(lab)
        self.lab, self.shown = lab, shown
        self.task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Let a place be chosen."""
        if not self.lab.clouds[0].frames:
            self.said.emit("There is nothing to save yet.")
            return
        ask_where(self.shown, "Save what the lab shows", "lab.png", FILTERS, self.save)

    def save(self, path: Path) -> None:
        """Write a file of the kind that its name says."""
        if path.suffix.lower()[1:] not in FILTERS:
            self.said.emit(f"{path.name} must end in one of {', '.join(f'.{kind}' for kind in FILTERS)}.")
        elif not self.running:
            self.task = asyncio.ensure_future(self._save(path))

    @property
    def running(self) -> bool:
        """Whether something is being written."""
        return self.task is not None and not self.task.done()

    def stop(self) -> None:
        """Write no further: what was there before stays."""
        if self.task is not None:
            self.task.cancel()

    async def _save(self, path: Path) -> None:
        cloud = self.lab.clouds[0]
        try:
            match path.suffix.lower():
                case ".png":
                    save_png(path, picture(self.shown, 2), cloud.request)
                case ".svg":
                    draw(self.shown, path)
                case ".npz":
                    await asyncio.to_thread(write_npz, path, numbers(cloud), self.lab.points)
                case ".csv":
                    await asyncio.to_thread(write_csv, path, numbers(cloud))
                case _:
                    await self._animate(path)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            self._end(f"{path.name} could not be saved: {reason}.")
        except asyncio.CancelledError:
            self._end(f"{path.name} was not saved: it was stopped.")
        else:
            self._end(f"Saved as {path.name}.")

    def _end(self, sentence: str) -> None:
        self.task = None
        self.progressed.emit("")
        self.said.emit(sentence)

    async def _animate(self, path: Path) -> None:
        """Positions of the timeline in the order in which it plays, each with its own field, written by a thread.

        Whatever ends this ends the thread: it waits for the next frame, for None, or for what it is to raise.
        """
        timeline, frames = self.lab.timeline, Frames()
        before, last = timeline.position, timeline.length
        order = sorted({round(last * k / MOST) for k in range(MOST + 1)}, reverse=self.lab.forward)
        write = partial(written, path, frames, self.lab.clouds[0].request)
        writing = asyncio.get_running_loop().run_in_executor(None, write)
        end: StoppedError | None = StoppedError()
        look = self._look()
        try:
            for number, position in enumerate(order, 1):
                await self._show(position)
                if self._look() != look:
                    raise ValueError("the window was changed meanwhile")
                frames.put(picture(self.shown, 1))
                self.progressed.emit(f"frame {number} of {len(order)}")
                while frames.qsize() > AHEAD and not writing.done():
                    await asyncio.sleep(0.005)
                if writing.done():
                    break
            end = None
        finally:
            frames.put(end)
            timeline.seek(before)
        self.progressed.emit("writing…")
        await writing

    def _look(self) -> tuple[object, ...]:
        """What is the same in every frame: the size, the theme, the page, what is asked for."""
        lab = self.lab
        asked = [controls.request() for controls in lab.lanes[: len(lab.shown)]]
        return self.shown.size().toTuple(), theme().palette, lab.line_wanted, lab.forward, lab.source, asked

    async def _show(self, position: int) -> None:
        """Go there, and wait for the field."""
        self.lab.timeline.seek(position)
        until = asyncio.get_running_loop().time() + WAIT_S
        while self.lab.field is None or self.lab.field.level != self.lab.level:
            await asyncio.sleep(0.005)
            if asyncio.get_running_loop().time() > until:
                break
        await asyncio.sleep(0)


def written(path: Path, frames: Frames, request: Request) -> None:
    """Write what is put there as an animation, unless it is stopped. Raises OSError and ValueError."""
    with suppress(StoppedError):
        save_animation(path, taken(frames), FRAME_S, HOLD_S, request)


def taken(frames: Frames) -> Iterator[NDArray[np.uint8]]:
    """What is put there, until None; an exception is raised here."""
    while (found := frames.get()) is not None:
        if isinstance(found, StoppedError):
            raise found
        yield found


def picture(widget: QWidget, ratio: float) -> NDArray[np.uint8]:
    """What a widget shows, [H, W, 3], with so many pixels to a px."""
    image = QImage(widget.size() * ratio, QImage.Format.Format_RGB888)
    image.setDevicePixelRatio(ratio)
    widget.render(image)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def draw(widget: QWidget, path: Path) -> None:
    """What a widget shows, as an SVG. Raises OSError."""
    with replacing(path) as draft:
        draft.touch()  # QSvgGenerator says nothing where it cannot write
        generator = QSvgGenerator()
        generator.setFileName(str(draft))
        generator.setSize(widget.size())
        generator.setViewBox(widget.rect())
        generator.setTitle("Scorescope")
        widget.render(generator)
