"""Files that were kept in passing: all but the newest can go."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def older(folder: Path, pattern: str, newest: int) -> list[Path]:
    """The files of a pattern in a folder, but for the newest."""
    return sorted(folder.glob(pattern), key=_changed, reverse=True)[newest:]


def remove(files: Iterable[Path]) -> None:
    """Remove what is still there and may be removed."""
    for file in files:
        with suppress(OSError):
            file.unlink()


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
