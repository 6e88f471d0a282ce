"""Reads JSON that is not one object a line: arrays, list replies of the API, objects spread over several lines.

Values are cut out of the text as they stand, byte for byte. Everything may be damaged or made up.
"""

import re
from collections.abc import Iterator
from json import JSONDecoder

from .blocks import CUT_OFF, MAX_LINE_BYTES, NOT_JSON, READ_BYTES, Block, ImportFile

DECODER = JSONDecoder(strict=False, parse_constant=str)
BETWEEN = re.compile(r"[\s,\[\]]*")  # values of an array; an array in an array is opened, too
WORD = re.compile(r"[^\s,\[\]{]+")
ARRAY = re.compile(rb"\s*\[\s*([{\]]|$)")
DATA = re.compile(r'"data"\s*:\s*(?=\[)')
BOM = b"\xef\xbb\xbf"


def is_document(start: bytes) -> bool:
    """Tells by its start whether a file is an array, or has objects that go over several lines."""
    start = start.removeprefix(BOM)
    if ARRAY.match(start):
        return True
    first, _, rest = start.lstrip().partition(b"\n")
    if not first.startswith(b"{") or not first.rstrip().endswith((b"{", b"[", b",")):
        return False
    return first.rstrip().endswith(b"[") or not rest.startswith(b'{"')  # else a damaged line, and another behind it


def lines_of_documents(file: ImportFile) -> Iterator[bytes]:
    """Yields the values of a file one by one, those of arrays too, each as one line."""
    text, more = "", READ_BYTES
    while chunk := file.read(more):
        if chunk.strip() == CUT_OFF:
            yield CUT_OFF
            return
        text += text_of(chunk if text else chunk.removeprefix(BOM))
        values, place = whole_values(text)
        yield from values
        text = text[place:]
        more = max(READ_BYTES, len(text))  # what is not whole yet is looked at again, with twice as much
        if len(text) > MAX_LINE_BYTES:
            break
    if text:
        yield NOT_JSON


def whole_values(text: str) -> tuple[list[bytes], int]:
    """Cuts out the values that are whole, and returns them with where the rest begins."""
    values: list[bytes] = []
    place = 0
    while True:
        place = BETWEEN.match(text, place).end()  # type: ignore[union-attr]  # it matches anywhere
        end = value_at(text, place)
        if end is None:
            return values, place
        values.append(one_line(text[place:end].encode("latin-1")))
        place = end


def value_at(text: str, place: int) -> int | None:
    """Returns where the object or word at a place ends. None: it is not whole, or there is none."""
    if place >= len(text):
        return None
    if text[place] != "{":
        found = WORD.match(text, place)
        return found.end() if found else None
    try:
        return DECODER.raw_decode(text, place)[1]
    except (ValueError, RecursionError):
        return None


def text_of(content: bytes) -> str:
    """Reads bytes as text of equal length, so that places in it are places of bytes."""
    return content.decode("latin-1")


def one_line(text: bytes) -> bytes:
    """Joins JSON that somebody spread over several lines."""
    return text.replace(b"\n", b" ") if b"\n" in text else text


# Lists in a line


def opened(block: Block) -> Block:
    """Replaces each line that is an array or a list reply by what is in it."""
    if not any(map(may_be_list, block.lines)):
        return block
    numbers: list[int] = []
    found = Block(block.name, block.read_at, size=block.size, numbers=numbers)
    for _, number, line in block.placed():
        values = values_of_list(line) if may_be_list(line) else None
        values = [line] if values is None else values
        found.lines += values
        numbers += [number] * len(values)
    return found


def may_be_list(line: bytes) -> bool:
    return bool(ARRAY.match(line)) or (b'"data"' in line and (b'"list"' in line or b'"has_more"' in line))


def values_of_list(line: bytes) -> list[bytes] | None:
    """Cuts the values out of a list. None: the line is none, or damaged."""
    text = text_of(line)
    try:
        array = text[: DECODER.raw_decode(text, text.index("["))[1]] if ARRAY.match(line) else data_of(text)
    except (ValueError, RecursionError):
        return None
    return whole_values(array)[0]


def data_of(text: str) -> str:
    """Returns the `data` of a list reply as it stands. Raises ValueError."""
    value = DECODER.decode(text)
    if not isinstance(value, dict) or value.get("object", "list") != "list" or "id" in value:
        raise ValueError
    for found in DATA.finditer(text):
        data, end = DECODER.raw_decode(text, found.end())
        if data == value.get("data"):
            return text[found.end() : end]
    raise ValueError
