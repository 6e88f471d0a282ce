"""Reads a value of one type out of any JSON value; what does not fit is None or empty. Nothing raises.

Every field of an upstream object is optional and may have the wrong type; objects are built with these readers alone.
"""

import json
import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from ..json_types import Json

_LARGEST_INTEGER = 2**63 - 1  # what a database column holds
_MILLISECONDS_FROM = 1e11  # in seconds that would be the year 5138
_MICROSECONDS_FROM = 1e14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def mapping(value: Json) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def listing(value: Json) -> list[Any]:
    return value if isinstance(value, list) else []


def text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def identifier(value: Json) -> str | None:
    """Reads an id, a non-empty string."""
    return value if isinstance(value, str) and value else None


def several(value: Json) -> list[Any]:
    """Reads a list; a value without one is its only item, null is none."""
    return value if isinstance(value, list) else [] if value is None else [value]


def json_text(value: Json) -> str | None:
    """Reads text as it is, any other value as its JSON, to be shown; null is None."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def text_value(value: Json) -> str:
    """Reads text as it is, under `value`, or as a list of such. Of anything else it is the JSON."""
    if isinstance(value, list):
        return "".join(text_value(item) for item in value)
    if isinstance(value, dict) and ("value" in value or value.keys() <= {"annotations"}):
        value = value.get("value")
    return json_text(value) or ""


def integer(value: Json) -> int | None:
    """Reads a whole number from 0 up that a database can hold."""
    if value is None or (type(value) is int and 0 <= value <= _LARGEST_INTEGER):  # most often, and quickly told
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= _LARGEST_INTEGER else None


def number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def flag(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def metadata(owner: dict[str, Any]) -> dict[str, str]:
    """Reads an object's metadata; some servers call it by the name of their column, `metadata_`."""
    value = owner.get("metadata")
    return strings(owner.get("metadata_") if value is None else value)


def strings(value: Json) -> dict[str, str]:
    """Reads a map of strings only; other values become their JSON text, null is left out."""
    if not value:
        return {}
    pairs = ((key, json_text(item)) for key, item in mapping(value).items())
    return {str(key): item for key, item in pairs if item is not None}


def moment(value: Json) -> datetime | None:
    """Reads an aware UTC time from seconds, milliseconds, microseconds, numeric text or ISO text; 0 is None."""
    if value is None:
        return None
    if type(value) is int and 0 < value < _MILLISECONDS_FROM:  # nearly all, and an import reads millions
        return _whole_second(value)
    seconds = _seconds(value)
    try:
        if seconds is not None:
            return _EPOCH + timedelta(seconds=seconds) if seconds > 0 else None
        return _from_iso(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=8192)
def _whole_second(value: int) -> datetime:
    return datetime.fromtimestamp(value, UTC)


def _seconds(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(seconds):
        return None
    if seconds >= _MICROSECONDS_FROM:
        return seconds / 1e6
    return seconds / 1e3 if seconds > _MILLISECONDS_FROM else seconds


def _from_iso(value: str) -> datetime:
    found = datetime.fromisoformat(value.strip())
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def only_key(value: dict[str, Any], *, besides: tuple[str, ...] = ("type",)) -> str | None:
    """Finds the single key that names an object's kind when `type` is missing."""
    keys = [key for key in value if key not in besides]
    return keys[0] if len(keys) == 1 else None


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Counts seconds, never negative: upstream clocks have whole seconds and may run backwards."""
    return max(0.0, (end - start).total_seconds()) if start and end else None
