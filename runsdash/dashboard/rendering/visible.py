"""Makes characters visible that deceive the eye or break an encoder. Every renderer passes through here.

What no renderer had, as a name in a heading or a cell, is written out in the finished page: `visible_page`.
"""

import re

# Controls, the nine that override the reading direction, and half surrogate pairs, which UTF-8 cannot carry.
DECEIVING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Colours and moves of the cursor, as terminals take them out of a log: they are no text.
ANSI = re.compile(r"\x1b(?:\[[0-?]{0,60}[ -/]{0,9}[@-~]|\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)|[()][0-9A-Za-z])")
# The same in UTF-8. Each pattern begins with a byte that is found at once: a tenth of the time of one for all.
CONTROL_BYTES = bytes([*range(9), 11, 12, *range(14, 32), 127])
LATE_CONTROLS, OVERRIDES = re.compile(rb"\xc2[\x80-\x9f]"), re.compile(rb"\xe2(?:\x80[\xaa-\xae]|\x81[\xa6-\xa9])")
TAG = re.compile(r"""(<[^<>"']*(?:(?:"[^"]*"|'[^']*')[^<>"']*)*>)""")
SHOWN_ATTRIBUTES = re.compile(r'(\s(?:title|alt|aria-label|placeholder)=")([^"]*)')


def visible(text: str) -> str:
    """Drops colours of terminals and writes out each deceiving character, such as `[U+202E]`. Line ends stay."""
    if text.isprintable() and text.isascii():
        return text
    return DECEIVING.sub(named, ANSI.sub("", text) if "\x1b" in text else text)


def named(match: re.Match[str]) -> str:
    number = ord(match.group())
    return "\ufffd" if number == 0 or 0xD800 <= number <= 0xDFFF else f"[U+{number:04X}]"


def may_deceive(page: bytes) -> bool:
    """Tells whether a page has such a character anywhere. Asked of every answer."""
    has_control = len(page.translate(None, CONTROL_BYTES)) != len(page)
    return has_control or bool(LATE_CONTROLS.search(page) or OVERRIDES.search(page))


def visible_page(page: bytes) -> bytes:
    """Does the same where a page shows text. Values of fields and of copy buttons stay as they are."""
    if not may_deceive(page):
        return page
    pieces, is_value = TAG.split(page.decode()), False
    for place, piece in enumerate(pieces):
        if place % 2:
            is_value = piece.startswith("<textarea")
            pieces[place] = SHOWN_ATTRIBUTES.sub(lambda found: found[1] + visible(found[2]), piece)
        elif not is_value:
            pieces[place] = visible(piece)
    return "".join(pieces).encode()
