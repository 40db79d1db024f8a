"""The theme as the application wears it: fonts, Qt palette, style sheet, icons."""

from __future__ import annotations

from functools import lru_cache
from string import Template

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from desktop_app.theme import tokens
from desktop_app.theme.tokens import THEMES, Palette
from engine.catalog import RESOURCES

SHEET = Template("""
* { font-family: "$sans"; font-size: ${size}px; color: $text; outline: none; }
QWidget#window, QWidget[surface="panel"] { background: $panel; }
QWidget[surface="canvas"] { background: $canvas; }
QWidget[surface="seam"] { background: $line; }
QFrame[line="true"] { background: $line; border: none; }
QLabel { background: transparent; }
QLabel[role="soft"] { color: $text_soft; }
QLabel[role="faint"] { color: $text_faint; font-size: ${small}px; }
QLabel[role="danger"] { color: $danger; font-size: ${small}px; }
QLabel[role="section"] { color: $text_faint; font-size: 11px; font-weight: 600; }
QLabel[role="number"] { font-family: "$mono"; font-size: ${small}px; }
QLabel[role="title"] { font-size: 15px; font-weight: 600; }
QToolTip { background: $control; color: $text; border: 1px solid $outline; padding: 6px 8px; }

QPushButton, QToolButton, QComboBox, QLineEdit {
  background: $control; border: 1px solid transparent; border-radius: ${radius}px;
  min-height: 26px; max-height: 26px; padding: 0 8px; }
QPushButton:hover, QToolButton:hover, QComboBox:hover { background: $hover; }
QPushButton:focus, QToolButton:focus, QComboBox:focus, QLineEdit:focus { border-color: $accent; }
QPushButton:disabled, QToolButton:disabled, QComboBox:disabled, QLineEdit:disabled { color: $outline; }
QToolButton { padding: 0; min-width: 26px; }
QToolButton[quiet="true"] { background: transparent; }
QToolButton[quiet="true"]:hover { background: $hover; }
QToolButton[role="disclosure"], QToolButton[role="disclosure"]:checked {
  background: transparent; border-color: transparent; color: $text_soft; padding: 0 12px 0 0; margin-left: -3px; }
QToolButton[role="disclosure"]:hover { color: $text; }
QToolButton[role="disclosure"]:focus { border-color: $accent; }
QToolButton:checked, QToolButton[quiet="true"]:checked { background: $hover; border-color: $accent; }
QToolButton:disabled, QToolButton[quiet="true"]:disabled { background: transparent; border-color: transparent; }
QPushButton[role="primary"] {
  background: $accent; color: $on_accent; font-weight: 600; min-height: 34px; max-height: 34px; }
QPushButton[role="primary"]:disabled { background: $control; color: $outline; }
QPushButton[role="primary"]:hover:enabled { background: $accent; border-color: $text; }
QPushButton[role="primary"]:focus { border-color: $text; }
QPushButton[role="chip"] { padding: 0; min-width: 16px; color: $text_soft; }
QPushButton::menu-indicator { image: none; }
QPushButton[wide="true"] { min-width: 36px; }
QPushButton[role="segment"] { padding: 0 10px; color: $text_soft; background: transparent; }
QPushButton[role="segment"]:hover { color: $text; }
QPushButton[role="chip"]:checked, QPushButton[role="segment"]:checked {
  background: $hover; color: $text; border-color: $outline; }
QPushButton[role="chip"]:focus, QPushButton[role="segment"]:focus { border-color: $accent; }
QPushButton[role="segment"]:disabled { color: $outline; }
QFrame[role="segments"] { background: $control; border-radius: ${radius}px; }
QToolButton[role="rail"] {
  background: transparent; border-radius: 8px; color: $text_soft; font-size: 11px; padding: 6px 0 2px 0;
  min-height: 44px; max-height: 44px; min-width: 62px; max-width: 62px; }
QToolButton[role="rail"]:hover { background: $control; }
QToolButton[role="rail"]:checked { background: $hover; color: $text; border-color: transparent; }
QToolButton[role="rail"]:focus { border-color: $accent; }

QLineEdit { selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit[role="number"] { font-family: "$mono"; font-size: ${small}px; padding: 0 6px; }
QPlainTextEdit[role="number"] {
  background: $control; border: 1px solid transparent; border-radius: ${radius}px; padding: 4px 6px;
  font-family: "$mono"; font-size: ${small}px; selection-background-color: $accent; selection-color: $on_accent; }
QTextEdit { background: transparent; border: none; padding: 0;
  selection-background-color: $accent; selection-color: $on_accent; }
QTextEdit[role="soft"] { color: $text_soft; }
QTextEdit[role="note"] { color: $text_faint; font-size: ${small}px; }
QTextEdit[role="verbatim"] { font-family: "$mono"; font-size: ${small}px; }
QFrame[role="command"] { background: $control; border-radius: ${radius}px; }
QPlainTextEdit:focus { border-color: $accent; }
QPlainTextEdit:disabled { color: $outline; }
QLineEdit[invalid="true"], QPlainTextEdit[invalid="true"] { border-color: $danger; }
QComboBox { padding: 0 4px 0 8px; combobox-popup: 0; }
QComboBox::drop-down { border: none; width: 22px; }
QComboBox::down-arrow { image: none; }
QComboBox QAbstractItemView {
  background: $control; border: 1px solid $outline; padding: 4px; selection-background-color: $hover;
  selection-color: $text; }
QComboBox QAbstractItemView::item { min-height: 24px; padding: 0 4px; }
QListView[role="suggestions"] { background: $control; border: 1px solid $outline; padding: 2px; }
QListView[role="suggestions"]::item { min-height: 24px; padding: 0 5px; }
QListView[role="suggestions"]::item:selected, QListView[role="suggestions"]::item:hover {
  background: $hover; color: $text; }
QMenu { background: $control; border: 1px solid $outline; padding: 4px; }
QMenu::item { padding: 5px 16px 5px 12px; border-radius: 4px; }
QMenu::item:selected { background: $hover; }
QMenu::item:disabled { color: $outline; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }
QListWidget[role="palette"] { background: transparent; border: none; selection-color: $text; }
QListWidget[role="palette"]::item { border-radius: 4px; padding: 0 8px; }
QListWidget[role="palette"]::item:hover { background: $control; }
QListWidget[role="palette"]::item:selected { background: $hover; }
QListView[role="grid"] { background: $canvas; border: none; }
QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: 8px; margin: 0; }
QScrollBar::handle:vertical { background: $hover; border-radius: 4px; min-height: 24px; }
QScrollBar::handle:vertical:disabled { background: transparent; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QFrame[role="toast"] { background: $control; border: 1px solid $outline; border-radius: 8px; }
QFrame[role="toast"] QPushButton { background: $hover; }
QFrame[role="toast"] QPushButton:hover { border-color: $outline; }
QFrame[role="toast"] QPushButton:focus { border-color: $accent; }
QFrame[role="sheet"] { background: $panel; border: 1px solid $outline; border-radius: 10px; }
""")


