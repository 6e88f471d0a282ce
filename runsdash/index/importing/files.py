"""Opens what an import reads: JSON, plain or gzip, or the zip of a run; from a path or standard input."""

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from .blocks import CUT_OFF, UTF_16, ImportFile, ImportSource
from .json_documents import is_document, lines_of_documents
from .zip_files import ZIP, LineFile, lines_of_zip

GZIP = b"\x1f\x8b"
STDIN = "-"
PEEK_BYTES = 8192


UTF_16_STARTS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"{\x00", b"\x00{", b"[\x00", b"\x00[")


def is_utf_16(start: bytes) -> bool:
    """Tells by its first bytes whether a text is UTF-16 or UTF-32; without a mark, that of JSON alone."""
    return start.startswith(UTF_16_STARTS)


class Gunzipped:
    """Reads all members of a gzip file. Behind what came out of a damaged one a line says so."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = gzip.GzipFile(fileobj=file)
        self.seek, self.is_over = self.file.seek, False

    def peek(self, size: int) -> bytes:
        try:
            return self.file.peek(size)
        except (EOFError, OSError, zlib.error):
            return b""

    def read(self, size: int = -1) -> bytes:
        if self.is_over:
            return b""
        try:
            return self.file.read1(size)  # `read` would lose what came out before the damage
        except (EOFError, OSError, zlib.error):
            self.is_over = True
            return b"\n" + CUT_OFF


@contextmanager
def sources_of(paths: Iterable[str], *, is_text: bool = False) -> Iterator[list[ImportSource]]:
    """Opens the files; `-` is standard input. `is_text`: any text, whose lines stay as they are. Raises OSError."""
    with ExitStack() as stack:
        yield [source_of(path, stack, is_text=is_text) for path in paths]


def source_of(path: str, stack: ExitStack, *, is_text: bool = False) -> ImportSource:
    if path == STDIN:
        given: BufferedReader = sys.stdin.buffer  # type: ignore[assignment]  # which it is unless it was replaced
        return ImportSource("standard input", unpacked(given, is_text=is_text), datetime.now(UTC))
    file = stack.enter_context(open(path, "rb"))  # noqa: SIM115  the stack closes it
    changed_at = datetime.fromtimestamp(int(Path(path).stat().st_mtime), UTC)
    return ImportSource(Path(path).name, unpacked(file, is_text=is_text), min(changed_at, datetime.now(UTC)))


def unpacked(file: BufferedReader, *, is_text: bool = False) -> ImportFile:
    start = file.peek(len(ZIP))
    if start.startswith(ZIP):
        return LineFile(lines_of_zip(file))
    if start.startswith(GZIP):
        whole = Gunzipped(file)
        return read_as_lines(whole, whole.peek(PEEK_BYTES), is_text=is_text)
    return read_as_lines(file, start, is_text=is_text)


def read_as_lines(file: ImportFile, start: bytes, *, is_text: bool) -> ImportFile:
    if is_utf_16(start):
        return LineFile(iter([UTF_16]))
    return LineFile(lines_of_documents(file)) if is_document(start) and not is_text else file
