"""Splitting into words: the same for what is indexed and what is asked."""

from itertools import pairwise
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsdash.index.fulltext.words import (
    LONGEST_WORD,
    RUN_BYTES,
    SEARCHABLE_CHARS,
    WORD,
    joined_words,
    phrase_of,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("INV-2026-11873", ["inv", "2026", "11873"]),
        ("foo@bar.com, a_b", ["foo", "bar", "com", "a", "b"]),
        ("Straße ﬁn ＡＢＣ", ["strasse", "fin", "abc"]),
        ("東京タワー in Tokyo", ["東", "京", "タ", "ワ", "ー", "in", "tokyo"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("x²", ["x2"]),
        ("İstanbul", ["i", "stanbul"]),
        ("… --- \x00 \ud800", []),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize("letter", ["a", "é"])
def test_a_long_word_is_several(letter: str) -> None:
    word = letter * (2 * LONGEST_WORD + 5)
    assert [len(piece) for piece in words_of(word)] == [LONGEST_WORD, LONGEST_WORD, 5]


@given(st.text(), st.text())
def test_words_hold_no_gap_and_are_split_no_further(one: str, other: str) -> None:
    words = words_of(f"{one} {other}")
    assert words_of(" ".join(words)) == words
    assert words == words_of(one) + words_of(other)
    assert not [word for word in words if not word or word.isspace() or len(word) > LONGEST_WORD]


# Letters of which some compose only when they are small, gaps, and marks that compose with either.
COMPOSING = st.text(
    st.sampled_from("aHtWi1 .<_\n\xa0\u0301\u0307\u0308\u030a\u0331\u0338\u0345é東Ａ½ß") | st.characters()
)


@given(COMPOSING, COMPOSING)
def test_words_of_ascii_are_split_by_themselves_and_alike(one: str, other: str) -> None:
    text = f"{one} {'Long' * LONGEST_WORD}{other}"
    normal = normalize("NFKC", normalize("NFKC", text).casefold())
    assert words_of(text) == WORD.findall(normal)


def test_a_long_text_is_cut_and_said_to_be() -> None:
    short, long = ("a " * 10, False), ("b " * SEARCHABLE_CHARS, False)
    assert joined_words([short]) == (("a " * 10).strip(), False)
    words, is_cut = joined_words([long, short])
    assert is_cut
    assert words.count("b") == SEARCHABLE_CHARS // 2
    assert words.endswith("a")
    assert joined_words([("a", True)]) == ("a", True)


def test_all_words_of_a_run_have_a_limit() -> None:
    many = [(f"{number:x} " * (SEARCHABLE_CHARS // 8), False) for number in range(16**6, 16**6 + 20)]
    words, is_cut = joined_words(many)
    assert is_cut
    assert len(words.encode()) <= RUN_BYTES


def test_a_phrase_is_words_in_a_row() -> None:
    assert phrase_of("  INV-2026/11873 ") == "inv 2026 11873"
    assert all(a != " " or b != " " for a, b in pairwise(phrase_of("a -  b")))
