"""A request as a command and as a Python script; both make the same picture. Imports no torch."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from engine import flags
from engine.fields import RequestError
from engine.flags import CommandError
from engine.request import FIELDS, Branch, Request
from engine.starts import Encoding, Image, PureNoise, Slerp

SCRIPT = """\
from pathlib import Path

import engine
from engine.pictures import result, save_png, sheet
from engine.request import {names}
from engine.verify import here

request = {request}
for last in engine.run(request):
    pass  # last.x, last.denoised and last.level are the present step's
save_png(Path("scorescope.png"), sheet(result(last)), request, here(request))
"""


def as_command(request: Request) -> str:
    """The command that makes this picture, for a shell of POSIX: flags for what differs from the defaults.

    What flags cannot say (most starts; a caption that reads as a number) comes as JSON through a pipe.
    """
    words = ["scorescope", "generate", *_flags(request)]
    if _parsed(words[2:]) == request:
        return shlex.join(words)
    return f"printf %s {shlex.quote(request.to_json())} | scorescope generate --request -"


def as_python(request: Request) -> str:
    """A script that makes this picture."""
    used = [kind.__name__ for kind in (Branch, Encoding, Image, PureNoise, Slerp) if _has(request, kind)]
    return SCRIPT.format(names=", ".join(sorted([*used, "Request"])), request=expression(request))


def expression(value: Any) -> str:
    """A request, or a part of one, as Python writes it; what is left out is the default."""
    match value:
        case Request():
            given = [f"{name}={expression(part)}" for name, part in _differing(value).items()]
            return f"Request({', '.join(given)})"
        case Branch():
            return f"Branch({expression(value.request)}, {value.step})"
        case _:
            return repr(value)


def _differing(request: Request) -> dict[str, Any]:
    """The fields that must be given, in the order of the class: the sampler brings its own options."""
    given: dict[str, Any] = {}
    if request.sigmas is not None:
        given |= {"sigmas": request.sigmas}
    base = Request(sampler=request.sampler, **given)
    differing = {name: getattr(request, name) for name in FIELDS if getattr(request, name) != getattr(base, name)}
    sampler = {} if request.sampler == Request().sampler else {"sampler": request.sampler}
    return {name: value for name in FIELDS if (value := {**differing, **sampler, **given}.get(name, ...)) is not ...}


def _flags(request: Request) -> list[str]:
    words = []
    for name, value in _differing(request).items():
        if name == "start":
            continue
        if isinstance(value, tuple):
            words += [flags.flag(name), *map(_number, value)]
        else:
            text = _number(value)
            words += [f"{flags.flag(name)}={text}"] if text.startswith("-") else [flags.flag(name), text]
    return words


def _number(value: Any) -> str:
    """A value as a flag takes it, to the last bit."""
    if value is None:
        return "none"
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)


def _parsed(words: list[str]) -> Request | None:
    """What the command line makes of these flags."""
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    flags.add_request(parser)
    try:
        return flags.request(parser.parse_args(words))
    except (argparse.ArgumentError, CommandError, RequestError, SystemExit):
        return None


def _has(request: Request, kind: type) -> bool:
    """Whether a start of this kind is anywhere in a request, and is written."""
    start = request.start
    if isinstance(start, Branch):
        return kind is Branch or _has(start.request, kind)
    if isinstance(start, Slerp):
        return kind is Slerp or isinstance(start.first, kind) or isinstance(start.second, kind)
    return isinstance(start, kind) and start != PureNoise()
