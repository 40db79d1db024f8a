"""The command line: scorescope generate | sweep | verify | train | models | evaluate | bench.

Imports no torch: a wrong flag is answered at once, and each command imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from engine import catalog, flags, sweep_cli, threads, train_cli
from engine.captions import Vocabulary
from engine.card_text import as_text, every_card
from engine.fields import Field, RequestError
from engine.files import FileError
from engine.flags import CommandError
from engine.metadata import program
from engine.request import Request

COMMANDS = ("generate", "sweep", "verify", "train", "models", "evaluate", "bench")

SHEET = {
    "enlarge": Field("integer", "Enlarge", "Pixels of the sheet, along each axis, to a pixel.", minimum=1, maximum=16),
    "columns": Field("integer", "Columns", "Images in a row.", minimum=1, maximum=1024, optional=True),
}
QUALITY = {
    "accuracy": "accuracy",
    "agreement_w1_lam0": "agreement",
    "frechet_lam0": "Fréchet distance",
    "top5_w3": "found",
}


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line, and return its exit status.

    0 is done, 1 could not be done, 2 a value that is not allowed, 128 + n stopped by signal n.
    """
    argv = sys.argv[1:] if argv is None else argv
    threads.sleep_early()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # λ on a terminal that has none
    for word in argv:
        flag, _, value = word.partition("=")
        if flag.startswith("--") and value == "--":  # which argparse takes for a list of nothing
            print(f"scorescope: {flag} needs a value, not --.", file=sys.stderr)
            return 2
    if argv[:1] == ["bench"]:
        return _carry_out("bench", lambda: _bench(argv[1:]))
    parser = _parser()
    try:
        args = parser.parse_args(argv)
    except SystemExit as finished:  # argparse has said why
        return int(finished.code or 0)
    if args.version:
        print(f"scorescope {program()}")
        return 0
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    return _carry_out(args.command, lambda: args.carry_out(args))


