"""Saving what is shown: under a name of its own in the gallery's folder, or where one is asked for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shiboken6 import isValid

from desktop_app.state import gallery_files
from desktop_app.state.runs import Run
from engine import metadata, wire
from engine.metadata import Made
from engine.pictures import save_png, sheet
from engine.request import Request
from engine.weights import fingerprint

WAIT_S = 10.0  # for pictures that are not held


class NotSavedError(Exception):
    """Why nothing was saved, in one sentence."""


@dataclass(frozen=True)
class Page:
    """The pictures of one lane at one step, and what made them."""

    images: NDArray[np.uint8]
    request: Request
    made: Made

    @property
    def stem(self) -> str:
        """What its file is called: model, condition, seed."""
        condition = "any" if self.request.condition is None else str(self.request.condition)
        said = re.sub(r"[^\w]+", "-", condition.casefold()).strip("-")[:40] or "any"
        return f"{self.request.model}-{said}-seed{self.request.seed}"


async def page(run: Run, view: str, position: int, engine: wire.Ready | None) -> Page:
    """What a run shows at a position, exactly: waits for pictures that are not held. Raises NotSavedError."""
    owner, place = run.owner(position)
    for _ in range(round(WAIT_S / 0.02)):
        if not (isValid(run) and isValid(owner)):
            raise NotSavedError("Nothing was saved: another run has taken the place of this one.")
        images = owner.shelf.get(owner, view, place)
        if images is not None and not run.note(view, position):
            break
        run.pictures(view, position)  # asks for them
        if owner.lost or run.note(view, position):
            raise NotSavedError("The pictures of this step are not kept any more: run it again to save them.")
        await asyncio.sleep(0.02)
    else:
        raise NotSavedError("The pictures of this step have not come from the engine yet.")
    at_end = position == run.steps
    made = Made(
        view=view,
        step=None if at_end and view in ("noisy", "denoised") else place,
        program=metadata.program(),
        torch=engine.torch if engine else "",
        device=engine.device if engine else "",
        threads=engine.threads if engine else 0,
        weights=await asyncio.to_thread(fingerprint, owner.request.model),
        precision=owner.precision,
    )
    return Page(images, owner.request, made)


async def keep(pages: Sequence[Page], folder: Path) -> list[Path]:
    """Save pages in a folder, each under a name that was free. Raises NotSavedError; then there is none of them."""
    return await asyncio.to_thread(_keep, pages, folder)


async def write(pages: Sequence[Page], path: Path) -> None:
    """Save pages where one was asked to: the first under this name, the others beside it. Raises NotSavedError."""
    if path.suffix.lower() != ".png":
        raise NotSavedError(f"{path.name} must end in .png.")
    names = [path, *(path.with_stem(f"{path.stem}-{letter}") for letter in "bcdefgh")]
    try:
        for one, name in zip(pages, names, strict=False):
            await asyncio.to_thread(save_png, name, sheet(one.images), one.request, one.made)
    except OSError as error:
        raise NotSavedError(f"The picture could not be saved: {error.strerror or error}.") from error


def _keep(pages: Sequence[Page], folder: Path) -> list[Path]:
    kept: list[Path] = []
    try:
        for one in pages:
            kept.append(gallery_files.free_name(folder, one.stem))
            save_png(kept[-1], sheet(one.images), one.request, one.made)
    except OSError as error:
        for path in kept:
            path.unlink(missing_ok=True)
        raise NotSavedError(f"The picture could not be saved in {folder}: {error.strerror or error}.") from error
    return kept
