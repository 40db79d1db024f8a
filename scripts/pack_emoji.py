"""Pack Noto Emoji for training: `python scripts/pack_emoji.py emoji-datasource-google.tgz emojibase-data.tgz`.

The two are npm packages, as `npm pack` fetches them. Writes sheet.png and names.json to resources/data/emoji; the same
packages give the same bytes (with the same Pillow).
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.captions import words
from engine.data.emoji import COLUMNS, FOLDER

IMAGES = "package/img/google/64/"
NAMED_BY_A_SIGN = {"keycap: #": "keycap: hash", "keycap: *": "keycap: asterisk"}


def linear(encoded: np.ndarray) -> np.ndarray:
    """sRGB in [0, 1] to light (IEC 61966-2-1)."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    """Light to sRGB in [0, 1]."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def reduced(png: bytes) -> np.ndarray:
    """A picture of 64 × 64 with transparency as bytes [32, 32, 3]: on white, averaged over 2 × 2 pixels, as light."""
    rgba = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), np.float64) / 255.0
    opacity = rgba[..., 3:]
    on_white = linear(rgba[..., :3]) * opacity + (1.0 - opacity)
    return (255.0 * encoded(on_white.reshape(32, 2, 32, 2, 3).mean((1, 3)))).round().astype(np.uint8)


def unvaried(code: str) -> str:
    """A sequence of code points without variation selectors, which the packages write differently."""
    return "-".join(point for point in code.upper().split("-") if point != "FE0F")


def contents(path: Path, wanted: str) -> dict[str, bytes]:
    """The files of a tarball whose names begin so."""
    with tarfile.open(path) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile() and m.name.startswith(wanted)}  # type: ignore[union-attr]


def vocabulary(emoji: list[dict[str, Any]]) -> list[str]:
    """Words of a name, or of the keywords or subgroups of two emoji: the most frequent first."""
    named: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for entry in emoji:
        name = set(words(entry["name"]))
        named.update(name)
        if "of" not in entry:
            counted.update(name.union(words(entry["subgroup"]), *map(words, entry["keywords"])))
    known = [word for word in named | counted if word in named or counted[word] > 1]
    return sorted(known, key=lambda word: (-counted[word], word))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="the tarball of emoji-datasource-google")
    parser.add_argument("names", type=Path, help="the tarball of emojibase-data")
    args = parser.parse_args()
    source = contents(args.images, "package/")
    labelled = {}
    for entry in json.loads(contents(args.names, "package/en/data.json")["package/en/data.json"]):
        for one in (entry, *entry.get("skins", [])):
            labelled[unvaried(one["hexcode"])] = (one["label"], entry.get("tags", []))

    emoji: list[dict[str, Any]] = []
    pictures = []
    for entry in sorted(json.loads(source["package/emoji.json"]), key=lambda entry: entry["sort_order"]):
        base = len(emoji)
        for one in (entry, *entry.get("skin_variations", {}).values()):
            name, keywords = labelled[unvaried(one["unified"])]
            name = NAMED_BY_A_SIGN.get(name, name)
            kind = {"of": base} if len(emoji) > base else {"keywords": keywords}
            if "of" not in kind:
                kind |= {"group": entry["category"], "subgroup": entry["subcategory"]}
            emoji.append({"name": name, **kind})
            pictures.append(reduced(source[IMAGES + one["image"]]))

    rows = -(-len(pictures) // COLUMNS)
    places = np.full((rows * COLUMNS, 32, 32, 3), 255, np.uint8)
    places[: len(pictures)] = pictures
    sheet = places.reshape(rows, COLUMNS, 32, 32, 3).transpose(0, 2, 1, 3, 4).reshape(rows * 32, COLUMNS * 32, 3)
    FOLDER.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(FOLDER / "sheet.png", optimize=True)
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in emoji)
    known = json.dumps(" ".join(vocabulary(emoji)))
    (FOLDER / "names.json").write_text(f'{{"words": {known},\n"emoji": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
