"""Marks what was looked for in HTML that the other renderers made. Adds `<mark>` around text, changes no tag.

Text between tags is taken apart, searched and escaped again, so whatever it holds stays text.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from unicodedata import normalize

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from runsdash.index.fulltext.words import UNSPACED, phrase_of
from runsdash.index.search.run_filter import TEXT, FilterError, parsed

TAG = re.compile(r"""(<(?:"[^"]*"|'[^']*'|[^'">])*>)""")
MAX_PHRASES, MAX_MARKS = 20, 500
# A word starts where no letter or digit stands before it; `\n` and the like of JSON text count as gaps.
START = r"(?:(?<![^\W_])|(?<=\\[nrt]))"
END = r"(?![^\W_])"
# What may become another number of characters when it is folded: letters with their accents, escapes of JSON.
FOLDED = re.compile(r"\\u[0-9a-fA-F]{4}|(?:[A-Za-z](?=[\u0300-\u036f])|[^\x00-\x7f])[\u0300-\u036f]*")
UNSPACED_WORD = re.compile(f"[{UNSPACED}]")


def phrases_of(hit: str) -> tuple[str, ...]:
    """Returns the phrases that a filter text looks for; words that are no filter are one phrase."""
    try:
        texts = [one.value for one in parsed(hit).clauses if one.name == TEXT and not one.is_negated]
    except FilterError:
        texts = [hit]
    return tuple(phrase for phrase in map(phrase_of, texts) if phrase)[:MAX_PHRASES]


def marked(rendered: SafeString, hit: str) -> SafeString:
    """Puts each place of `rendered` that holds a phrase of `hit` in a `<mark>`."""
    phrases = phrases_of(hit) if hit else ()
    if not phrases:
        return rendered
    pattern, left = pattern_of(phrases), MAX_MARKS
    pieces = TAG.split(rendered)
    for place in range(0, len(pieces), 2):  # every other piece is a tag
        if left > 0 and pieces[place]:
            pieces[place], count = marked_text(html.unescape(pieces[place]), pattern, left)
            left -= count
    return mark_safe("".join(pieces))


def marked_text(text: str, pattern: re.Pattern[str], most: int) -> tuple[str, int]:
    """Returns (HTML of a text with its marks, how many there are)."""
    pieces, place, count = [], 0, 0
    folded = Folded(text)
    for match in pattern.finditer(folded.text):
        start, end = folded.start_of(match.start()), folded.end_of(match.end())
        if start < place:  # two hits within one letter
            continue
        pieces += [escape(text[place:start]), "<mark>", escape(text[start:end]), "</mark>"]
        place, count = end, count + 1
        if count >= most:
            break
    return "".join([*pieces, escape(text[place:])]), count


class Folded:
    """Folds a text as index/fulltext/words.py compares it, and knows where its pieces stand in the original.

    A piece is plain text, whose letters stay one by one, or one letter that may have become several.
    """

    def __init__(self, text: str) -> None:
        self.pieces: list[str] = []
        self.places: list[int] = []  # of each piece in the folded text
        self.spans: list[tuple[int, int]] = []  # and in the text as it is
        self.size = place = 0
        for odd in FOLDED.finditer(text):
            self.add(text[place : odd.start()].lower(), place, odd.start())
            self.add(folded(odd.group()), *odd.span())
            place = odd.end()
        self.add(text[place:].lower(), place, len(text))
        self.text = "".join(self.pieces)

    def add(self, piece: str, start: int, end: int) -> None:
        if piece:
            self.pieces.append(piece)
            self.places.append(self.size)
            self.spans.append((start, end))
            self.size += len(piece)

    def start_of(self, place: int) -> int:
        """Returns where what stands at `place` of the folded text begins in the text as it is."""
        return self.span_at(place)[0]

    def end_of(self, place: int) -> int:
        """Returns where what ends before `place` of the folded text ends in the text as it is."""
        return self.span_at(place - 1)[1]

    def span_at(self, place: int) -> tuple[int, int]:
        number = bisect_right(self.places, place) - 1
        start, end = self.spans[number]
        if len(self.pieces[number]) != end - start or not self.pieces[number].isascii():
            return start, end
        start += place - self.places[number]
        return start, start + 1


def folded(letter: str) -> str:
    if letter.startswith("\\u"):
        letter = chr(int(letter[2:], 16))
    return normalize("NFKC", normalize("NFKC", letter).casefold())


@lru_cache(maxsize=64)
def pattern_of(phrases: Sequence[str]) -> re.Pattern[str]:
    ordered = sorted(set(phrases), key=len, reverse=True)
    return re.compile("|".join(map(pattern_of_phrase, ordered)))


def pattern_of_phrase(phrase: str) -> str:
    words = phrase.split()
    pieces = []
    for before, word in zip(["", *words], words, strict=False):
        is_free = UNSPACED_WORD.match(word) or UNSPACED_WORD.match(before)
        pieces.append(gap_before(word, least=0 if is_free else 1) if before else "")
        pieces.append(re.escape(word))
    start = "" if UNSPACED_WORD.match(words[0]) else START
    return start + "".join(pieces) + ("" if UNSPACED_WORD.match(words[-1]) else END)


def gap_before(word: str, *, least: int) -> str:
    """Matches what may stand before a word of a phrase, in one way only: else the ways multiply with each word.

    A backslash before the whole word belongs to the gap alone, as in `C:\\new`; any other `\\n` is a gap as a whole.
    """
    escape_of_json = rf"(?!\\{re.escape(word)}{END})\\[nrt]" if word[0] in "nrt" else r"\\[nrt]"
    return rf"(?:{escape_of_json}|[\W_]){{{least},9}}+"
