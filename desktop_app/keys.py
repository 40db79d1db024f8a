"""What each key does. Single letters are the window's only where nothing that is being typed in takes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut

from desktop_app.widgets.rail import WORKSPACES
from engine.catalog import cards

if TYPE_CHECKING:
    from desktop_app.window import Window

Act = Callable[[], object]

REPEATED = ("Left", "Right", "Shift+Left", "Shift+Right", "[", "]")  # while they are held; the others act once


def add_shortcuts(window: Window) -> None:
    """The keys that work wherever the focus is."""
    shortcuts: dict[str, Act] = {
        "Ctrl+Return": window.start,
        "Ctrl+Enter": window.start,
        "Ctrl+S": window.keeping.save,
        "Ctrl+Shift+S": window.keeping.save_as,
        "Ctrl+Shift+C": window.keeping.copy_command,
        "Ctrl+K": window.command_palette.open,
    }
    shortcuts |= {f"Ctrl+{n}": partial(window.open, name) for n, name in enumerate(WORKSPACES, 1)}
    for keys, act in shortcuts.items():
        QShortcut(QKeySequence(keys), window, act).setAutoRepeat(False)


def key_map(window: Window) -> dict[str, Act]:
    """The keys that nothing with the focus has taken."""

    def setting(act: Act) -> Act:
        return lambda: act() if window.current.sets else None

    return {
        "Left": lambda: window.current.timeline.step(-1),
        "Right": lambda: window.current.timeline.step(1),
        "Shift+Left": lambda: window.current.timeline.step(-10),
        "Shift+Right": lambda: window.current.timeline.step(10),
        "Home": lambda: window.current.timeline.seek(0),
        "End": lambda: window.current.timeline.seek(window.current.timeline.length),
        "Space": lambda: window.current.press_space(),
        "[": setting(lambda: window.nudge_lam(-1)),
        "]": setting(lambda: window.nudge_lam(1)),
        "R": setting(lambda: window.current.bound.randomise_seed()),
        "L": setting(lambda: window.current.inspector.fields["seed"].lock.click()),  # type: ignore[attr-defined]
        "B": lambda: window.current.branch_here(),
        "E": lambda: window.current.turn(1),
        "Shift+E": lambda: window.current.turn(-1),
        "C": window.send_to_compare,
        "I": lambda: about_model(window),
        "Ctrl+Z": window.undo.back,
        "Ctrl+Shift+Z": window.undo.forth,
        "Ctrl+Y": window.undo.forth,
        "Ctrl+V": window.drops.paste,
        "Esc": window.escape,
        "?": window.cheat_sheet.open,
        "Shift+?": window.cheat_sheet.open,
    }


def about_model(window: Window) -> None:
    """Show the card of the model that is chosen in the workspace."""
    controls = window.current.inspector.controls
    model = str(controls["model"]) if controls is not None else ""
    if model and model not in cards():
        window.toasts.show("Models in the plane have no card.", error=False)
    else:
        window.model_card.open(model)


def name_of(event: QKeyEvent) -> str:
    """A key with its modifiers, as `key_map` has it."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return QKeySequence(event.key() | modifiers.value).toString()
