"""What a saved picture says of itself: the request that made it, and how it was made. Imports no torch.

A PNG carries three texts: `scorescope` is the whole request, `scorescope-made` what *Verify* needs besides, and
`parameters` the line that other programs read. What is read here was written by anyone: nothing of it is executed, and
every refusal is one sentence that names the file.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import msgspec
from msgspec import Meta

from engine import catalog, files
from engine.chunks import MAX_TEXT, SIGNATURE, ChunkError, texts
from engine.fields import RequestError
from engine.files import FileError
from engine.request import Request

MAX_DIGITS = 100  # of a whole number
MAX_NETWORKS = 100  # of a picture, with those of all the runs it branches from

Name = Annotated[str, Meta(max_length=100)]


class Made(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a picture came from its request: what it shows, how the sheet is laid out, and what computed it."""

    view: Name = "denoised"
    step: Annotated[int, Meta(ge=0, le=10**6)] | None = None  # that is shown; none for the result
    columns: Annotated[int, Meta(ge=1, le=1024)] | None = None
    enlarge: Annotated[int, Meta(ge=1, le=16)] = 2
    gap: Annotated[int, Meta(ge=0, le=64)] = 2
    program: Name = ""
    torch: Name = ""
    device: Name = ""  # "cpu bf16" or "cpu auto" of old pictures, which have no precision
    threads: Annotated[int, Meta(ge=0, le=4096)] = 0  # 0 where it is not known
    weights: Name = ""  # the fingerprint of the model
    precision: Annotated[dict[Name, Name], Meta(max_length=MAX_NETWORKS)] = {}  # of networks, by the names of models


class Saved(NamedTuple):
    """What was read from a file."""

    request: Request
    made: Made | None = None


def read(path: Path) -> Saved:
    """What a PNG or APNG that Scorescope saved says, or a request in a JSON file. Raises FileError."""
    return parse(path.name, files.read(path, path.name))


def parse(name: str, data: bytes) -> Saved:
    """As `read`, of a file's content. Raises FileError."""
    if data.startswith(SIGNATURE):
        try:
            found = texts(data, ("scorescope", "scorescope-made"))
        except ChunkError as error:
            raise FileError(f"{name} {error}.") from error
        if "scorescope" not in found:
            raise FileError(f"{name} is a picture without a request: Scorescope did not save it.")
        return Saved(_request(name, found["scorescope"]), _made(found.get("scorescope-made")))
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] != b"{":
        raise FileError(f"{name} is neither a PNG nor a request in JSON.")
    return Saved(_request(name, data))


def chunks(request: Request, made: Made) -> dict[str, str]:
    """The texts of a picture, by keyword."""
    return {
        "scorescope": request.to_json(),
        "scorescope-made": msgspec.json.encode(made).decode(),
        "parameters": parameters(request),
    }


def parameters(request: Request) -> str:
    """The request in the words that galleries and other programs read: a prompt, and a line of settings."""
    card = catalog.cards().get(request.model)
    condition = request.condition
    if isinstance(condition, int) and card is not None and condition < len(card.classes):
        condition = card.classes[condition]
    sampler = catalog.SAMPLERS[request.sampler].label
    values = {
        "Steps": request.steps,
        "Sampler": f"{sampler}, λ = {request.lam:g}" if request.lam else sampler,
        "Schedule type": catalog.SPACINGS[request.spacing].label,
        "CFG scale": f"{request.guidance:g}",
        "Seed": request.seed,
        "Size": f"{card.shape[2]}x{card.shape[1]}" if card is not None else "",
        "Model": request.model,
        "Version": f"Scorescope {program()}",
    }
    prompt = " ".join(f"{'' if condition is None else condition}".split())
    line = ", ".join(f"{name}: {_quoted(str(value))}" for name, value in values.items() if value != "")
    return f"{prompt}\n{line}" if prompt else line


@lru_cache
def program() -> str:
    """This program's version."""
    try:
        return version("scorescope")
    except PackageNotFoundError:
        return "(not installed)"


def _quoted(value: str) -> str:
    return f'"{value}"' if "," in value else value


def _request(name: str, text: bytes) -> Request:
    """The request in a JSON text. A name that comes twice is refused: readers differ in which of the two they take."""
    try:
        if len(text) > MAX_TEXT:
            raise RequestError("request", f"request must be at most {MAX_TEXT >> 20} MB of JSON.")
        values = json.loads(
            text.decode("utf-8-sig"), object_pairs_hook=_once, parse_int=_whole, parse_constant=_no_number
        )
        if not isinstance(values, dict):
            raise RequestError("request", "request must be a JSON object.")
        return Request.from_dict(values)
    except (RecursionError, ValueError) as error:
        reason = "it is nested too deeply." if isinstance(error, RecursionError) else _sentence(error)
        raise FileError(f"{name} holds a request that cannot be used: {reason}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice in it")
    return found


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number in it has {len(text):,} digits")
    return int(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _sentence(error: ValueError) -> str:
    if isinstance(error, UnicodeError):
        return "it is no text of UTF-8."
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON: {error}."
    return f"{str(error).rstrip('.')}."


def _made(text: bytes | None) -> Made | None:
    """How the picture was made; nothing where it does not say, or in words of a later version."""
    try:
        return msgspec.json.decode(text, type=Made) if text else None
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
