"""What was measured of a model, in words: the figures that `scorescope evaluate` writes into its card. No torch."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from engine.catalog import Card

TESTS = 10_000  # test images, of which an accuracy is the share
NUMBER = r"(\d+(?:\.\d+)?)"
DATA = "data"  # the column of what the data themselves reach
TOP = {"top1": "Caption found first", "top5": "Caption among the first 5"}

AGREEMENT = "The share of samples in which the judge sees the class that was asked for"
FOUND = "The share of pictures whose own caption fits best of 200, or is among the best five, as the judge sees it"
NEAREST = "From samples to the nearest picture of the data: whether the model repeats what it has seen"
APART = (
    "Nearest picture: the median distance, where black and white are 2 apart; “data”: that of the pictures to their "
    "nearest other. What is much nearer was learned by heart."
)
AMONG = "A point is among others if it is within the distance of one of them to its k-th neighbour."
PRECISION = f"The share of samples that lie among the data: their quality. {AMONG}"
RECALL = f"The share of the data that lie among the samples: their diversity. {AMONG}"
COMPARED = {  # with the data: label, what the data themselves reach, help
    "frechet": (
        "Fréchet distance",
        "frechet_floor",
        "Between samples and data as Gaussians in the features of the judge: less is better. Compare equal numbers of "
        "samples only (Heusel et al. 2017).",
    ),
    "precision_k3": ("Precision, k = 3", "precision_k3_training", PRECISION),
    "recall_k3": ("Recall, k = 3", "recall_k3_training", RECALL),
    "precision_k5": ("Precision, k = 5", "precision_k5_training", PRECISION),
    "recall_k5": ("Recall, k = 5", "recall_k5_training", RECALL),
}

Figures = dict[str, float]  # those that are not said yet: whoever says one takes it out


@dataclass(frozen=True)
class Row:
    """A label and what is said: one text, or a figure for each column of its section."""

    label: str
    values: tuple[str, ...]
    help: str = ""
    verbatim: bool = False  # a command, to be copied as it is


@dataclass(frozen=True)
class Section:
    """Rows under a title; with `columns` a table of figures. A note is a sentence or two below the rows."""

    title: str
    rows: tuple[Row, ...] = ()
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def measured(card: Card) -> list[Section]:
    """Every figure of a card. One that is not known here is said by its key."""
    left = dict(card.measured)
    speed = _speed(left)
    found = [*_captions(left), *_retrieval(left), *_samples(left), *_own(left)]
    found += [*_at_noise(left, len(card.classes)), *_accuracy(left)]
    if left:
        rows = tuple(Row(name, (number(value),)) for name, value in left.items())
        found.append(Section("Also measured" if found else "Measured", rows))
    if not found:
        but = " but its speed" if speed else ""
        found = [Section("Measured", notes=(f"Nothing{but} has been measured of it.",))]
    return [*found, *speed]


def share(part: float, count: float) -> str:
    """A share of `count` in per cent with its standard error √(p (1 − p) / count), as “97.3 % ± 0.5 %”.

    Of all or none, which have no such error, the bound that holds with 95 %, 3 / count away (Hanley & Lippman-Hand
    1983): “≥ 99.7 %”. As many digits as show a single one of the samples.
    """
    if count < 1 or not 0.0 <= part <= 1.0:
        return f"{number(100.0 * part)} %"
    digits = min(max(round(math.log10(count / 100.0)), 1), 6)
    if part in (0.0, 1.0):
        bound = abs(part - min(3.0 / count, 1.0))
        return f"{'≥' if part else '≤'} {100.0 * bound:.{digits}f} %"
    error = math.sqrt(part * (1.0 - part) / count)
    return f"{100.0 * part:.{digits}f} % ± {100.0 * error:.{digits}f} %"


def number(value: float) -> str:
    """A figure with three digits, or all of those before the point."""
    size = abs(value)
    if size and not 1e-4 <= size < 1e12:
        text = f"{value:.3g}"
    elif value == int(value):
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.{max(2 - math.floor(math.log10(size)), 0)}f}"
    return text.replace("-", "−")


def _samples(left: Figures) -> list[Section]:
    """How samples of classes compare with the data, in a column for each λ and one of the data."""
    lams = _found(left, rf"(?:agreement_w{NUMBER}|frechet|precision_k\d+|recall_k\d+)_lam{NUMBER}")
    if not lams:
        return []
    rows, notes = [], ["Samples of 20 steps of order 2, at w = 1 unless another w is given."]
    if weights := _found(left, rf"agreement_w{NUMBER}_lam{NUMBER}", 1):
        count = left.pop("agreement_samples", 0.0)
        for weight in weights:
            shares = (_share(left.pop(f"agreement_w{weight}_lam{lam}", None), count) for lam in lams)
            rows.append(Row(f"Agreement, w = {weight}", (*shares, ""), AGREEMENT))
        notes.append(f"Agreement: of {_many(count)}. {_errors(rows)}".strip())
    compared = {}
    for name, (label, floor, help_) in COMPARED.items():
        if any(f"{name}_lam{lam}" in left for lam in lams):
            keys = (*(f"{name}_lam{lam}" for lam in lams), floor)
            compared[label] = Row(label, tuple(_number(left.pop(key, None)) for key in keys), help_)
    if compared:
        rows += compared.values()
        count = left.pop("frechet_samples", 0.0)
        notes.append(f"Compared with the test images: {_many(count)}; “data”: as many training images.")
    if "0" in lams and "nearest_samples" in left:
        rows.append(_nearest("Nearest training image", left, "nearest_test", lams, "0"))
        notes.append(
            "Nearest training image: the median distance, where black and white are 2 apart; “data”: that of test "
            "images. Copies would be much nearer."
        )
    return [_table("Measured", [*(f"λ = {lam}" for lam in lams), DATA], rows, notes)]


def _captions(left: Figures) -> list[Section]:
    """Whether the judge finds the captions of samples, in a column for each w and one of the pictures themselves."""
    weights = _found(left, rf"(?:{'|'.join(TOP)})_w{NUMBER}")
    if not weights:
        return []
    count, rows = left.pop("prompts", 0.0), []
    for top, label in TOP.items():
        keys = [f"{top}_{of}" for of in (*(f"w{weight}" for weight in weights), "pictures")]
        if any(key in left for key in keys):
            rows.append(Row(label, tuple(_share(left.pop(key, None), count) for key in keys), FOUND))
    notes = [f"Found: of {_many(count)} of 20 steps; “data”: of the pictures themselves. {_errors(rows)}".strip()]
    if "nearest_samples" in left:
        rows.append(_nearest("Nearest picture", left, "nearest_pictures", weights, weights[0]))
        notes.append(APART)
    return [_table("Measured", [*(f"w = {weight}" for weight in weights), DATA], rows, notes)]


def _own(left: Figures) -> list[Section]:
    """Whether a model of one's own pictures repeats them, in a column of its samples and one of the pictures."""
    if not {"own_samples", "nearest_samples"} <= left.keys():
        return []
    count = left.pop("own_samples")
    rows = [_nearest("Nearest picture", left, "nearest_pictures", ["samples"], "samples")]
    notes = [f"Of {_many(count)} of 20 steps, asked for nothing.", APART]
    return [_table("Measured", ["samples", DATA], rows, notes)]