class Theme(QObject):
    """Which palette is worn. "system" follows the desktop's light or dark."""

    changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self.choice = "system"
        self.palette: Palette = tokens.DARK
        for path in sorted((RESOURCES / "fonts").glob("*.?tf")):
            QFontDatabase.addApplicationFont(str(path))
        font = QFont(tokens.SANS)
        font.setPixelSize(tokens.TEXT_SIZE)
        font.setFeature(QFont.Tag("tnum"), 1)  # digits of one width: numbers do not jump while they count
        application.setFont(font)
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(lambda _: self.choose(self.choice))

    def choose(self, choice: str) -> None:
        """Wear "light", "dark" or "system"."""
        self.choice = choice
        light = self._application.styleHints().colorScheme() == Qt.ColorScheme.Light
        palette = THEMES.get(choice, tokens.LIGHT if light else tokens.DARK)
        if palette is not self.palette or not self._application.styleSheet():
            self._wear(palette)  # which takes a while: every widget is asked
        self.changed.emit()

    def _wear(self, palette: Palette) -> None:
        self.palette = p = palette
        colours = QPalette()
        for role, colour in {
            QPalette.ColorRole.Window: p.panel,
            QPalette.ColorRole.WindowText: p.text,
            QPalette.ColorRole.Base: p.control,
            QPalette.ColorRole.Text: p.text,
            QPalette.ColorRole.Button: p.control,
            QPalette.ColorRole.ButtonText: p.text,
            QPalette.ColorRole.Highlight: p.accent,
            QPalette.ColorRole.HighlightedText: p.on_accent,
            QPalette.ColorRole.PlaceholderText: p.text_faint,
        }.items():
            colours.setColor(role, QColor(colour))
        self._application.setPalette(colours)
        sizes = {"sans": tokens.SANS, "mono": tokens.MONO, "size": tokens.TEXT_SIZE, "small": tokens.SMALL_SIZE}
        values = {name: getattr(p, name) for name in p.__dataclass_fields__}
        self._application.setStyleSheet(SHEET.substitute(values, radius=tokens.RADIUS, **sizes))

    def colour(self, name: str, alpha: float = 1.0) -> QColor:
        """A token of the palette as a colour."""
        colour = QColor(getattr(self.palette, name))
        colour.setAlphaF(alpha)
        return colour

    def icon(self, name: str, colour: str = "text_soft", size: int = 18) -> QIcon:
        """An icon of the one family, in a token's colour."""
        return _icon(name, getattr(self.palette, colour), self.palette.outline, size)


@lru_cache(maxsize=256)
def _icon(name: str, colour: str, disabled: str, size: int) -> QIcon:
    icon = QIcon()
    for mode, tint in ((QIcon.Mode.Normal, colour), (QIcon.Mode.Disabled, disabled)):
        svg = (RESOURCES / "icons" / f"{name}.svg").read_text().replace("currentColor", tint)
        renderer = QSvgRenderer(QByteArray(svg.replace('stroke-width="2"', 'stroke-width="1.5"').encode()))
        for ratio in (1, 2):
            pixmap = QPixmap(size * ratio, size * ratio)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            renderer.render(painter, QRectF(0, 0, size * ratio, size * ratio))
            painter.end()
            pixmap.setDevicePixelRatio(ratio)
            icon.addPixmap(pixmap, mode)
    return icon
