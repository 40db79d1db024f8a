"""A folder of pictures: by class in sub-folders, or with captions in text files beside them.

What is in the folder was put there by anyone: a file that cannot be used costs one sentence, and the rest go on.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tqdm import tqdm

from engine.captions import words

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
MAX_PIXELS = 2**26  # of one picture, before it is reduced
MAX_CAPTION = 1000  # characters, as in a request
MAX_WORDS = 8000  # of the vocabulary: the most frequent


class FolderError(ValueError):
    """A folder that nothing can be learned from; the message is one sentence."""


@dataclass
class Folder:
    """What was read from a folder, in the order of the names."""

    images: NDArray[np.uint8]  # [N, 3, size, size]
    labels: NDArray[np.int64]  # [N]; all 0 without classes
    classes: tuple[str, ...]  # the sub-folders; none where there are none, or where there are captions
    captions: tuple[str, ...]  # [N], or none
    refused: tuple[str, ...]  # a sentence for every file that was left out

    @property
    def fingerprint(self) -> str:
        """Of everything that is learned: a checkpoint goes on with nothing else."""
        digest = hashlib.sha256(self.images.tobytes() + self.labels.tobytes())
        digest.update(repr((self.images.shape, self.classes, self.captions)).encode())
        return digest.hexdigest()[:16]

    def vocabulary(self) -> list[str]:
        """The words of the captions, the most frequent first, MAX_WORDS at most."""
        counted = Counter(word for caption in self.captions for word in set(words(caption)))
        return sorted(counted, key=lambda word: (-counted[word], word))[:MAX_WORDS]


def read(folder: Path, size: int, captions: bool = False) -> Folder:
    """The pictures in a folder and below, `size` pixels wide and high: cut to a square, reduced, on white.

    Without captions the class of a picture is the sub-folder of `folder` it is in; if there are sub-folders with
    pictures, those beside them are left out. With captions NAME.txt says what NAME.png shows. Raises FolderError where
    no picture is left.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder} is no folder.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    inside = [path.relative_to(folder) for path in paths]
    by_class = not captions and any(len(path.parts) > 1 for path in inside)
    images, names, texts, refused = [], [], [], []
    for path in tqdm(inside, desc="Reading", unit=" pictures", leave=False, disable=None):
        try:
            if by_class and len(path.parts) == 1:
                raise FolderError("it is in no sub-folder, which would be its class")
            text = _caption(folder / path) if captions else ""
            images.append(_picture(folder / path, size))
        except FolderError as error:
            refused.append(f"{path} was left out: {error}.")
            continue
        names.append(path.parts[0] if by_class else "")
        texts.append(text)
    if not images:
        raise FolderError(f"{folder} has no picture that can be used." + (f" {refused[0]}" if refused else ""))
    classes, labels = np.unique(names, return_inverse=True)
    return Folder(
        np.stack(images),
        labels.astype(np.int64),
        tuple(map(str, classes)) if by_class else (),
        tuple(texts) if captions else (),
        tuple(refused),
    )


def _picture(path: Path, size: int) -> NDArray[np.uint8]:
    """A picture as bytes [3, size, size]. Raises FolderError for one that cannot be read."""
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > MAX_PIXELS:
                raise FolderError(f"{image.width} × {image.height} pixels are too many")
            rgba = ImageOps.exif_transpose(image).convert("RGBA")
        on_white = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
        square = ImageOps.fit(on_white, (size, size), Image.Resampling.LANCZOS)
    except FolderError:
        raise
    except Image.DecompressionBombError as error:
        raise FolderError("its pixels are too many") from error
    except Exception as error:  # decoders raise everything there is
        raise FolderError("it is no picture that can be read") from error
    return np.asarray(square).transpose(2, 0, 1)


def _caption(path: Path) -> str:
    """The text beside a picture. Raises FolderError for one that is missing, or no caption."""
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        raise FolderError(f"there is no {beside.name} beside it")
    try:
        with beside.open(encoding="utf-8") as file:
            text = file.read(MAX_CAPTION + 1).strip()
    except OSError as error:
        raise FolderError(f"{beside.name} cannot be read") from error
    except UnicodeError as error:
        raise FolderError(f"{beside.name} is not text in UTF-8") from error
    if len(text) > MAX_CAPTION or not words(text):
        raise FolderError(f"{beside.name} has {'too many characters' if words(text) else 'no words'}")
    return text
