"""Writes uploaded text into a file of ours: streamed, gzip unpacked, never larger than the limits."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from secrets import token_hex

from runsdash.index.importing.blocks import REASONS, UTF_16
from runsdash.index.importing.files import GZIP, is_utf_16
from runsdash.sync.jobs.job_files import UPLOAD, delete_file, path_of

MAX_UPLOAD_BYTES = 50 * 1024 * 1024
MAX_UNPACKED_BYTES = 500 * 1024 * 1024
PIECE_BYTES = 1024 * 1024


class UploadRefused(Exception):
    """Refuses an upload, in a sentence for the person who sent it."""


def keep_upload(pieces: Iterable[bytes], *, typed: bytes = b"", most: int = MAX_UNPACKED_BYTES) -> tuple[str, int]:
    """Writes an upload and what was typed beside it into FILES_DIR; leaves nothing behind when it refuses.

    Returns the name and size of the file.
    """
    name, size = f"{UPLOAD}{token_hex(12)}.txt", 0
    path_of(name).parent.mkdir(parents=True, exist_ok=True)
    try:
        with path_of(name).open("xb") as file:
            for piece in chain(unpacked(pieces), [typed]):
                size += len(piece)
                if size > most:
                    raise UploadRefused(f"Unpacked, the file is larger than {most >> 20} MB.")
                file.write(piece)
    except Exception:
        delete_file(name)
        raise
    return name, size


def unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the text of an upload, unpacked when it is gzip."""
    first, every = peeked(pieces)
    if first.startswith(GZIP):
        first, every = peeked(gunzipped(every))
    if is_utf_16(first):
        raise UploadRefused(f"It cannot be read: {REASONS[UTF_16]}.")
    yield from every


def peeked(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    pieces = filter(None, pieces)
    first = next(pieces, b"")
    return first, chain([first], pieces)


def gunzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpacks every member, in parts of at most PIECE_BYTES, however much a piece holds."""
    unpacker = new_unpacker()
    try:
        for piece in pieces:
            while piece:
                if unpacker.eof:
                    unpacker = new_unpacker()
                yield unpacker.decompress(piece, PIECE_BYTES)
                piece = unpacker.unused_data.lstrip(b"\0") if unpacker.eof else unpacker.unconsumed_tail
        while rest := unpacker.decompress(b"", PIECE_BYTES):
            yield rest
    except zlib.error:
        raise UploadRefused("This gzip file is damaged.") from None
    if not unpacker.eof:
        raise UploadRefused("This gzip file is cut off: its end is missing. Nothing of it was read.")


def new_unpacker() -> "zlib._Decompress":
    return zlib.decompressobj(zlib.MAX_WBITS | 16)
