"""Reads the zip of a run as the lines of an export. Everything in it may be damaged or made up."""

import json
import zlib
from collections.abc import Iterator
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile

from runsdash.service.decoding import Undecodable, decode_json
from runsdash.service.json_types import JsonObject
from runsdash.service.objects import parsing

from . import export_fields
from .archived_files import line_of
from .blocks import DAMAGED, MAX_LINE_BYTES, TOO_LONG
from .json_documents import one_line

ZIP = b"PK\x03\x04"
MANIFEST = "manifest.json"
# What reading a member may raise: encrypted, packed in a way that is not known here, cut off.
UNREADABLE = (BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError, KeyError)


class LineFile:
    """Reads lines as a file that goes forwards, a line at a time whatever `size` is asked for."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self.lines = lines

    def read(self, size: int = -1) -> bytes:
        line = next(self.lines, None)
        return b"" if line is None else line + b"\n"

    def seek(self, place: int) -> int:
        """Goes from the start to where a line begins."""
        passed = 0
        while passed < place and (line := self.read()):
            passed += len(line)
        return passed


def lines_of_zip(file: BinaryIO) -> Iterator[bytes]:
    """Yields one line an object, file, note and label, in the order of the manifest."""
    try:
        held = ZipFile(file)
        manifest = parsing.mapping(decode_json(content_of(held, MANIFEST)))
    except (*UNREADABLE, Undecodable):
        yield DAMAGED
        return
    for_import = parsing.mapping(manifest.get("for_import"))
    if not for_import:
        yield DAMAGED
    with held:
        for entry in parsing.listing(for_import.get("objects")):
            yield object_line(held, parsing.mapping(entry))
        for entry in parsing.listing(for_import.get("files")):
            yield file_line(held, parsing.mapping(entry))
        for entry in parsing.listing(for_import.get("notes")):
            yield one_line(json.dumps(entry).encode())


def object_line(held: ZipFile, entry: JsonObject) -> bytes:
    added = parsing.mapping(entry.get("tail"))
    try:
        body = content_of(held, str(entry.get("name")))
    except UNREADABLE:
        return DAMAGED
    if body is TOO_LONG or "_fetched_at" not in added:
        return body
    return one_line(export_fields.with_fields(body, {"_fetched_at": added.pop("_fetched_at")} | added))


def file_line(held: ZipFile, entry: JsonObject) -> bytes:
    name = entry.pop("name", None)
    try:
        content = None if name is None else content_of(held, str(name))
        return TOO_LONG if content is TOO_LONG else line_of(entry, content).rstrip(b"\n")
    except UNREADABLE:
        return DAMAGED


def content_of(held: ZipFile, name: str) -> bytes:
    """Unpacks a member, or TOO_LONG; no more of it is unpacked than a line may have."""
    with held.open(name) as member:
        content = member.read(MAX_LINE_BYTES + 1)
    return TOO_LONG if len(content) > MAX_LINE_BYTES else content
