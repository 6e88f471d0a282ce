"""Names the type of JSON objects, which are stored and sent as they are, and writes them as text."""

import json
import math
from typing import Any, TypeAlias

JsonObject = dict[str, Any]
Json: TypeAlias = bool | int | float | str | list[Any] | JsonObject | None


def load(text: str | bytes) -> Any:
    """Parses JSON from outside. Raises ValueError, also for NaN and for numbers that are infinite here."""
    return json.loads(text, parse_constant=refused, parse_float=finite)


def refused(word: str) -> None:
    raise ValueError(word)


def finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


def dump(value: Json) -> str:
    """Writes JSON without spaces, as the API and as models write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
