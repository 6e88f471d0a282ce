"""Writes uploaded text into a file of ours: streamed, gzip unpacked, never larger than the limits."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from secrets import token_hex

from runsdash.sync.jobs.job_files import UPLOAD, delete_file, path_of

MAX_UPLOAD_BYTES = 50 * 1024 * 1024
MAX_UNPACKED_BYTES = 500 * 1024 * 1024
PIECE_BYTES = 1024 * 1024
GZIP = b"\x1f\x8b"


class UploadRefused(Exception):
    """Refuses an upload, in a sentence for the person who sent it."""


def keep_upload(pieces: Iterable[bytes], *, most: int = MAX_UNPACKED_BYTES) -> tuple[str, int]:
    """Writes the text into FILES_DIR and returns its name and size; leaves nothing behind when it refuses."""
    name, size = f"{UPLOAD}{token_hex(12)}.txt", 0
    path_of(name).parent.mkdir(parents=True, exist_ok=True)
    try:
        with path_of(name).open("xb") as file:
            for piece in unpacked(pieces):
                size += len(piece)
                if size > most:
                    raise UploadRefused(f"Unpacked, the file is larger than {most >> 20} MB.")
                file.write(piece)
    except Exception:
        delete_file(name)
        raise
    return name, size


def unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pieces = iter(pieces)
    first = next(pieces, b"")
    every = chain([first], pieces)
    return gunzipped(every) if first.startswith(GZIP) else every


def gunzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpacks in parts of at most PIECE_BYTES, however much a piece holds."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for piece in pieces:
            while piece:
                yield unpacker.decompress(piece, PIECE_BYTES)
                piece = unpacker.unconsumed_tail
    except zlib.error:
        raise UploadRefused("This gzip file is damaged.") from None
