"""`scorescope sweep`: a grid of runs over one or two fields, a table, and a chart of quality against evaluations."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from engine import flags
from engine.fields import MAX_STEPS, Field, RequestError
from engine.flags import CommandError
from engine.sweep import EXECUTORS, Axis, Folder, Result, Sweep, SweepError, run_sweep

SUMMARY = "Run every combination of one or two fields' values. It can be stopped at any time, and goes on where it was."
EPILOG = """\
examples:
  scorescope sweep --over lam=0,0.5,1 --over steps=5,10,20,50 --condition 7
  scorescope sweep --over order=1,2 --over "steps=20…160 in 4 log" --model gaussian --count 1 --reference 1000
  scorescope sweep --out sweep                                              (go on with the sweep in a folder)
"""
REFERENCE = {
    "reference": Field(
        "integer",
        "Reference",
        "Measure each cell against the solution of its equation in so many steps: its error.",
        minimum=1,
        maximum=MAX_STEPS,
    )
}


def add_sweep(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--over",
        action="append",
        metavar="NAME=VALUES",
        help="A field and its values, once or twice: steps=5,10,20 or lam=0…2 in 5 or steps=5…80 in 5 log. "
        "The first of two gives the rows.",
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        default="sweep",
        help="Where grid.png, table.csv, chart.png and the cells go; FILE.png names the grid. Default: sweep.",
    )
    parser.add_argument("--csv", metavar="FILE", help="The table. Default: table.csv in the folder.")
    flags.add_flags(parser, REFERENCE, {})
    parser.add_argument("--executor", metavar="NAME", default="local", help="local, or dask on a cluster.")
    parser.add_argument("--scheduler", metavar="ADDRESS", default="", help="Of dask, as in tcp://127.0.0.1:8786.")
    flags.add_request(parser)


def sweep(args: argparse.Namespace) -> int:
    """Carry out the command."""
    if args.executor not in EXECUTORS:
        raise RequestError("executor", f"executor must be one of {', '.join(EXECUTORS)}, not {args.executor!r}.")
    out = Path(args.out)
    grid = out if out.suffix.lower() == ".png" else out / "grid.png"
    folder = Folder(grid.parent if grid.parent == out else out.with_suffix(""))
    plan = _plan(args, folder)
    csv = Path(args.csv) if args.csv else folder.path / "table.csv"
    if csv.parent != folder.path:  # which is made
        flags.place(args.csv)
    results: dict[int, Result] = {}
    try:
        _run(plan, folder, args, results)
        said = _write(plan, results, folder, grid, csv)
    except SweepError as error:
        raise CommandError(f"{error} {_go_on(out, results, plan, args)}") from error
    except OSError as error:
        raise CommandError(f"{error.filename or out} cannot be written: {error.strerror or error}.") from error
    except KeyboardInterrupt:
        print(f"\nscorescope sweep: stopped. {_go_on(out, results, plan, args)}", file=sys.stderr)
        return 130
    print(said)
    return 0


def _plan(args: argparse.Namespace, folder: Folder) -> Sweep:
    """The sweep that is asked for, or the one that is in the folder."""
    from engine.sweep.values import axis

    reference = flags.values(args, REFERENCE).get("reference", 0)
    if args.over is None:
        if flags.values(args, flags.REQUEST) or reference or args.request or flags.starts(args):
            raise RequestError("over", "--over NAME=VALUES says what varies, at least once.")
        try:
            return folder.plan()
        except RequestError as error:
            raise RequestError("over", f"--over NAME=VALUES says what varies; without it {error}") from error
    axes: tuple[Axis, ...] = tuple(axis(text) for text in args.over)
    return Sweep(base=flags.request(args), axes=axes, reference=reference)


def _run(plan: Sweep, folder: Folder, args: argparse.Namespace, results: dict[int, Result]) -> None:
    from tqdm import tqdm

    with tqdm(total=len(plan.cells), unit="cell", leave=False, disable=None) as bar:

        def told(cell: object, step: int, steps: int) -> None:
            bar.set_postfix_str(f"step {step} of {steps}", refresh=False)
            bar.update(0)

        for index, result in run_sweep(plan, folder, args.executor, args.scheduler, told):
            results[index] = result
            bar.update()


def _write(plan: Sweep, results: dict[int, Result], folder: Folder, grid: Path, csv: Path) -> str:
    """The grid, the table and, where quality is known, the chart; and what is said of them."""
    from engine.files import write
    from engine.sweep import chart, sheet
    from engine.sweep.folder import table

    if not any(len(result.pictures) for result in results.values()):
        raise CommandError(f"no cell could be run: {results[0].reason}")
    write(grid, sheet.png(sheet.page(plan, results), plan))
    write(csv, table(plan, results).encode())
    written = [str(grid), str(csv)]
    if known := chart.qualities(results):
        written.append(str(folder.path / "chart.png"))
        write(folder.path / "chart.png", sheet.png(chart.draw(plan, results, known[0]), plan))
    failed = sum(bool(result.reason) for result in results.values())
    lines = [
        f"{', '.join(written)}: {len(results)} cells" + (f", of which {failed} are not possible" if failed else "")
    ]
    if known[:1] == ["error"]:
        orders = [(line.label, line.order) for line in chart.lines(plan, results, "error")]
        lines += [f"  {label}: order {order:.2f}" for label, order in orders if order is not None]
    return "\n".join(lines)


def _go_on(out: Path, results: dict[int, Result], plan: Sweep, args: argparse.Namespace) -> str:
    words = ["scorescope", "sweep", "--out", str(out)]
    if args.executor != "local":
        words += ["--executor", args.executor, "--scheduler", args.scheduler]
    return f"{len(results)} of {len(plan.cells)} cells are done; to go on: {shlex.join(words)}"
