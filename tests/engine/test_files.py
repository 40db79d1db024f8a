"""Files that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY

from engine import files
from engine.animation import save_animation
from engine.models import plane
from engine.models.checkpoint import save_card, save_tensors
from engine.pictures import save_png

WRITERS: dict[str, Callable[[Path], object]] = {
    "bytes": lambda folder: files.write(folder / "table.csv", b"new"),
    "a card": lambda folder: save_card(folder, TINY),
    "weights": lambda folder: save_tensors(folder / "tiny.safetensors", {"x": torch.ones(3)}, {}),
    "points": lambda folder: plane.keep(np.zeros((3, 2))),
    "a picture": lambda folder: save_png(folder / "page.png", np.zeros((2, 2, 1), np.uint8)),
    "a film": lambda folder: save_animation(folder / "film.gif", [np.zeros((2, 2, 3), np.uint8)], 0.1),
}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", WRITERS)
def test_a_writing_that_is_stopped_leaves_the_old_file_and_no_draft(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at the last moment, over nothing and over what an earlier one has written."""
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        before = content(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr("os.replace", stopped)
            with pytest.raises(KeyboardInterrupt):
                WRITERS[name](tmp_path)
        assert content(tmp_path) == before
        WRITERS[name](tmp_path)
        assert len(content(tmp_path)) == 1
