"""How a model is trained on a folder of pictures."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine import catalog
from engine.captions import Vocabulary
from engine.catalog import Card
from engine.data import folder
from engine.data.folder import Folder, FolderError
from engine.models import parameterization
from engine.models.registry import build
from engine.training.objectives import Denoising, Images, Objective
from engine.training.recipes import RECIPES, Recipe

BATCH = 64


@dataclass
class Captioned:
    """Pictures with a caption each; gives the keyed batch of every step, as `Images` does."""

    pictures: Images  # labelled by the numbers of their captions
    tokens: Tensor  # [captions, TOKENS]
    size: int = BATCH

    def batch(self, seed: int, step: int) -> tuple[Tensor, Tensor]:
        """Images [B, C, H, W] in [−1, 1] and tokens [B, TOKENS]."""
        self.pictures.size = self.size
        images, numbers = self.pictures.batch(seed, step)
        return images, self.tokens[numbers]


def of(path: Path, size: int, captions: bool) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe of the model of a folder, which is called as the folder, and a sentence for each file left out.

    Raises FolderError for a folder without pictures, or one that has the name of another model.
    """
    name = re.sub(r"[^a-z0-9]+", "-", path.resolve().name.lower()).strip("-")[:64]
    taken = {*RECIPES, *catalog.DISTRIBUTIONS, *(card.stem for card in (catalog.RESOURCES / "models").glob("*.json"))}
    if not name:
        raise FolderError(f"{path} has no letter from a to z and no digit to call the model by: give it another name.")
    if name in taken or name.startswith(("points-", "learned-")):
        raise FolderError(f"the model would be called {name!r}, as another one: give the folder another name.")
    found = folder.read(path, size, captions)
    vocabulary = found.vocabulary()
    kind = " by captions" if captions else f" in {len(found.classes)} classes" if found.classes else ""
    how = ("--size", str(size), *(["--captions"] if captions else []))
    architecture: dict[str, object] = {"channels": 3, "widths": [64, 128, 192], "embedding": 256}
    card = Card(
        name=name,
        kind="denoiser",
        title=path.resolve().name,
        summary=f"Your pictures{kind}, {size} × {size}: a U-Net with EDM preconditioning.",
        shape=(3, size, size),
        classes=found.classes,
        network="text-unet" if captions else "",
        architecture=architecture | ({"words": len(vocabulary)} if captions else {"classes": len(found.classes)}),
        data=f"{len(found.images):,} pictures of the folder {path.resolve().name}",
        licence="Of the pictures: as their owner says.",
        dataset=catalog.OWN,
        sigma_data=max(round(float((found.images / 127.5).std()), 4), 0.05),
        words=" ".join(vocabulary),
        command=shlex.join(["scorescope", "train", "images", path.resolve().name, *how]),  # without this machine's path
    )
    command = ("images", str(path), *how)
    recipe = Recipe(card, lambda card: _objective(card, found), found.fingerprint, command, found.images)
    return recipe, found.refused


def _objective(card: Card, found: Folder) -> Objective:
    shape, classes = parameterization.edm(card.sigma_data), len(card.classes)
    if not card.words:
        return Denoising(build(card), shape, Images(found.images, found.labels, BATCH), classes, mean=-0.6)
    known = Vocabulary(card.words.split())
    tokens = torch.tensor([known.tokens(caption) for caption in found.captions])
    captioned = Captioned(Images(found.images, np.arange(len(found.images))), tokens)
    return Denoising(build(card), shape, captioned, classes=0, mean=-0.6)
