"""Opens what an import reads: JSON lines, plain or gzip, or the zip of a run; from a path or standard input."""

import gzip
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from .blocks import ImportSource
from .zip_files import ZIP, LineFile, lines_of_zip

GZIP = b"\x1f\x8b"
STDIN = "-"


@contextmanager
def sources_of(paths: Iterable[str]) -> Iterator[list[ImportSource]]:
    """Opens the files; `-` is standard input. Raises OSError."""
    with ExitStack() as stack:
        yield [source_of(path, stack) for path in paths]


def source_of(path: str, stack: ExitStack) -> ImportSource:
    if path == STDIN:
        return ImportSource("standard input", unpacked(sys.stdin.buffer), datetime.now(UTC))
    file = stack.enter_context(open(path, "rb"))  # noqa: SIM115  the stack closes it
    changed_at = datetime.fromtimestamp(int(Path(path).stat().st_mtime), UTC)
    return ImportSource(Path(path).name, unpacked(file), min(changed_at, datetime.now(UTC)))


def unpacked(file: BufferedReader) -> BinaryIO:
    start = file.peek(len(ZIP))
    if start.startswith(ZIP):
        return LineFile(lines_of_zip(file))
    return gzip.GzipFile(fileobj=file) if start.startswith(GZIP) else file
