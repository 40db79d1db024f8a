"""Saving what the lab shows: a picture, a drawing, an animation, or the numbers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop_app.state.lab import Lab
from desktop_app.state.lab_files import write_csv, write_npz
from engine.pictures import save_png

FILTERS = {
    "png": "Picture (*.png)",
    "svg": "Drawing (*.svg)",
    "gif": "Animation (*.gif)",
    "npz": "Particles at every level, for NumPy (*.npz)",
    "csv": "Particles at every level, as a table (*.csv)",
}
FRAME_MS = 50
HOLD_MS = 1500  # of the last frame
WAIT_S = 5.0  # for the field of a frame


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
        dialog = QFileDialog(self.shown, "Save what the lab shows", "lab.png", ";;".join(FILTERS.values()))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.filterSelected.connect(
            lambda chosen: dialog.setDefaultSuffix(next(s for s, text in FILTERS.items() if text == chosen))
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.save(Path(path)))
        dialog.open()

    def save(self, path: Path) -> None:
        """Write a file of the kind that its name says."""
        if path.suffix.lower()[1:] not in FILTERS:
            self.said.emit(f"{path.name} must end in one of {', '.join(f'.{kind}' for kind in FILTERS)}.")
        elif self.task is None or self.task.done():
            self.task = asyncio.ensure_future(self._save(path))

    async def _save(self, path: Path) -> None:
        cloud = self.lab.clouds[0]
        try:
            match path.suffix.lower():
                case ".png":
                    save_png(path, picture(self.shown, 2), cloud.request)
                case ".svg":
                    draw(self.shown, path)
                case ".gif":
                    await self._animate(path)
                case ".npz":
                    await asyncio.to_thread(write_npz, path, cloud, self.lab.points)
                case ".csv":
                    await asyncio.to_thread(write_csv, path, cloud)
        except OSError as error:
            self.said.emit(f"{path.name} could not be saved: {error.strerror or error}.")
            return
        finally:
            self.progressed.emit("")
        self.said.emit(f"Saved as {path.name}.")

    async def _animate(self, path: Path) -> None:
        """Every position of the timeline in the order in which it plays, each with its own field."""
        timeline = self.lab.timeline
        before, order = timeline.position, list(range(timeline.length + 1))
        frames = []
        for number, position in enumerate(reversed(order) if self.lab.forward else order):
            timeline.seek(position)
            waited = 0.0
            while self.lab.field is None or self.lab.field.level != self.lab.level:
                await asyncio.sleep(0.005)
                waited += 0.005
                if waited > WAIT_S:
                    break
            self.progressed.emit(f"frame {number + 1} of {len(order)}")
            frames.append(Image.fromarray(picture(self.shown, 1)))
            await asyncio.sleep(0)
        timeline.seek(before)
        shown_for = [FRAME_MS] * (len(frames) - 1) + [HOLD_MS]

        def write() -> None:
            frames[0].save(path, save_all=True, append_images=frames[1:], duration=shown_for, loop=0)

        await asyncio.to_thread(write)


def picture(widget: QWidget, ratio: float) -> NDArray[np.uint8]:
    """What a widget shows, [H, W, 3], with so many pixels to a px."""
    image = QImage(widget.size() * ratio, QImage.Format.Format_RGB888)
    image.setDevicePixelRatio(ratio)
    widget.render(image)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def draw(widget: QWidget, path: Path) -> None:
    """What a widget shows, as an SVG. Raises OSError."""
    path.open("wb").close()  # QSvgGenerator says nothing where it cannot write
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(widget.size())
    generator.setViewBox(widget.rect())
    generator.setTitle("Scorescope")
    widget.render(generator)