def _nearest(label: str, left: Figures, data: str, columns: list[str], of: str) -> Row:
    """How far samples are from the data, in the column that they are of; beside it what is known of the data."""
    near = number(left.pop("nearest_samples"))
    values = (*(near if column == of else "" for column in columns), _number(left.pop(data, None)))
    return Row(label, values, NEAREST)


def _retrieval(left: Figures) -> list[Section]:
    """How good a judge of captions is."""
    if not {*TOP, "pictures"} <= left.keys():
        return []
    count = left.pop("pictures")
    rows = [Row(label, (share(left.pop(top), count),), FOUND) for top, label in TOP.items()]
    note = f"Of {count:,.0f} pictures, changed as in no training. {_errors(rows)}"
    return [Section("Measured", tuple(rows), notes=(note.strip(),))]


def _at_noise(left: Figures, classes: int) -> list[Section]:
    """How well a classifier knows noisy images."""
    levels = _found(left, rf"(?:accuracy|logp)_sigma{NUMBER}")
    if not levels:
        return []
    rows = []
    for sigma in levels:
        right, log = left.pop(f"accuracy_sigma{sigma}", None), left.pop(f"logp_sigma{sigma}", None)
        values = (_share(right, TESTS), "" if log is None else f"{log:.3f}".replace("-", "−"))
        rows.append(Row(f"Noise σ = {sigma}", values, "The right class, and the mean of log p(class | image)"))
    note = f"Of {TESTS:,} test images. {_errors(rows)}"
    if classes > 1:
        note += f" Guessing is right in {100.0 / classes:.1f} %, with log p = −{math.log(classes):.3f}."
    return [_table("Measured", ["right class", "log p"], rows, [note])]


