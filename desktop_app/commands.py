"""What the command palette offers: everything a key can do, every workspace, and the runs of before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from desktop_app.state.presets import PRESETS
from desktop_app.state.words import heading, summary
from desktop_app.theme import theme
from desktop_app.widgets.palette import Entry
from desktop_app.widgets.rail import THEMES, WORKSPACES
from engine.card_text import every_card

if TYPE_CHECKING:
    from desktop_app.window import Window

HISTORIES = (128, 512, 2048, 8192)  # MiB
BEFORE = 40  # runs that are offered again
DEEDS = ("branch", "verify", "export", "python")  # with a picture of the gallery, besides those that have an entry


def entries(window: Window) -> list[Entry]:
    """What can be done now."""
    current, timeline = window.current, window.current.timeline
    moves = [
        Entry("Play or pause", "Space", timeline.play),
        Entry("First step", "Home", lambda: timeline.seek(0)),
        Entry("Last step", "End", lambda: timeline.seek(timeline.length)),
    ]
    found = [
        Entry(current.verb, "Ctrl+Enter", window.start),
        Entry("Stop", "Esc", window.escape),
        *(moves if not current.bar.isHidden() else []),
        *([Entry("New random seed", "R", current.bound.randomise_seed)] if current.sets else []),
        *([Entry("Branch here", "B", current.branch_here)] if current is window.generate else []),
        Entry("Undo", "Ctrl+Z", window.undo.back),
        Entry("Redo", "Ctrl+Shift+Z", window.undo.forth),
        Entry("Send to Compare", "C", window.send_to_compare),
        Entry("Save into the gallery", "Ctrl+S", window.keeping.save),
        Entry("Save as…", "Ctrl+Shift+S", window.keeping.save_as),
        Entry("Copy as command", "Ctrl+Shift+C", window.keeping.copy_command),
        Entry("Keyboard", "?", window.cheat_sheet.open),
    ]
    if current is window.gallery:
        buttons = {name: window.gallery.detail.buttons[name] for name in DEEDS}
        deeds = [(button.text(), name) for name, button in buttons.items() if button.isEnabled()]
        found += [Entry(text, "", partial(window.gallery.act, name)) for text, name in deeds]
    for number, (name, (_, text)) in enumerate(WORKSPACES.items(), 1):
        found.append(Entry(f"Go to {text}", f"Ctrl+{number}", partial(window.open, name)))
    found += [Entry(f"Compare: {p.label}", p.help, partial(window.use_preset, name)) for name, p in PRESETS.items()]
    for name, card in every_card().items():
        found.append(Entry(f"About the model {card.title}", name, partial(window.model_card.open, name)))
    found += [Entry(f"Theme: {name}", "", partial(theme().choose, name)) for name in THEMES]
    for size in HISTORIES:
        mark = "now" if size == window.preferences.settings.history else ""
        found.append(Entry(f"History: remember up to {size:,} MiB of steps", mark, partial(window.keep_history, size)))
    for request in window.session.history[:BEFORE]:
        found.append(Entry(f"Again: {heading(request)}", summary(request), partial(window.show_request, request)))
    return found
