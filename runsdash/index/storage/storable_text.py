"""Makes hostile text storable: both engines refuse lone surrogates, PostgreSQL refuses NUL."""

import json
from collections.abc import Mapping
from math import isfinite

from runsdash.service.json_types import Json, JsonLike

REPLACEMENT = "\ufffd"
ID_CHARS = 200  # of an upstream id


def storable(text: str) -> str:
    """Replaces NUL and lone surrogates; everything else stays as it is."""
    if "\x00" in text:
        text = text.replace("\x00", REPLACEMENT)
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if has_surrogate(text) else text


def has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def storable_json(value: JsonLike) -> Json:
    """Makes every text in `value` storable."""
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {storable(str(key)): storable_json(item) for key, item in value.items()}
    return [storable_json(item) for item in value]


def dumped(value: JsonLike) -> bytes:
    """Writes the JSON text of an object as received, ASCII only, so that any text survives."""
    try:
        return json.dumps(value, separators=(",", ":")).encode()
    except RecursionError:
        return b'{"runsdash":"nested too deeply to keep"}'


def cut(text: str, limit: int) -> str:
    """Returns the first `limit` characters, storable."""
    if len(text) <= limit and text.isascii() and "\x00" not in text:
        return text
    return storable(text[:limit])


def stored_id(upstream_id: str) -> str:
    """Returns an upstream id as the index keeps it."""
    return cut(upstream_id, ID_CHARS)