def _accuracy(left: Figures) -> list[Section]:
    if "accuracy" not in left:
        return []
    row = Row("Right class", (share(left.pop("accuracy"), TESTS),))
    return [Section("Measured", (row,), notes=(f"Of {TESTS:,} test images. {_errors([row])}".strip(),))]


def _speed(left: Figures) -> list[Section]:
    """The milliseconds of a call."""
    batches = _found(left, rf"ms_batch{NUMBER}_\w+")
    if not batches:
        return []
    kinds = list(dict.fromkeys(key.split("_", 2)[2] for key in left if re.fullmatch(rf"ms_batch{NUMBER}_\w+", key)))
    rows = []
    for batch in batches:
        times = [left.pop(f"ms_batch{batch}_{kind}", None) for kind in kinds]
        rows.append(Row(f"Batch of {batch}", tuple("" if time is None else f"{number(time)} ms" for time in times)))
    threads = left.pop("threads", 0.0)
    on = f" with {threads:,.0f} thread{'' if threads == 1 else 's'}" if threads else ""
    note = f"The median time of a call without guidance, on a CPU{on}. Times are those of the machine that measured."
    return [Section("Speed", tuple(rows), tuple(kinds), (note,))]


def _found(left: Figures, pattern: str, group: int = 0) -> list[str]:
    """What the last group (or another, by its number) of a pattern matches among the keys, by rising number."""
    matches = [match for key in left if (match := re.fullmatch(pattern, key))]
    return sorted({match[group or match.re.groups] for match in matches}, key=float)


def _table(title: str, columns: list[str], rows: list[Row], notes: list[str]) -> Section:
    """A table without its last column where nothing is known of the data."""
    if columns[-1] == DATA and not any(row.values[-1] for row in rows):
        columns, rows = columns[:-1], [replace(row, values=row.values[:-1]) for row in rows]
    return Section(title, tuple(rows), tuple(columns), tuple(notes))


def _share(part: float | None, count: float) -> str:
    return "" if part is None else share(part, count)


def _number(value: float | None) -> str:
    return "" if value is None else number(value)


def _many(count: float) -> str:
    return f"{count:,.0f} samples" if count else "an unknown number of samples"


def _errors(rows: list[Row]) -> str:
    """What stands behind the shares."""
    shares = " ".join(value for row in rows for value in row.values)
    said = {
        "±": "± is the standard error √(p(1−p)/n).",
        "≥": "≥ stands where it is all of them: the bound that holds with a confidence of 95 %.",
        "≤": "≤ stands where it is none of them: the bound that holds with a confidence of 95 %.",
    }
    return " ".join(text for sign, text in said.items() if sign in shares)
