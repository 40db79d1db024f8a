"""The grid of a sweep: a tile for each cell, the values at the left and above; as pictures, or as a map of a figure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QFont, QHelpEvent, QKeyEvent, QLinearGradient, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from desktop_app.state.sweep import SweepRun
from desktop_app.theme import theme
from desktop_app.widgets.image_grid import as_image
from desktop_app.widgets.layout import FocusRing
from desktop_app.widgets.sweep_colours import Shades, colour, figure_text, figures_text, ink
from desktop_app.widgets.sweep_tiles import GAP, LEGEND, MARGIN, Tiles, samples, values_text
from engine.sweep import Cell

MOST = 4  # cells that can be selected
MOVES = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}


class SweepGrid(FocusRing, QWidget):
    """Shows a sweep as it fills in. A click selects a cell, with Ctrl up to four."""

    selected = Signal()
    opened = Signal()  # a cell was double-clicked, or Enter pressed

    def __init__(self, run: SweepRun) -> None:
        super().__init__()
        self.run = run
        self.figure = ""  # of the map; nothing for pictures
        self.selection: list[int] = []
        self.setAccessibleName("Cells of the sweep")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 200)
        self.tiles: Tiles | None = None
        self._pages: dict[int, tuple[int, NDArray[np.uint8]]] = {}  # cell → (side of the tile, its samples on a page)
        run.cell_changed.connect(self._forget)
        run.changed.connect(self._on_run)
        theme().changed.connect(self.update)

    def _on_run(self) -> None:
        """Another status; or another sweep, of which nothing is selected."""
        if self.run.sweep is not None and (self.tiles is None or self.tiles.sweep is not self.run.sweep):
            self.tiles = Tiles(self.run.sweep)
            self._pages.clear()
            self.selection.clear()
            self.selected.emit()
        self.update()

    def show_figure(self, figure: str) -> None:
        """A map of this figure; pictures for none."""
        self.figure = figure
        self.update()

    def place(self, index: int) -> QRect:
        """The tile of a cell, in px."""
        assert self.tiles is not None
        return self.tiles.place(index, self, LEGEND if self.figure else 0)

    def _at(self, place: QPointF) -> int:
        if self.run.sweep is None:
            return -1
        cells = range(len(self.run.sweep.cells))
        return next((index for index in cells if self.place(index).contains(place.toPoint())), -1)

    # --- drawn ---

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().colour("canvas"))
        if self.run.sweep is None:
            return
        assert self.tiles is not None
        self._draw_labels(painter, self.tiles)
        shades = Shades(self.run.results, self.figure) if self.figure else None
        for cell in self.run.sweep.cells:
            place = self.place(cell.index)
            if not event.rect().intersects(place.adjusted(-3, -3, 3, 3)):
                continue
            if shades is None:
                self._draw_pictures(painter, cell, place)
            else:
                self._draw_shade(painter, cell, place, shades)
            if cell.index in self.selection:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(theme().colour("accent"), 2))
                painter.drawRect(QRectF(place).adjusted(-2, -2, 2, 2))
        if shades is not None:
            self._draw_legend(painter, shades)
        if self.focus_visible:
            painter.setPen(QPen(theme().colour("accent"), 1))
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))

    def _frame(self) -> tuple[int, int, int]:
        assert self.tiles is not None
        return self.tiles.frame(self, LEGEND if self.figure else 0)

    def _draw_labels(self, painter: QPainter, tiles: Tiles) -> None:
        left, top, side = self._frame()
        metrics = painter.fontMetrics()
        painter.setPen(theme().colour("text_soft"))
        across, above = tiles.sweep.axes[-1], top - metrics.height() - 8
        rows, heads, numbers = tiles.rows, tiles.columns, tiles.numbers
        every = 1
        if max(map(metrics.horizontalAdvance, heads)) > side + GAP - 2:
            widest = max(map(metrics.horizontalAdvance, numbers))
            if numbers != heads:  # numbers: what they are of is said once, and some are left out
                every = -(-(widest + 8) // (side + GAP))
                title = QRect(0, above, left - 12, 20)
                painter.drawText(title, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, across.title)
                heads = numbers
        for column in range(0, len(heads), every):
            room = every * (side + GAP)
            text = metrics.elidedText(heads[column], Qt.TextElideMode.ElideRight, room - 2)
            middle = left + column * (side + GAP) + side // 2
            painter.drawText(QRect(middle - room // 2, above, room, 20), Qt.AlignmentFlag.AlignCenter, text)
        for row, label in enumerate(rows):
            text = metrics.elidedText(label, Qt.TextElideMode.ElideRight, left - 12 - 4)
            place = QRect(0, top + row * (side + GAP), left - 12, side)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_pictures(self, painter: QPainter, cell: Cell, place: QRect) -> None:
        result, live = self.run.results.get(cell.index), self.run.live
        if result is not None and not len(result.pictures):
            self._draw_reason(painter, place)
            return
        under_way = live is not None and live.index == cell.index
        pictures = result.pictures if result is not None else live.pictures if live is not None and under_way else None
        painter.fillRect(place, theme().colour("line"))
        if pictures is not None:
            self._draw_page(painter, cell.index, pictures, place)
        if live is not None and under_way and live.steps:
            done = QRectF(place.left(), place.bottom() - 2, place.width() * live.step / live.steps, 3)
            painter.fillRect(done, theme().colour("accent"))

    def _draw_page(self, painter: QPainter, index: int, pictures: NDArray[np.uint8], place: QRect) -> None:
        ratio = self.devicePixelRatioF()
        side = int(place.width() * ratio)
        if index not in self._pages or self._pages[index][0] != side:
            self._pages[index] = side, samples(pictures, side)
        page = self._pages[index][1]
        painter.save()
        painter.scale(1 / ratio, 1 / ratio)  # in device pixels: every pixel of a sample is a square
        high, wide = page.shape[:2]
        shrink = min(1.0, side / max(high, wide))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, shrink < 1.0)
        middle = QRectF(place).center() * ratio
        high, wide = round(high * shrink), round(wide * shrink)
        corner = QPointF(round(middle.x() - wide / 2), round(middle.y() - high / 2))
        painter.fillRect(QRectF(place.x() * ratio, place.y() * ratio, side, side), Qt.GlobalColor.black)
        painter.drawImage(QRectF(corner.x(), corner.y(), wide, high), as_image(page))
        painter.restore()

    def _draw_reason(self, painter: QPainter, place: QRect) -> None:
        painter.setPen(QPen(theme().colour("line"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.setPen(theme().colour("text_faint"))
        text = "not possible" if place.width() >= 90 else "–"
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def _draw_shade(self, painter: QPainter, cell: Cell, place: QRect, shades: Shades) -> None:
        result = self.run.results.get(cell.index)
        value = result.figures.get(self.figure) if result is not None else None
        if value is None:
            if result is not None:
                self._draw_reason(painter, place)
            else:
                painter.fillRect(place, theme().colour("line"))
            return
        share = shades.share(value)
        painter.fillRect(place, colour(share))
        if place.width() >= 44:
            painter.setPen(ink(share))
            painter.setFont(self._small())
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, figure_text(self.figure, value))
            painter.setFont(self.font())

    def _draw_legend(self, painter: QPainter, shades: Shades) -> None:
        assert self.tiles is not None
        left, top, side = self._frame()
        right = left + self.tiles.sweep.shape[1] * (side + GAP) - GAP
        high = self.tiles.sweep.shape[0] * (side + GAP) - GAP
        top, high = (top, high) if high >= 160 else (top + high // 2 - 80, 160)
        bar = QRectF(right + MARGIN, top, 12, high)
        gradient = QLinearGradient(bar.bottomLeft(), bar.topLeft())
        for stop in range(17):
            gradient.setColorAt(stop / 16, colour(stop / 16))
        painter.fillRect(bar, gradient)
        painter.setFont(self._small())
        painter.setPen(theme().colour("text_soft"))
        for share in (0.0, 0.25, 0.5, 0.75, 1.0) if shades.high > shades.low else (0.5,):
            place = QRectF(bar.right() + 8, bar.bottom() - share * bar.height() - 8, LEGEND - 24, 16)
            text = figure_text(self.figure, shades.at(share))
            painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        painter.setFont(self.font())

    def _small(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(12)
        return font

    def _forget(self, index: int) -> None:
        self._pages.pop(index, None)
        if self.run.sweep is not None and not self.figure:
            self.update(self.place(index).adjusted(-3, -3, 3, 3))
        else:
            self.update()

    # --- chosen ---

    def select(self, index: int, more: bool = False) -> None:
        """Select a cell; with `more` beside those that are, or no longer."""
        if not more:
            self.selection = [index]
        elif index in self.selection:
            self.selection.remove(index)
        elif len(self.selection) < MOST:
            self.selection.append(index)
        self.selected.emit()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._at(event.position())
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if index >= 0:
            self.select(index, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        else:
            self.selection.clear()
            self.selected.emit()
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if (index := self._at(event.position())) >= 0:
            self.select(index)
            self.opened.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.selection:
            self.opened.emit()
        elif key in MOVES and self.run.sweep is not None:
            rows, columns = self.run.sweep.shape
            row, column = self.run.sweep.place(self.selection[-1]) if self.selection else (0, 0)
            if self.selection:
                row, column = row + MOVES[key][0], column + MOVES[key][1]
            self.select(min(max(row, 0), rows - 1) * columns + min(max(column, 0), columns - 1))
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self._at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self.describe(index) if index >= 0 else "", self)
            return True
        return super().event(event)

    def describe(self, index: int) -> str:
        """A cell in words: its values, and what came of it."""
        assert self.run.sweep is not None
        sweep = self.run.sweep
        result, live = self.run.results.get(index), self.run.live
        if result is not None:
            said = result.reason or figures_text(result)
        elif live is not None and live.index == index:
            said = f"step {live.step} of {live.steps}"
        else:
            said = "waiting"
        return f"{values_text(sweep, index)}   ·   {said}"
