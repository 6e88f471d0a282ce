"""Splits a server-sent event stream into (name, data) pairs, in every dialect met (docs/protocol.md).

LF, CRLF or CR; comments; several `data:` lines; a missing last blank line; no `event:` line. Gives text,
not JSON; an event name of None means that there was no `event:` line.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

_LINE_END = re.compile(r"\r\n|\n|\r")


def frames(pieces: Iterable[bytes]) -> Iterator[tuple[str | None, list[str]]]:
    """Yields each frame as its event name and its `data:` lines."""
    name: str | None = None
    lines: list[str] = []
    for line in _lines(pieces):
        if line:
            field, _colon, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                lines.append(value)
        elif name is not None or lines:
            yield name, lines
            name, lines = None, []
    if name is not None or lines:
        yield name, lines


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    held: list[str] = []
    has_ended_by_cr = False
    for piece in pieces:
        text = decoder.decode(piece)
        if not text:
            continue
        # The line ended with the CR already: who waits for the rest of a CRLF waits for the next event.
        text, has_ended_by_cr = text.removeprefix("\n") if has_ended_by_cr else text, text.endswith("\r")
        *complete, rest = _LINE_END.split("".join(held) + text) if "\n" in text or "\r" in text else [text]
        if complete:
            yield from complete
            held = []
        held.append(rest)
    yield from _LINE_END.split("".join(held) + decoder.decode(b"", final=True))
