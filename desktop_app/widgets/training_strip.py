"""Training images beside a sample: those that pull at it, where a model is made of them, or the nearest to it."""

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
from engine.catalog import Card, cards

HEIGHT, TILE, GAP, LEFT = 116, 56, 12, 20  # two pixels for one of a digit
LEAST = 5e-4  # a weight that is shown
HELP = {
    "pull": "D = Σ wᵢ xᵢ: the posterior weights wᵢ of the training images (Karras et al. 2022, eq. 57)",
    "nearest": "The root mean square of the pixels' differences: 2 from black to white",
}

REFUSED = {  # by the field that the engine names
    "place": "This step is not kept in full any more: generate again to see what is beside it.",
    "run": "",  # the engine has started anew, and walks the run again
}


class TrainingStrip(QWidget):
    """Follows a sample of a run: of an ideal denoiser always, of others while it is enlarged.

    Hidden where the training images are not here.
    """

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.setAccessibleName("Training images beside the sample")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)
        self.values: dict[str, Any] = {}
        self.images: NDArray[np.uint8] | None = None
        self.sample = 0
        self._note = ""
        self._owner: Run | None = None
        self._card: Card | None = None
        self._asked: tuple[int, int, int] | None = None  # run, place, sample
        self._latest = Latest(client, self)
        self._latest.answered.connect(self._on_answer)
        self._latest.refused.connect(self._on_refusal)
        theme().changed.connect(self.update)
        self.hide()

    def look(self, run: Run | None, position: int, enlarged: int) -> None:
        """Show what is beside a sample of a run, at a position; the first where none is enlarged (−1)."""
        owner, place = run.owner(max(position, 0)) if run is not None else (None, 0)  # a branch may change the model
        if owner is not self._owner:  # a card is read from disk: not at every step that is looked at
            self._owner, self._card = owner, cards().get(owner.request.model) if owner is not None else None
            self._forget()
        what = self._what()
        if owner is None or not what or (what == "nearest" and enlarged < 0):
            self._forget()
            self.hide()
            return
        if max(enlarged, 0) != self.sample:
            self.sample = max(enlarged, 0)
            self._forget()
        self.setToolTip(HELP[what])
        self.show()
        asked = (owner.number, place, self.sample)
        if asked != self._asked and position >= 0 and owner.number:
            self._asked = asked
            self._latest.want("beside", what, {"run": owner.number, "sample": self.sample, "place": place})

    def _forget(self) -> None:
        """What was shown is of something else."""
        self._asked, self.images, self.values, self._note = None, None, {}, ""
        self._latest.forget("beside")
        self.update()

    def stop(self) -> None:
        """Ask for nothing more."""
        self._latest.stop()

    def heading(self) -> str:
        """What the images are, in words."""
        number = self.sample + 1
        if "weights" in self.values:
            among = f"as {self.values['effective']:,.1f} of {self.values['images']:,} would, if equally strong"
            return f"Training images that pull at sample {number}: {among}"
        known = self._card.measured if self._card is not None else {}
        usual = ""
        if "nearest_test" in known:
            usual = f"; images it has not seen are {known['nearest_test']:.2f} from their nearest, in the median"
        elif "nearest_pictures" in known:
            usual = f"; these are {known['nearest_pictures']:.2f} from their nearest other, in the median"
        return f"Nearest to sample {number} among {self.values['images']:,} training images{usual}"

    def _what(self) -> str:
        if self._card is None or not self._card.dataset:
            return ""
        return "pull" if self._card.network == "ideal" else "nearest"

    def _on_answer(self, _: str, values: dict[str, Any], arrays: list[NDArray[np.uint8]]) -> None:
        self.values, self.images, self._note = values, arrays[0], ""
        self.update()

    def _on_refusal(self, _: str, error: RefusedError) -> None:
        self.images, self._note = None, REFUSED.get(error.field, str(error))
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
        width = self.width() - 2 * LEFT
        if self.images is None:
            painter.drawText(QRectF(LEFT, 0, width, HEIGHT), Qt.AlignmentFlag.AlignVCenter, self._note)
            return
        heading = painter.fontMetrics().elidedText(self.heading(), Qt.TextElideMode.ElideRight, width)
        painter.drawText(LEFT, 18, heading)
        fits = (width + GAP) // (TILE + GAP)
        for index, image in enumerate(self.images[:fits]):
            place = QRectF(LEFT + index * (TILE + GAP), 28, TILE, TILE)
            weights = self.values.get("weights")
            if weights is not None and weights[index] < LEAST:
                break
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, TILE % image.shape[0] != 0)
            painter.drawImage(place, as_image(np.ascontiguousarray(image)))
            painter.setPen(colours.colour("text_soft"))
            if weights is None:
                self._caption(painter, place, 4, f"{self.values['distances'][index]:.2f}")
                continue
            bar = QRectF(place.left(), place.bottom() + 4, TILE, 3)
            painter.fillRect(bar, colours.colour("control"))
            painter.fillRect(QRectF(bar.left(), bar.top(), TILE * weights[index], 3), colours.colour("accent"))
            percent = 100 * weights[index]
            self._caption(painter, place, 9, f"{percent:.0f} %" if percent >= 1 else f"{percent:.1f} %")

    def _caption(self, painter: QPainter, place: QRectF, below: int, text: str) -> None:
        painter.drawText(
            QRectF(place.left() - 6, place.bottom() + below, TILE + 12, 16), Qt.AlignmentFlag.AlignCenter, text
        )
