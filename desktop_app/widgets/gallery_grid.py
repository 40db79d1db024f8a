"""The pictures of the gallery as a grid, of which only what is in sight is drawn."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from desktop_app.state.gallery import Gallery
from desktop_app.state.gallery_files import Picture
from desktop_app.state.words import what
from desktop_app.theme import theme, tokens
from desktop_app.widgets.layout import keep_scroll_bar

PICTURE = 152  # px, the longer side at most
PAD = 10
CAPTION = 40
CELL = QSize(PICTURE + 2 * PAD, PICTURE + 2 * PAD + CAPTION)
EDGE = 12  # of the grid
ARROWS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down)
Index = QModelIndex | QPersistentModelIndex


def caption(picture: Picture) -> tuple[str, str]:
    """What a picture is of, and how it was made, in a few words."""
    request = picture.request
    if not request:
        return picture.name, "no request" if picture.width else "damaged"
    steps = "1 step" if request["steps"] == 1 else f"{request['steps']} steps"
    lam = f"λ {request['lam']:g} · " if request["lam"] else ""
    return _what(request["model"], request["condition"]), f"{lam}{steps} · seed {request['seed']}"


_what = lru_cache(maxsize=4096)(what)  # a card is read from disk: not at every cell that is drawn


class PictureModel(QAbstractListModel):
    """The pictures that are shown, as rows."""

    def __init__(self, gallery: Gallery) -> None:
        super().__init__(gallery)
        self.gallery = gallery
        self.rows: list[Picture] = []
        self.row_of: dict[str, int] = {}

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        picture = self.rows[index.row()]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            star = ", starred" if picture.name in self.gallery.starred else ""
            return f"{', '.join(caption(picture))}{star}, {picture.name}"
        return picture.name if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole) else None

    def show_rows(self, rows: list[Picture]) -> None:
        """Have these rows from now on."""
        self.beginResetModel()
        self.rows, self.row_of = rows, {picture.name: row for row, picture in enumerate(rows)}
        self.endResetModel()


class PictureGrid(QListView):
    """Arrows move, Enter opens; S, Del and / are told of. What was selected stays so while pictures come and go."""

    opened = Signal(str)
    star_wanted = Signal()
    delete_wanted = Signal()
    search_wanted = Signal()
    selection_changed = Signal()

    def __init__(self, gallery: Gallery) -> None:
        super().__init__()
        self.gallery = gallery
        self.setProperty("role", "grid")
        self.setAccessibleName("Pictures")
        self.pictures = PictureModel(gallery)
        self.setModel(self.pictures)
        self.setItemDelegate(_Delegate(self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        keep_scroll_bar(self)
        self.setUniformItemSizes(True)
        self.setDragEnabled(False)
        self.setMouseTracking(True)
        self.setViewportMargins(EDGE, EDGE, 0, 0)
        self.verticalScrollBar().setSingleStep(CELL.height() // 3)
        self.doubleClicked.connect(lambda index: self.opened.emit(self.pictures.rows[index.row()].name))
        self.selectionModel().selectionChanged.connect(lambda *_: self.selection_changed.emit())
        self.selectionModel().currentChanged.connect(lambda *_: self.selection_changed.emit())
        gallery.changed.connect(self._show)
        gallery.thumbnail_ready.connect(self._draw)
        theme().changed.connect(self.viewport().update)
        self._show()

    def selected(self) -> list[str]:
        """The names that are selected, as they lie."""
        ranges = self.selectionModel().selection().toList()  # few, where there may be thousands of rows
        rows = sorted({row for part in ranges for row in range(part.top(), part.bottom() + 1)})
        return [self.pictures.rows[row].name for row in rows]

    def select(self, names: list[str]) -> None:
        """Select these, and make the first of them the current one."""
        selection = QItemSelection()
        rows = [self.pictures.row_of[name] for name in names]
        for _, run in groupby(enumerate(sorted(set(rows))), lambda place: place[1] - place[0]):  # rows without gaps
            ends = [row for _, row in run]
            selection.select(self.pictures.index(ends[0]), self.pictures.index(ends[-1]))
        if rows:
            self.setCurrentIndex(self.pictures.index(rows[0]))
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        act = {
            Qt.Key.Key_S: self.star_wanted,
            Qt.Key.Key_Delete: self.delete_wanted,
            Qt.Key.Key_Backspace: self.delete_wanted,
            Qt.Key.Key_Slash: self.search_wanted,
        }.get(Qt.Key(event.key()))
        if plain and act is not None:
            act.emit()
        elif plain and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.pictures.rows[self.currentIndex().row()].name)
        elif plain and event.key() in ARROWS and self.pictures.rows and not self.selected():
            self.select([self.pictures.rows[max(self.currentIndex().row(), 0)].name])  # Qt would leave the first out
        elif event.text().isprintable() and event.text() and plain and event.key() != Qt.Key.Key_Space:
            event.ignore()  # no search by typing: the workspace has its own keys
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        across = event.size().width() - 1
        self.setGridSize(QSize(max(across // max(across // CELL.width(), 1), CELL.width()), CELL.height()))
        super().resizeEvent(event)

    def _draw(self, name: str) -> None:
        if name in self.pictures.row_of:
            self.update(self.pictures.index(self.pictures.row_of[name]))

    def _show(self) -> None:
        """Take what the gallery shows; the selection stays with its pictures, or goes to what takes their place."""
        rows = self.gallery.shown
        if [p.name for p in rows] == [p.name for p in self.pictures.rows]:
            self.pictures.rows = rows
            self.viewport().update()
            self.selection_changed.emit()
            return
        row, names, place = self.currentIndex().row(), self.selected(), self.verticalScrollBar().value()
        current = self.pictures.rows[row].name if row >= 0 else ""
        self.pictures.show_rows(rows)
        if kept := [name for name in names if name in self.pictures.row_of]:
            self.select([current, *kept] if current in kept else kept)
        elif names and rows:
            self.select([rows[min(row, len(rows) - 1)].name])
        self.verticalScrollBar().setValue(place)
        self.selection_changed.emit()


class _Delegate(QStyledItemDelegate):
    """Draws one picture in whole-number scale, or reduced where it is large; a star; two lines."""

    def __init__(self, grid: PictureGrid) -> None:
        super().__init__(grid)
        self._grid = grid

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return CELL

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        gallery, colours = self._grid.gallery, theme()
        picture = self._grid.pictures.rows[index.row()]
        left = option.rect.left() + (option.rect.width() - CELL.width()) // 2
        cell = QRect(left, option.rect.top(), CELL.width(), CELL.height())
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if selected or hovered:
            painter.setPen(QPen(colours.colour("accent"), 1.5) if selected else Qt.PenStyle.NoPen)
            painter.setBrush(colours.colour("hover" if selected else "control"))
            painter.drawRoundedRect(cell.adjusted(2, 2, -2, -2), tokens.RADIUS, tokens.RADIUS)
        if option.state & QStyle.StateFlag.State_HasFocus and not selected:
            painter.setPen(QPen(colours.colour("outline"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(cell.adjusted(2, 2, -2, -2), tokens.RADIUS, tokens.RADIUS)
        place = QRect(cell.left() + PAD, cell.top() + PAD, PICTURE, PICTURE)
        image = gallery.thumbnail(picture.name)
        if image is not None and not image.isNull():
            draw_whole(painter, place, image, least=2)
        else:
            painter.fillRect(place, colours.colour("control"))
            if not picture.width:
                mark = colours.icon("triangle-alert", "text_faint", 20).pixmap(20, 20)
                painter.drawPixmap(place.center().x() - 10, place.center().y() - 10, mark)
        if picture.name in gallery.starred:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.colour("panel", 0.85))
            badge = QRect(place.right() - 24, place.top() + 4, 20, 20)
            painter.drawEllipse(badge)
            painter.drawPixmap(badge.left() + 3, badge.top() + 3, colours.icon("star", "sde", 14).pixmap(14, 14))
        self._write(painter, QRect(place.left(), place.bottom() + 6, PICTURE, CAPTION), picture)
        painter.restore()

    def _write(self, painter: QPainter, place: QRect, picture: Picture) -> None:
        font = painter.font()
        for line, (text, size, colour) in enumerate(
            zip(caption(picture), (tokens.TEXT_SIZE, tokens.SMALL_SIZE), ("text", "text_faint"), strict=True)
        ):
            font.setPixelSize(size)
            painter.setFont(font)
            painter.setPen(theme().colour(colour))
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, place.width())
            where = QRect(place.left(), place.top() + 18 * line, place.width(), 18)
            painter.drawText(where, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)


def draw_whole(painter: QPainter, place: QRect, image: QImage, least: int = 1) -> None:
    """An image in the middle of a place: as large as whole numbers from `least` on go, else smoothly as it fits."""
    ratio = painter.device().devicePixelRatio()
    across, down = place.width() * ratio, place.height() * ratio
    scale = min(across / image.width(), down / image.height())
    whole = scale >= least
    scale = float(int(scale)) if whole else scale
    width, height = image.width() * scale / ratio, image.height() * scale / ratio
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not whole)
    left = round((place.left() + (place.width() - width) / 2) * ratio) / ratio
    top = round((place.top() + (place.height() - height) / 2) * ratio) / ratio
    painter.drawImage(QRectF(left, top, width, height), image)
