"""Marks what was looked for in HTML that the other renderers made. Adds `<mark>` around text, changes no tag.

Text between tags is taken apart, searched and escaped again, so whatever it holds stays text.
"""

import html
import re
from collections.abc import Sequence
from functools import lru_cache

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from runsdash.index.filters import TEXT, FilterError, parsed
from runsdash.index.words import UNSPACED, phrase_of

TAG = re.compile(r"""(<(?:"[^"]*"|'[^']*'|[^'">])*>)""")
MAX_PHRASES, MAX_MARKS = 20, 500
# A word starts where no letter or digit stands before it; `\n` and the like of JSON text count as gaps.
START = r"(?:(?<![^\W_])|(?<=\\[nrt]))"
END = r"(?![^\W_])"
GAP = r"(?:\\[nrt]|[\W_])"
UNSPACED_WORD = re.compile(f"[{UNSPACED}]")


def phrases_of(hit: str) -> tuple[str, ...]:
    """The phrases that a filter text looks for; words that are no filter are one phrase."""
    try:
        texts = [one.value for one in parsed(hit).clauses if one.name == TEXT and not one.is_negated]
    except FilterError:
        texts = [hit]
    return tuple(phrase for phrase in map(phrase_of, texts) if phrase)[:MAX_PHRASES]


def marked(rendered: SafeString, hit: str) -> SafeString:
    """`rendered` with each place that holds a phrase of `hit` in a `<mark>`."""
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
    """(HTML of a text with its marks, how many there are)."""
    pieces, place, count = [], 0, 0
    for found in pattern.finditer(text):
        pieces += [escape(text[place : found.start()]), "<mark>", escape(found.group()), "</mark>"]
        place, count = found.end(), count + 1
        if count >= most:
            break
    return "".join([*pieces, escape(text[place:])]), count


@lru_cache(maxsize=64)
def pattern_of(phrases: Sequence[str]) -> re.Pattern[str]:
    ordered = sorted(set(phrases), key=len, reverse=True)
    return re.compile("|".join(map(pattern_of_phrase, ordered)), re.IGNORECASE)


def pattern_of_phrase(phrase: str) -> str:
    words = phrase.split()
    pieces = []
    for before, word in zip(["", *words], words, strict=False):
        is_free = UNSPACED_WORD.match(word) or UNSPACED_WORD.match(before)
        pieces.append((f"{GAP}{{0,9}}" if is_free else f"{GAP}{{1,9}}") if before else "")
        pieces.append(re.escape(word))
    start = "" if UNSPACED_WORD.match(words[0]) else START
    return start + "".join(pieces) + ("" if UNSPACED_WORD.match(words[-1]) else END)
