"""Makes characters visible that deceive the eye or break an encoder. Every renderer passes through here.

What no renderer had, as a name in a heading or a cell, is written out in the finished page: `visible_page`.
"""

import re

# Controls, the nine that override the reading direction, and half surrogate pairs, which UTF-8 cannot carry.
DECEIVING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Colours and moves of the cursor, as terminals take them out of a log: they are no text.
ANSI = re.compile(r"\x1b(?:\[[0-?]{0,60}[ -/]{0,9}[@-~]|\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)|[()][0-9A-Za-z])")
IN_BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2(?:\x80[\xaa-\xae]|\x81[\xa6-\xa9])")
TAG = re.compile(r"""(<[^<>"']*(?:(?:"[^"]*"|'[^']*')[^<>"']*)*>)""")
SHOWN_ATTRIBUTES = re.compile(r'(\s(?:title|alt|aria-label|placeholder)=")([^"]*)')


def visible(text: str) -> str:
    """Drops colours of terminals and writes out each deceiving character, such as `[U+202E]`. Line ends stay."""
    return DECEIVING.sub(named, ANSI.sub("", text) if "\x1b" in text else text)


def named(match: re.Match[str]) -> str:
    number = ord(match.group())
    return "\ufffd" if number == 0 or 0xD800 <= number <= 0xDFFF else f"[U+{number:04X}]"


def visible_page(page: bytes) -> bytes:
    """Does the same where a page shows text. Values of fields and of copy buttons stay as they are."""
    if not IN_BYTES.search(page):
        return page
    pieces, is_value = TAG.split(page.decode()), False
    for place, piece in enumerate(pieces):
        if place % 2:
            is_value = piece.startswith("<textarea")
            pieces[place] = SHOWN_ATTRIBUTES.sub(lambda found: found[1] + visible(found[2]), piece)
        elif not is_value:
            pieces[place] = visible(piece)
    return "".join(pieces).encode()
