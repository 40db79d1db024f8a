"""Flags of the command line, made from the metadata of fields; from flags and files to a request. Imports no torch."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from engine import catalog, starting
from engine.fields import Field, RequestError, short
from engine.files import FileError
from engine.request import FIELDS, OPTIONS, Branch, Request, Start
from engine.starts import PureNoise

REQUEST = {name: field for name, field in FIELDS.items() if field.kind != "start"}
STARTS = ("image", "encode", "branch", "slerp")
DETAILS = {
    "strength": Field("number", "Strength", "Of the steps, the share that an image walks.", minimum=0.001, maximum=1),
    "encode_condition": replace(FIELDS["condition"], help="What the image shows, for --encode and --slerp."),
    "encode_model": replace(
        FIELDS["model"], help="What encodes the image, if not the model that decodes.", optional=True
    ),
    "at": Field("integer", "Step", "The step at which a branch leaves its run.", minimum=0, maximum=99999),
}
BELONGS = {  # a flag that says more, and those of the starts that it is for
    "strength": ("image",),
    "mask": ("image",),
    "encode_condition": ("encode", "slerp"),
    "encode_model": ("encode", "slerp"),
    "at": ("branch",),
}
METAVARS: dict[str, Any] = {
    "integer": "N",
    "number": "X",
    "condition": "CLASS",
    "choice": "CHOICE",
    "interval": ("LOW", "HIGH"),
    "levels": "SIGMA",
}


class CommandError(Exception):
    """A command that cannot be carried out; the message is one sentence for the person who gave it."""


def add_flags(parser: argparse.ArgumentParser, fields: Mapping[str, Field], defaults: Mapping[str, Any]) -> None:
    """A flag for every field. What is given stays text here: `_value` and the field itself say what is allowed."""
    for name, field in fields.items():
        words = f"{field.help} {field.allowed[0].upper()}{field.allowed[1:]}."
        if name in OPTIONS and field is FIELDS[name]:
            words += " Default: the sampler’s own."
        elif name in defaults:
            words += f" Default: {'none' if defaults[name] is None else defaults[name]}."
        several = "+" if field.kind in ("interval", "levels") else None
        metavar = METAVARS.get(field.kind, "NAME")
        parser.add_argument(flag(name), dest=name, nargs=several, metavar=metavar, help=words.replace("%", "%%"))


def add_request(parser: argparse.ArgumentParser) -> None:
    """All flags that say what to generate."""
    add_flags(parser, REQUEST, msgspec.structs.asdict(Request()))
    parser.add_argument(
        "--request", metavar="FILE", help="Begin with the request in a JSON file or a saved PNG; - reads it."
    )
    middle = parser.add_argument_group("from the middle", "What a run starts from, instead of noise.")
    one = middle.add_mutually_exclusive_group()
    one.add_argument("--image", metavar="FILE", help="A picture, with noise added: SDEdit, or in-painting by --mask.")
    one.add_argument("--encode", metavar="FILE", help="The noise that the ODE makes of a picture: DDIM inversion.")
    one.add_argument(
        "--branch", metavar="FILE", help="A step (--at) of the run in a JSON file or a saved PNG; - reads it."
    )
    one.add_argument(
        "--slerp", nargs=2, metavar=("FROM", "TO"), help="Between two noises, each a seed or an encoded picture."
    )
    middle.add_argument("--mask", metavar="FILE", help="A picture: what is white in it is painted anew.")
    add_flags(middle, DETAILS, {"strength": 0.6, "encode_condition": None, "encode_model": None})  # type: ignore[arg-type]


def flag(name: str) -> str:
    """How a field is written as a flag."""
    return f"--{name.replace('_', '-')}"


def values(args: argparse.Namespace, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values of the flags that were given. Raises RequestError, in a request's words, for one out of range."""
    found = {}
    for name, field in fields.items():
        if (given := getattr(args, name)) is not None:
            found[name] = _value(field, given)
            if not field.admits(found[name]):
                raise RequestError(name, f"{name} must be {field.allowed}, not {short(found[name])}.")
    return found


