"""The training images that pull at a sample, with their weights: what an ideal denoiser is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.engine_client import RefusedError
from desktop_app.state.latest import Client, Latest
from desktop_app.state.runs import Run
from desktop_app.theme import theme
from desktop_app.widgets.image_grid import as_image
from engine.catalog import cards

HEIGHT, TILE, GAP, LEFT = 104, 44, 12, 20
LEAST = 5e-4  # a weight that is shown


class PullStrip(QWidget):
    """Follows a sample of a run; hidden where no training images pull, as at a network."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.setAccessibleName("Training images that pull at the sample")
        self.setToolTip("D = Σ wᵢ xᵢ: the posterior weights wᵢ of the training images (Karras et al. 2022, eq. 57)")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)
        self.values: dict[str, Any] = {}
        self.images: NDArray[np.uint8] | None = None
        self.sample = 0
        self._note = ""
        self._run: Run | None = None
        self._pulled = False  # whether training images pull at its samples
        self._asked: tuple[Run, int, int] | None = None
        self._latest = Latest(client, self)
        self._latest.answered.connect(self._on_answer)
        self._latest.refused.connect(self._on_refusal)
        theme().changed.connect(self.update)
        self.hide()

    def look(self, run: Run | None, position: int, sample: int) -> None:
        """Show what pulls at a sample of a run, at a position."""
        if run is not self._run:  # a card is read from disk: not at every step that is looked at
            self._run, card = run, cards().get(run.request.model) if run is not None else None
            self._pulled = card is not None and card.network == "ideal"
        if run is None or not self._pulled:
            self._asked = None
            self.hide()
            return
        self.show()
        if (run, position, sample) == self._asked or position < 0:
            return
        self._asked, self.sample = (run, position, sample), max(sample, 0)
        owner, place = run.owner(position)
        if owner.number:
            self._latest.want("pull", "pull", {"run": owner.number, "sample": self.sample, "place": place})

    def stop(self) -> None:
        """Ask for nothing more."""
        self._latest.stop()

    def _on_answer(self, _: str, values: dict[str, Any], arrays: list[NDArray[np.uint8]]) -> None:
        self.values, self.images, self._note = values, arrays[0], ""
        self.update()

    def _on_refusal(self, _: str, error: RefusedError) -> None:
        self.images, self._note = None, str(error)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours = QPainter(self), theme()
        painter.fillRect(self.rect(), colours.colour("canvas"))
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(colours.colour("text_faint"))
        if self.images is None:
            painter.drawText(
                QRectF(LEFT, 0, self.width() - 2 * LEFT, HEIGHT), Qt.AlignmentFlag.AlignVCenter, self._note
            )
            return
        among = f"as {self.values['effective']:,.1f} of {self.values['images']:,} would, if all were equally strong"
        painter.drawText(LEFT, 18, f"Training images that pull at sample {self.sample + 1}: {among}")
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        fits = int((self.width() - 2 * LEFT + GAP) // (TILE + GAP))
        for index, (image, weight) in enumerate(zip(self.images, self.values["weights"], strict=True)):
            if index >= fits or weight < LEAST:
                break
            place = QRectF(LEFT + index * (TILE + GAP), 28, TILE, TILE)
            painter.drawImage(place, as_image(np.ascontiguousarray(image)))
            bar = QRectF(place.left(), place.bottom() + 4, TILE, 3)
            painter.fillRect(bar, colours.colour("control"))
            painter.fillRect(QRectF(bar.left(), bar.top(), TILE * weight, 3), colours.colour("accent"))
            painter.setPen(colours.colour("text_soft"))
            text = f"{100 * weight:.0f} %" if weight >= 0.01 else f"{100 * weight:.1f} %"
            painter.drawText(
                QRectF(place.left() - 6, bar.bottom() + 2, TILE + 12, 16), Qt.AlignmentFlag.AlignCenter, text
            )
