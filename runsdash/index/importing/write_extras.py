"""Writes lines of an export that are no objects of the API: archived files, assistants, notes and labels.

Such a line begins with its `object` (`blocks.EXTRA`), so that it is known without being read. It leaves its block
before the rows of the block are made, and is written when those are there, one at a time, files and
assistants by the rule of age.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from runsdash.index.models import Connection
from runsdash.service.decoding import Undecodable, decode_json
from runsdash.service.json_types import JsonObject

from . import archived_assistants, archived_files, notes
from .blocks import EXTRA, Block, Origin
from .read_line import BadLine, Context
from .row_types import RefusedLine

WRITERS: dict[str, Callable[..., bool]] = {
    archived_files.OBJECT: archived_files.write_file,
    archived_assistants.OBJECT: archived_assistants.write_assistant,
    notes.NOTE: notes.write_note,
    notes.LABEL: notes.write_label,
}


@dataclass
class Extras:
    """Counts what came of such lines. `written`: how many by their `object`."""

    written: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WRITERS, 0))
    unchanged: int = 0
    refused_lines: list[RefusedLine] = field(default_factory=list)


def taken_out(block: Block) -> list[tuple[Origin, int, bytes]]:
    """Takes such lines out of the block, with their files and numbers."""
    found = [one for one in block.placed() if one[-1].startswith(EXTRA)]
    if found:
        block.lines = [b"" if line.startswith(EXTRA) else line for line in block.lines]
    return found


def write_extras(connection: Connection, lines: list[tuple[Origin, int, bytes]], context: Context) -> Extras:
    """Writes `lines`, which left their block, one by one, each in a transaction of its own, and empties the list."""
    extras = Extras()
    lines.reverse()
    while lines:
        origin, number, line = lines.pop()
        try:
            value = value_of(line)
            kind = str(value["object"])
            is_news = WRITERS[kind](connection, value, read_at=origin.read_at, context=context)
        except BadLine as refusal:
            extras.refused_lines.append(RefusedLine(origin.name, number, str(refusal)))
        else:
            extras.written[kind] += is_news
            extras.unchanged += not is_news
    return extras


def value_of(line: bytes) -> JsonObject:
    """Reads the JSON of a line. Raises BadLine."""
    try:
        value = decode_json(line)  # not the quicker reader, which takes thirteen times a line's size while it reads
    except Undecodable as error:
        raise BadLine(str(error)) from None
    if not isinstance(value, dict):
        raise BadLine("it is not a JSON object")
    kind = value.get("object")
    if not isinstance(kind, str) or kind not in WRITERS:
        raise BadLine(f"its object is {str(kind)[:40]!r}, not one of {', '.join(WRITERS)}")
    return value