def _carry_out(command: str, act: Callable[[], int]) -> int:
    """Do what a command does; what stops it is one sentence, and a status as `main` has it."""
    try:
        status = act()
        sys.stdout.flush()
        return status
    except RequestError as error:
        print(f"scorescope {command}: {error}", file=sys.stderr)
        return 2
    except CommandError as error:
        print(f"scorescope {command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"scorescope {command}: stopped.", file=sys.stderr)
        return 130
    except OSError as error:  # of the standard output: a file that cannot be written is named by its command
        with suppress(OSError):  # what is left in it is flushed at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 141  # as SIGPIPE ends `scorescope models | head -1` elsewhere
        print(f"scorescope {command}: {error.filename or 'the output'}: {_reason(error)}.", file=sys.stderr)
        return 1


# --- flags -----------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scorescope", description="A microscope for diffusion models. Without a command it opens its window."
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def add(name: str, carry_out: Any, summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        command.set_defaults(carry_out=carry_out)
        return command

    generate = add("generate", _generate, "Generate images and write them on one sheet, as PNG.")
    generate.add_argument("--out", metavar="FILE.png", default="scorescope.png", help="Default: scorescope.png.")
    flags.add_flags(generate, SHEET, {"enlarge": 2})
    generate.add_argument("--json", action="store_true", help="Print the request as JSON, and generate nothing.")
    flags.add_request(generate)

    sweep_cli.add_sweep(add("sweep", sweep_cli.sweep, sweep_cli.SUMMARY))

    check = add("verify", _verify, "Render saved pictures again, and say whether every pixel is the same.")
    check.add_argument("files", metavar="FILE.png", nargs="+", help="Pictures that Scorescope saved.")

    train_cli.add_train(add("train", train_cli.train, train_cli.SUMMARY))

    models = add("models", _models, "List the models that are installed, or say what is known of one.")
    models.add_argument("name", metavar="NAME", nargs="?", help="A model: its card is printed.")

    evaluate = add("evaluate", _evaluate, "Measure a model: how good its samples are, how long a call takes.")
    evaluate.add_argument("name", metavar="NAME", help="One of scorescope models.")
    evaluate.add_argument("--write", action="store_true", help="Store the figures in the model's card.")
    evaluate.add_argument("--sheet", metavar="FILE.png", help="Samples, each beside the training image nearest to it.")

    add("bench", None, "Measure the program's times on this machine.")  # has a parser of its own
    return parser


def _reason(error: Exception) -> str:
    """What went wrong with a file, without its number and name."""
    return getattr(error, "strerror", None) or str(error)


# --- commands --------------------------------------------------------------------------------------------------------


def _generate(args: argparse.Namespace) -> int:
    request = flags.request(args)
    page_layout = {"enlarge": 2, **flags.values(args, SHEET)}
    if args.json:
        print(request.to_json())
        return 0
    out = flags.picture(args.out)

    from tqdm import tqdm

    from engine.models.checkpoint import ModelError, UnknownModelError
    from engine.pictures import result, save_png, sheet
    from engine.runs import RunError, levels, model_of, run
    from engine.verify import here

    _check_device()
    started = time.perf_counter()
    try:
        if len(model_of(request).shape) != 3:
            raise RequestError("model", f"model must make images here, not points, as {request.model} does.")
        _hint(request)
        steps = len(levels(request)) - 1
        for step in tqdm(run(request), total=steps, unit="step", leave=False, disable=None):
            last = step
    except RunError as error:
        raise CommandError(str(error)) from error
    except RequestError as error:
        if isinstance(error.__cause__, ModelError) and not isinstance(error.__cause__, UnknownModelError):
            raise CommandError(str(error)) from error
        raise flags.at_start(args, error) from error
    seconds = time.perf_counter() - started
    made = msgspec.structs.replace(here(request), **page_layout)
    try:
        save_png(out, sheet(result(last), **page_layout), request, made)
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {_reason(error)}.") from error
    images = "1 image" if request.count == 1 else f"{request.count} images"
    print(f"{out}: {images}, {last.nfe} evaluations of the network, {seconds:.1f} s")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from engine.runs import RunError
    from engine.verify import VerifyError, verify

    _check_device()
    every = True
    for name in args.files:
        try:
            with tqdm(unit="step", leave=False, disable=None) as bar:
                verdict = verify(Path(name), bar.update)
        except (FileError, RequestError, RunError, VerifyError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            every = False
            continue
        print(f"{name}: {verdict.sentence}")
        every = every and verdict.exact
    return 0 if every else 1


def _hint(request: Request) -> None:
    """Say which words of a caption mean nothing to the model."""
    card = catalog.cards().get(request.model)
    if card and card.words and isinstance(request.condition, str):
        unknown = Vocabulary(card.words.split()).unknown(request.condition)
        if unknown:
            print(f"{request.model} does not know {', '.join(unknown)}: passed over.", file=sys.stderr)


def _check_device() -> None:
    from engine.device import pick

    try:
        pick()
    except ValueError as error:
        raise CommandError(f"{error}.") from error


def _bench(argv: list[str]) -> int:
    from engine.bench.times import main as bench

    return bench(argv)


def _models(args: argparse.Namespace) -> int:
    if args.name is not None:
        known = every_card()
        if args.name not in known:
            raise RequestError("model", f"model must be one of {', '.join(known) or 'none'}, not {args.name!r}.")
        print(as_text(known[args.name]))
        return 0
    rows = [("name", "title", "kind", "classes", "shape", "parameters", "measured")]
    for card in catalog.cards("denoiser", "guide").values():
        measured = [f"{word} {card.measured[name]:.3g}" for name, word in QUALITY.items() if name in card.measured]
        shape = " × ".join(map(str, card.shape))
        classes, parameters = str(len(card.classes)), f"{card.parameters:,}"
        rows.append((card.name, card.title, card.kind, classes, shape, parameters, ", ".join(measured) or "-"))
    if len(rows) == 1:
        raise CommandError("no model is installed; `scorescope train digits --minutes 60` makes one.")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from engine.measures.evaluation import evaluate
    from engine.models import ModelError
    from engine.models.checkpoint import save_card

    _check_device()
    sheet = flags.picture(args.sheet) if args.sheet else None
    try:
        figures = evaluate(args.name, lambda text: print(text, file=sys.stderr), sheet)
        for name, value in figures.items():
            print(f"{name}  {value:.6g}")
        if args.write:
            card = catalog.cards("classifier", "retrieval", "guide", "denoiser")[args.name]
            folder = catalog.home(args.name) or catalog.model_folders()[0]
            save_card(folder, msgspec.structs.replace(card, measured=figures))
            print(f"Written to {folder / args.name}.json.")
    except (ModelError, OSError) as error:
        raise CommandError(str(error)) from error
    return 0
