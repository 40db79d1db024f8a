"""Colour and type tokens, light and dark, and how they reach widgets and painters."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication

from desktop_app.theme.style import Theme

__all__ = ["Theme", "theme"]

_themes: list[Theme] = []


def theme() -> Theme:
    """The theme of the running application; there is one."""
    application = QCoreApplication.instance()
    assert isinstance(application, QApplication)
    if not _themes or _themes[0].parent() is not application:
        _themes[:] = [Theme(application)]
    return _themes[0]
