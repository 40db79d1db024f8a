"""`scorescope bench samplers`: measures every sampler and writes the convergence report, a table and a plot."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.catalog import RESOURCES

if TYPE_CHECKING:
    from engine.bench.convergence import Row, Stage

FOLDER = RESOURCES / "reports"
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000", "#999999")  # Okabe & Ito
INTRODUCTION = """\
# How far the samplers are after how many evaluations

Written by `scorescope bench samplers` on {machine}.

Each cell is the error after so many evaluations of the network; below it, where diffusers has the same method, the
error of its scheduler on the same network, levels and noise, and how much better (−) or worse (+) ours is. Without a
schedule in its name a method walks the discrete linear schedule of DDPM with trailing spacing, as diffusers does.
"""


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table as it grows, and write `samplers.md` and `samplers.png`."""
    parser = argparse.ArgumentParser(
        prog="scorescope bench samplers", description="Error against evaluations, for every sampler; diffusers beside."
    )
    parser.add_argument("--out", metavar="FOLDER", default=str(FOLDER), help=f"Default: {FOLDER.name} in resources.")
    parser.add_argument("--model", metavar="NAME", default="digits", help="Default: digits.")
    try:
        args = parser.parse_args(argv)
    except SystemExit as finished:
        return int(finished.code or 0)
    try:
        import diffusers  # noqa: F401
        import matplotlib as mpl
    except ImportError as error:
        print(f"scorescope bench samplers: {error.name} is needed: pip install 'scorescope[test]'.", file=sys.stderr)
        return 1
    mpl.use("agg")

    from engine.bench.convergence import Digits, Plane
    from engine.device import machine
    from engine.models import ModelError

    folder = Path(args.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stages: list[Stage] = [Plane(), Digits(args.model)]
    except (ModelError, OSError) as error:
        print(f"scorescope bench samplers: {error}", file=sys.stderr)
        return 1
    pages = [INTRODUCTION.format(machine=machine())]
    measured = []
    for stage in stages:
        started = time.perf_counter()
        rows = _measure(stage)
        measured.append((stage, rows))
        pages.append(table(stage, rows))
        print(f"({time.perf_counter() - started:.0f} s)\n", flush=True)
    (folder / "samplers.md").write_text("\n".join([*pages, "![Error against evaluations](samplers.png)\n"]), "utf-8")
    plot(measured, folder / "samplers.png")
    print(f"Written: {folder / 'samplers.md'} and samplers.png.")
    return 0


def _measure(stage: Stage) -> list[Row]:
    from engine.bench.convergence import BUDGETS, METHODS, adaptive, measure

    print(stage.title, flush=True)
    rows = []
    for method in METHODS:
        if stage.admits(method):
            rows.append(measure(stage, method, BUDGETS))
            print("  " + "  ".join([f"{method.label:<38}", *(f"{e:.4f}" for _, e in rows[-1].ours)]), flush=True)
    rows.append(adaptive(stage))
    return rows


def table(stage: Stage, rows: list[Row]) -> str:
    """The rows as Markdown."""
    from engine.bench.convergence import BUDGETS

    floor = f" An exact sample of the same size measures {stage.floor:.3g}." if stage.floor else ""
    lines = [f"## {stage.title}", "", f"{stage.unit[0].upper()}{stage.unit[1:]}.{floor}", ""]
    lines += ["| method | " + " | ".join(f"{budget}" for budget in BUDGETS) + " |", "|---" * (len(BUDGETS) + 1) + "|"]
    for row in rows:
        if row.method.fields["sampler"] == "rk45":
            cells = [f"{error:.3g} ({nfe} evaluations)" for nfe, error in row.ours]
            lines += ["", f"{row.method.label}, by falling tolerance: {', '.join(cells)}."]
            continue
        cells = [
            f"{error:.3g}" + ("" if nfe == budget else f" ({nfe})")
            for (nfe, error), budget in zip(row.ours, BUDGETS, strict=True)
        ]
        lines.append(f"| {row.method.label} | " + " | ".join(cells) + " |")
        if row.theirs:
            beside = [f"{b:.3g} ({compared(a, b)})" for (_, a), (_, b) in zip(row.ours, row.theirs, strict=True)]
            lines.append(f"| – {row.method.theirs} | " + " | ".join(beside) + " |")
    return "\n".join([*lines, ""])


def compared(ours: float, theirs: float) -> str:
    """How much less or more our error is, in per cent of theirs."""
    share = 100.0 * (ours / theirs - 1.0)
    return "same" if abs(share) < 0.05 else f"{share:+.1f} %".replace("-", "−")


def plot(measured: list[tuple[Stage, list[Row]]], path: Path) -> None:
    """Error against evaluations, both logarithmic: a panel for each stage; ODE solid, with noise dashed."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(measured), figsize=(12.8, 5.6), dpi=110, layout="constrained", squeeze=False
    )
    labels: dict[str, Any] = {}
    for axes, (stage, rows) in zip(panels[0], measured, strict=True):
        for row in rows:
            noisy = row.method.follows_a_path or not row.method.pathwise
            place = sorted({r.method.label for _, all_rows in measured for r in all_rows}).index(row.method.label)
            style: dict[str, Any] = {"color": COLOURS[place % len(COLOURS)], "marker": "os^vD"[place // len(COLOURS)]}
            (line,) = axes.loglog(*zip(*row.ours, strict=True), "--" if noisy else "-", lw=1.5, ms=4, **style)
            labels.setdefault(row.method.label, line)
            if row.theirs:
                (line,) = axes.loglog(*zip(*row.theirs, strict=True), "x", color="#888888", ms=6, mew=1)
                labels["diffusers, the same method"] = line
        if stage.floor:
            line = axes.axhline(stage.floor, color="#888888", lw=1, ls=":")
            labels["an exact sample"] = line
        axes.set(title=stage.title, xlabel="evaluations of the network", ylabel=stage.unit)
        errors = [error for row in rows for _, error in row.ours]
        axes.set_ylim(0.7 * min(errors), min(2.0, 1.4 * max(errors)))
        axes.set_xticks([5, 10, 20, 50, 100, 200], ["5", "10", "20", "50", "100", "200"])
        axes.minorticks_off()
        axes.grid(alpha=0.25)
    figure.legend(labels.values(), labels.keys(), loc="outside right center", frameon=False, fontsize=9)
    figure.savefig(path)
    pyplot.close(figure)
