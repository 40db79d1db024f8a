"""Asking where something is to be saved, of what kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def ask_where(over: QWidget, title: str, name: str, kinds: Mapping[str, str], save: Callable[[Path], object]) -> None:
    """Let a place be chosen, and save there. `kinds`: suffix → the dialog's filter, the usual one first."""
    dialog = QFileDialog(over, title, name, ";;".join(kinds.values()))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(next(iter(kinds)))
    dialog.filterSelected.connect(
        lambda chosen: dialog.setDefaultSuffix(next(suffix for suffix, text in kinds.items() if text == chosen))
    )
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda path: save(Path(path)))
    dialog.open()
