"""What is said of a model: its card in words and tables, for the window and the terminal. Imports no torch."""

from __future__ import annotations

import shlex
import textwrap

from engine import catalog
from engine.card_figures import Row, Section, measured
from engine.catalog import Card

KINDS = {  # of cards, as lists of models are headed
    "denoiser": "Denoisers",
    "guide": "Guides",
    "classifier": "Judges",
    "retrieval": "Judges",
}
NETWORKS = {  # by kind and network
    ("denoiser", ""): "U-Net",
    ("denoiser", "text-unet"): "U-Net that attends to words",
    ("guide", ""): "Convolutional network that is told the noise level",
    ("classifier", ""): "Convolutional network",
    ("retrieval", ""): "Convolutional network for pictures, sums of vectors for captions",
}
FORMULAS = ("ideal", "local", "gaussian")  # networks that are none
CLASSES = 12  # of which every name is said
WIDTH = 100  # columns of a terminal
KEYED = (
    "What was measured comes out the same everywhere but for rounding: every sample is keyed by its seed and computed "
    "in fp32. The rounding of another machine moves a share by a few samples at most; times are the machine’s."
)


def every_card() -> dict[str, Card]:
    """The cards of all models, of whatever kind, by name."""
    return catalog.cards(*KINDS)


def sections(card: Card) -> list[Section]:
    """How the model was made, what was measured of it, how fast it is, and how to see for oneself."""
    return [_made(card), *measured(card), _again(card)]


def as_text(card: Card) -> str:
    """The card for a terminal."""
    lines = [f"{card.title} ({card.name})", *textwrap.wrap(card.summary, WIDTH)]
    for section in sections(card):
        lines += ["", *_lines(section)]
    return "\n".join(lines)


def _made(card: Card) -> Section:
    rows = [("Data", card.data), ("Licence", card.licence), ("Images", _images(card)), ("Network", _network(card))]
    if size := _size(card):
        rows.append(("Weights", size))
    if card.network in FORMULAS:
        rows.append(("Training", "Nothing was trained."))
    else:
        steps = f"{card.steps:,} steps" if card.steps else ""
        seen = f"{card.images:,} images seen" if card.images else ""
        said = " · ".join(filter(None, [steps, seen, duration(card.minutes)]))
        rows.append(("Training", said or "It is not recorded how it was trained."))
        if said:
            rows.append(("Seed", str(card.seed)))
    return Section("Made", tuple(Row(name, (value,)) for name, value in rows if value))


def _images(card: Card) -> str:
    """What an image of the model is, and what it can be asked for."""
    channels, height, width = card.shape
    colours = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
    text = f"{height:,} × {width:,}, {colours}"
    if card.words:
        return f"{text}, captions of {len(card.words.split()):,} words"
    if not card.classes:
        return f"{text}, without classes"
    count = "1 class" if len(card.classes) == 1 else f"{len(card.classes):,} classes"
    return f"{text}, {count}" + (f": {', '.join(card.classes)}" if len(card.classes) <= CLASSES else "")


def _network(card: Card) -> str:
    if card.network in FORMULAS:
        return "None: a formula over the data."
    said = [NETWORKS.get((card.kind, card.network), card.network or card.kind)]
    if card.parameters:
        said.append(f"{card.parameters:,} parameters")
    settings = {name: value for name, value in card.architecture.items() if name != "words"}
    said += [f"{name} {_setting(value)}" for name, value in settings.items()]
    return ", ".join(said)


def _setting(value: object) -> str:
    return " – ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _size(card: Card) -> str:
    """How much room the weights take; nothing where there are none."""
    folder = catalog.home(card.name)
    path = folder / f"{card.name}.safetensors" if folder is not None else None
    return f"{path.stat().st_size / 1e6:.1f} MB on disk" if path is not None and path.is_file() else ""


def duration(minutes: float) -> str:
    """A time in words: “1 h 55 min”, “12 min”, “30 s”; nothing for none."""
    if minutes <= 0:
        return ""
    if minutes < 1:
        return f"{max(round(60 * minutes), 1)} s"
    hours, rest = divmod(round(minutes), 60)
    return " ".join([*([f"{hours:,} h"] if hours else []), *([f"{rest} min"] if rest else [])])


def _again(card: Card) -> Section:
    """The commands that train and measure the model, and how near to its figures one comes."""
    measure = f"scorescope evaluate {shlex.quote(card.name)}{'' if card.measured else ' --write'}"
    commands = {"Train": card.command, "Measure": measure}
    rows = tuple(Row(name, (command,), verbatim=True) for name, command in commands.items() if command)
    judged = any(not name.startswith(("ms_", "threads")) for name in card.measured)
    return Section("Reproduce", rows, notes=(KEYED,) if judged else ())


# --- for a terminal --------------------------------------------------------------------------------------------------


def _lines(section: Section) -> list[str]:
    """A section as text: figures in columns, what is long in lines of WIDTH, commands each in one line."""
    name = max((len(row.label) for row in section.rows), default=0)
    widths = [
        max(len(column), *(len(row.values[at]) for row in section.rows)) for at, column in enumerate(section.columns)
    ]
    head = "  ".join(column.rjust(width) for column, width in zip(section.columns, widths, strict=True))
    lines = [f"{section.title.upper().ljust(name)}  {head}".rstrip()]
    for row in section.rows:
        start = f"{row.label.ljust(name)}  "
        if section.columns:
            figures = (value.rjust(width) for value, width in zip(row.values, widths, strict=True))
            lines.append((start + "  ".join(figures)).rstrip())
        elif row.verbatim:
            lines.append(start + row.values[0])
        else:
            lines += textwrap.wrap(row.values[0], WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
    for note in section.notes:
        lines += (line.replace("\u00a0", " ") for line in textwrap.wrap(note.replace(" %", "\u00a0%"), WIDTH))
    return lines
