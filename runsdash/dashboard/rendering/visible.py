"""Makes characters visible that deceive the eye or break an encoder. Every renderer passes through here."""

import re

# Controls, the nine that override the reading direction, and half surrogate pairs, which UTF-8 cannot carry.
DECEIVING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Writes out each deceiving character, such as `[U+202E]`. Tabs and line ends stay."""
    return DECEIVING.sub(named, text)


def named(match: re.Match[str]) -> str:
    number = ord(match.group())
    return "\ufffd" if number == 0 or 0xD800 <= number <= 0xDFFF else f"[U+{number:04X}]"
