"""Which weights a request depends on. Imports no torch."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from engine import catalog
from engine.request import Branch, Request
from engine.starts import Encoding, Slerp


def fingerprint(model: str) -> str:
    """What tells the weights of a model from others under the same name; nothing for what is no file."""
    for folder in catalog.model_folders():
        for path in (folder / f"{model}.safetensors", folder / f"{model}.json"):
            try:
                return _digest(path, path.stat().st_mtime_ns)
            except OSError:
                continue
    return ""


def fingerprints(request: Request) -> dict[str, str]:
    """The fingerprints of all models of a request: of its guide, its encoders and what it branches from as well."""
    above = fingerprints(request.start.request) if isinstance(request.start, Branch) else {}
    return above | {name: fingerprint(name) for name in models_of(request)}


def models_of(request: Request) -> list[str]:
    """The models of a request: its own, its guide and its encoders, without those of what it branches from."""
    start = request.start
    ends = (start.first, start.second) if isinstance(start, Slerp) else (start,)
    encoders = [end.model for end in ends if isinstance(end, Encoding)]
    return [name for name in (request.model, request.guide, *encoders) if name]


@lru_cache(maxsize=16)
def _digest(path: Path, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
