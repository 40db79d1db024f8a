"""Captions: from what a person types to the words that a model knows. Imports no torch.

A model of captions has its words in its card, the most frequent first; word n of it is token n, from 1 on, and 0 pads.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

TOKENS = 16  # of one caption; further words are left out
SEPARATOR = "|"  # between the captions of a batch: sample b has caption b mod n


def words(text: str) -> list[str]:
    """Lower-case words of the letters and digits of any script, without marks: “Piñata, 8-ball” is pinata, 8, ball."""
    parts = unicodedata.normalize("NFKD", text.replace("’", "").replace("'", ""))
    plain = "".join(c for c in parts if not unicodedata.category(c).startswith("M"))
    return re.findall(r"[^\W_]+", plain.casefold())


def split(condition: str) -> list[str]:
    """The captions of a condition: “smiling cat | red heart” are two."""
    return [caption.strip() for caption in condition.split(SEPARATOR)]


class Vocabulary:
    """The words that a model knows, the most frequent first."""

    def __init__(self, known: Iterable[str]) -> None:
        self.words = tuple(known)
        self._tokens = {word: token for token, word in enumerate(self.words, start=1)}

    def __len__(self) -> int:
        return len(self.words)

    def tokens(self, caption: str) -> list[int]:
        """TOKENS numbers: the known words in their order, then zeros. Unknown words are passed over."""
        known = [self._tokens[word] for word in words(caption) if word in self._tokens][:TOKENS]
        return known + [0] * (TOKENS - len(known))

    def unknown(self, text: str) -> list[str]:
        """The words of a text that mean nothing to the model, each once."""
        return list(dict.fromkeys(word for word in words(text) if word not in self._tokens))

    def complete(self, prefix: str) -> list[str]:
        """Known words that begin as the last word of `prefix` does, the most frequent first; none after a space."""
        begun = re.search(r"[^\s|]+$", prefix)
        last = words(begun.group())[-1:] if begun else []
        return [word for word in self.words if last and word.startswith(last[0]) and word != last[0]]