def request(args: argparse.Namespace) -> Request:
    """What the flags and the files ask for. Raises RequestError and CommandError."""
    start = _chosen(args)
    for name, owners in BELONGS.items():
        if getattr(args, name) is not None and start not in owners:
            wanted = " or ".join(map(flag, owners))
            raise RequestError(name, f"{flag(name)} goes with {wanted}, which is not given.")
    details = values(args, DETAILS)
    if start == "branch" and "at" not in details:
        raise RequestError("at", "--branch goes with --at, the step at which to leave the run.")
    parent = _saved(args, "branch")
    found = _saved(args, "request") or parent or Request()
    given = values(args, REQUEST)
    if start is None:
        return found.replace(**given)
    found = found.replace(**given, start=PureNoise())
    if parent:
        with _naming(start):
            return found.replace(start=Branch(parent, details["at"]))
    shape = _shape(found.model)
    with _naming(start):
        return found.replace(start=_start(start, args, details, found.count, shape))


def place(name: str) -> Path:
    """Where a file is to be written. Raises CommandError, before the time is spent, where none can be.

    What is there and is no file is left alone: a whole new file, put in its place, would end even /dev/null.
    """
    path = Path(name)
    reason = "" if path.parent.is_dir() else f"there is no folder {path.parent}"
    if path.exists() and not path.is_file():
        reason = f"it is {'a folder' if path.is_dir() else 'no ordinary file'}"
    if reason:
        raise CommandError(f"{path} cannot be written: {reason}.")
    return path


def picture(name: str) -> Path:
    """Where a PNG is to be written. Raises CommandError as `place` does, and for the name of another kind of file."""
    path = place(name)
    if path.suffix.lower() not in ("", ".png"):
        raise CommandError(f"{path} cannot be written: pictures are PNG, whose names end in .png.")
    return path


def at_start(args: argparse.Namespace, error: RequestError) -> RequestError:
    """What the engine refuses of a start, with the flag that asked for it."""
    start = _chosen(args) if error.field == "start" else None
    return RequestError("start", f"{flag(start)}: {error}") if start else error


def starts(args: argparse.Namespace) -> bool:
    """Whether a flag was given that says what to start from, or more of that."""
    return any(getattr(args, name) is not None for name in (*STARTS, *BELONGS))


def _chosen(args: argparse.Namespace) -> str | None:
    """The flag of a start that was given."""
    return next((name for name in STARTS if getattr(args, name) is not None), None)


def _saved(args: argparse.Namespace, name: str) -> Request | None:
    """The request in the file that the flag `name` was given; read once, for it may be the standard input."""
    if (file := getattr(args, name)) is None:
        return None
    with _naming(name):
        return starting.request(Path(file))


def _start(
    name: str, args: argparse.Namespace, details: dict[str, Any], count: int, shape: tuple[int, int, int]
) -> Start:
    """The start that the flag `name` asks for: from pictures of that shape."""
    if name == "image":
        mask = None if args.mask is None else Path(args.mask)
        return starting.image(Path(args.image), shape, details.get("strength", 0.6), mask)
    encoder = details.get("encode_model"), details.get("encode_condition")
    if name == "encode":
        return starting.encoding(Path(args.encode), shape, *encoder)
    first, second = (
        PureNoise(_value(FIELDS["seed"], end)) if end.isdecimal() else starting.encoding(Path(end), shape, *encoder)
        for end in args.slerp
    )
    return starting.slerp(first, second, count)


def _shape(model: str) -> tuple[int, int, int]:
    """What a model makes, from its card."""
    known = catalog.cards()
    if model not in known:
        there = ", ".join(known) or "none (no model is installed)"
        raise RequestError("model", f"model must be one of {there}, not {model!r}.")
    return known[model].shape


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say at which flag a file or a start was refused."""
    try:
        yield
    except FileError as error:
        raise CommandError(f"{flag(name)} {error}") from error
    except RequestError as error:
        raise RequestError(error.field, f"{flag(name)}: {error}") from error


def _value(field: Field, given: Any) -> Any:
    """What was written, as the field's type; as text, for the field to refuse, where it cannot be read as one."""
    if field.optional and given in ("none", "any", ["none"]):
        return None
    try:
        if field.kind in ("interval", "levels"):
            return tuple(float(number) for number in given)
        if field.kind == "number":
            return float(given)
        return int(given) if field.kind in ("integer", "choice", "condition") else given
    except ValueError:
        return given
