"""Captions: words, what a vocabulary makes of them, and the hints for a person who types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.captions import TOKENS, Vocabulary, split, words

KNOWN = Vocabulary(["heart", "red", "cat", "heavy", "hat", "o"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Smiling CAT", ["smiling", "cat"]),
        ("Piñata: 8-ball, crème brûlée!", ["pinata", "8", "ball", "creme", "brulee"]),
        ("man’s shoe, twelve o'clock", ["mans", "shoe", "twelve", "oclock"]),
        ("ＦＵＬＬ　ｗｉｄｔｈ", ["full", "width"]),
        ("Straße, № 5, 𝐂𝐚𝐭", ["strasse", "no", "5", "cat"]),
        ("Кот и СОБАКА; Σίσυφος; हिन्दी", ["кот", "и", "собака", "σισυφοσ", "हनद"]),
        (" \n♥ 心_水 ", ["心", "水"]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_words_of_words_are_the_same(text: str) -> None:
    found = words(text)
    assert words(" ".join(found)) == found


def test_tokens_are_numbers_of_words_from_one_on() -> None:
    assert KNOWN.tokens("a Red, red heart") == [2, 2, 1] + [0] * (TOKENS - 3)
    assert KNOWN.tokens("") == [0] * TOKENS
    assert KNOWN.tokens("cat " * 50) == [3] * TOKENS


def test_unknown_words_are_named_once_in_their_order() -> None:
    assert KNOWN.unknown("Zebra in a red hat | a zebra") == ["zebra", "in", "a"]
    assert KNOWN.unknown("red cat") == []


def test_completion_is_of_the_last_word_and_the_most_frequent_comes_first() -> None:
    assert KNOWN.complete("red he") == ["heart", "heavy"]
    assert KNOWN.complete("red H") == ["heart", "heavy", "hat"]
    assert KNOWN.complete("cat |he") == ["heart", "heavy"]
    assert KNOWN.complete("heart") == []  # whole already
    assert KNOWN.complete("heart ") == KNOWN.complete("") == KNOWN.complete("♥") == []


def test_captions_are_split() -> None:
    assert split("smiling cat | red heart|pizza") == ["smiling cat", "red heart", "pizza"]
    assert split("") == [""]
