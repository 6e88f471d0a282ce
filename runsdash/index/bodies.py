"""Bodies as received, read back."""

import json
from collections.abc import Iterator
from zlib import decompress, decompressobj

from .models.bodies import Body

CHUNK_BYTES = 64 * 1024
PLAIN = b"{"  # the first byte of a body that was too short to pack


def raw_chunks(body: Body) -> Iterator[bytes]:
    """The JSON text as received, in chunks, so that a download of any size needs little memory."""
    packed = bytes(body.raw)
    if packed.startswith(PLAIN):
        yield packed
        return
    unpacker = decompressobj()
    for start in range(0, len(packed), CHUNK_BYTES):
        chunk = unpacker.decompress(packed[start : start + CHUNK_BYTES])
        if chunk:
            yield chunk
    yield unpacker.flush()


def raw_text(body: Body) -> str:
    return b"".join(raw_chunks(body)).decode()


def raw_object(body: Body) -> dict:
    return json.loads(raw_text(body))


def unpacked(raw: bytes) -> bytes:
    """The JSON text of a stored body, at once."""
    return raw if raw.startswith(PLAIN) else decompress(raw)
