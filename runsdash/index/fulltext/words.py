"""Splits a text into words: one way for both engines, for what is indexed and for what is asked.

NFKC, casefolded; a word is a run of letters and digits, and of scripts written without spaces each character is one.
So INV-2026-11873 is three words in a row, and asking for it asks for that row. Knows no database.
"""

import re
from collections.abc import Iterable, Iterator
from unicodedata import normalize

SEARCHABLE_CHARS = 100 * 1024  # of one text
RUN_BYTES = 1_000_000  # of all words of a run: PostgreSQL takes 1 MB of different words
LONGEST_WORD = 64  # characters; a longer one is several words in a row
# Scripts written without spaces: Thai to Lao, Myanmar, Khmer, Kana, Bopomofo, Han.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
UNSPACED_WORD = re.compile(f"[{UNSPACED}]")
WORD = re.compile(rf"(?:(?![{UNSPACED}])[^\W_]){{1,{LONGEST_WORD}}}|[^\W_]")
SPACED_WORD = re.compile(rf"[^\W_]{{1,{LONGEST_WORD}}}")  # the same in a third of the time where nothing is unspaced
# Words that begin beyond ASCII, or the rest of one from there on.
BEYOND_ASCII = re.compile(r"[^\x00-\x7f][^ ]*(?: +[^\x00-\x7f][^ ]*)*")
# Small letters and digits as they are, capitals small, all else of ASCII a gap; bytes are four times as fast as `str`.
GAPPED = bytes(ord(one.lower()) if one.isalnum() else ord(" ") for one in map(chr, range(128))) + bytes(range(128, 256))


def words_of(text: str) -> list[str]:
    """Splits `text` into its words, in order.

    Nothing that is normalised reaches over a gap of ASCII, so words of ASCII alone, nearly all, are left out of that.
    """
    spaced = text.encode(errors="replace").translate(GAPPED).decode()
    if text.isascii():
        return ascii_words(spaced)
    words: list[str] = []
    done = 0
    for found in BEYOND_ASCII.finditer(spaced):
        start = max(done, spaced.rfind(" ", done, found.start()) + 1)
        words += ascii_words(spaced[done:start])
        words += normal_words(spaced[start : found.end()])
        done = found.end()
    return words + ascii_words(spaced[done:])


def normal_words(text: str) -> list[str]:
    text = normalize("NFKC", normalize("NFKC", text).casefold())
    return (WORD if UNSPACED_WORD.search(text) else SPACED_WORD).findall(text)


def ascii_words(spaced: str) -> list[str]:
    """Splits small letters and digits at their gaps."""
    words = spaced.split()
    if has_long_word(spaced):
        return [piece for word in words for piece in in_pieces(word)]
    return words


def has_long_word(spaced: str) -> bool:
    """Looks for a gap in each stretch of LONGEST_WORD letters: quicker than to measure all words."""
    start, last = 0, len(spaced) - LONGEST_WORD
    while start < last:
        gap = spaced.rfind(" ", start, start + LONGEST_WORD + 1)
        if gap < 0:
            return True
        start = gap + 1
    return False


def in_pieces(word: str) -> list[str]:
    return [word[start : start + LONGEST_WORD] for start in range(0, len(word), LONGEST_WORD)]


def phrase_of(text: str) -> str:
    """Joins the words of `text` in a row, separated by spaces: what to look for. Empty when it has none."""
    return " ".join(words_of(text))


def joined_words(texts: Iterable[tuple[str, bool]]) -> tuple[str, bool]:
    """Returns (all words separated by spaces, was anything left out?) of (text, is it cut already?) pairs."""
    pieces: list[str] = []
    size, is_cut = 0, False
    for text, was_cut in joined_ascii(texts):
        is_cut = is_cut or was_cut
        words = phrase_of(text)
        size += 1 + (len(words) if words.isascii() else len(words.encode()))
        if size > RUN_BYTES:
            return " ".join(pieces), True
        if words:
            pieces.append(words)
    return " ".join(pieces), is_cut


def joined_ascii(texts: Iterable[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    """Cuts texts, and joins neighbours of ASCII: splitting many short texts takes longer than one long one."""
    ascii_texts, size, is_cut = [], 0, False
    for text, was_cut in texts:
        is_cut = was_cut or is_cut or len(text) > SEARCHABLE_CHARS
        text = text[:SEARCHABLE_CHARS]
        if text.isascii() and size < SEARCHABLE_CHARS:
            ascii_texts.append(text)
            size += len(text)
            continue
        yield " ".join(ascii_texts), is_cut
        yield text, is_cut
        ascii_texts, size = [], 0
    yield " ".join(ascii_texts), is_cut
