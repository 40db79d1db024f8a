"""What an answer is made of."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from engine import wire


@dataclass
class Piece:
    """A piece of an answer: plain values, and arrays of float32 or uint8."""

    values: dict[str, Any] = field(default_factory=dict)
    arrays: wire.Arrays = field(default_factory=list)
    last: bool = True


Pieces = Generator[Piece | None, None, None]
"""The pieces as they are made; None is a place to stop."""
