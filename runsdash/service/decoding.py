"""Turns bytes from a server into JSON values, and an error body into one sentence.

Everything here is untrusted. JSON is parsed leniently where leniency is harmless (control characters in
strings, NaN, numbers too long for Python) and refused where it is not (nesting deeper than
`MAX_JSON_DEPTH`). Characters that no database or UTF-8 page can hold are replaced. Never raises
anything but `Undecodable`.
"""

import json
import math
import re
import sys
from typing import Any, NoReturn

from .json_types import Json

MAX_JSON_DEPTH = 100
ERROR_TEXT_CHARS = 500
_LONGEST_INTEGER = 300  # digits; Python itself refuses to print integers above 4,300
_SUSPECT = re.compile(r"\x00|\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Undecodable(ValueError):
    """Says that bytes are not JSON that this room accepts."""


def decode_json(content: bytes) -> Json:
    """Parses the JSON in `content`; raises `Undecodable` with a short reason."""
    text = content.decode("utf-8-sig", errors="replace")
    try:
        value = json.loads(
            text, strict=False, parse_int=_integer, parse_float=_finite, parse_constant=lambda _word: None
        )
    except RecursionError:
        raise Undecodable("the JSON is nested too deeply") from None
    except ValueError:
        raise Undecodable("it is not JSON") from None
    if is_too_deep(content, value):
        raise Undecodable("the JSON is nested too deeply")
    return storable(value) if _SUSPECT.search(text) else value


def strict_json(text: str | bytes) -> Any:
    """Parses JSON without NaN and without numbers that are infinite here. Raises ValueError, RecursionError."""
    return json.loads(text, parse_constant=_no_json, parse_float=_finite_or_refused)


def _no_json(word: str) -> NoReturn:
    raise ValueError(f"{word[:40]} is no number of JSON")


def _finite_or_refused(digits: str) -> float:
    number = _finite(digits)
    return _no_json(digits) if number is None else number


def may_be_deep(content: bytes) -> bool:
    """Tells whether there are enough brackets for nesting that is too deep."""
    return content.count(b"[") + content.count(b"{") > MAX_JSON_DEPTH


def nearest_number(digits: str) -> int | float:
    """Reads a number of JSON to check it; the largest float stands for one that is larger."""
    if len(digits) <= _LONGEST_INTEGER and digits.lstrip("-").isdigit():
        return int(digits)
    return max(-sys.float_info.max, min(float(digits), sys.float_info.max))


def is_too_deep(content: bytes, value: Json) -> bool:
    """Tells whether `value`, parsed from the JSON text `content`, is nested too deeply."""
    return may_be_deep(content) and _is_deeper_than(value, MAX_JSON_DEPTH)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else digits


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _is_deeper_than(value: Json, limit: int) -> bool:
    level = [value]
    for _depth in range(limit):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _children(node: Json) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def storable(value: Json) -> Json:
    """Replaces NUL and lone surrogates in all strings of a value whose depth is bounded already."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("�", value)
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {_UNSTORABLE.sub("�", key): storable(item) for key, item in value.items()}
    return value


def error_text(body: Json) -> str:
    """Finds one sentence in an error body of any server; empty when there is none."""
    if isinstance(body, str):
        return _one_line(body)
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    candidates = [error.get("message") if isinstance(error, dict) else error, body.get("message")]
    for candidate in [*candidates, _detail(body.get("detail"))]:
        if isinstance(candidate, str) and candidate.strip():
            return _one_line(candidate)
    return _one_line(json.dumps(body, ensure_ascii=False)) if body else ""


def _detail(detail: Json) -> Json:
    """Reads FastAPI's `detail`: text, or a list of `{loc, msg, type}`."""
    if not isinstance(detail, list):
        return detail.get("message") if isinstance(detail, dict) else detail
    found = [item for item in detail[:5] if isinstance(item, dict) and isinstance(item.get("msg"), str)]
    return "; ".join(f"{_place(item.get('loc'))}{item['msg']}" for item in found)


def _place(location: Json) -> str:
    return " -> ".join(str(part)[:60] for part in location) + ": " if isinstance(location, list) else ""


def error_field(body: Json, name: str) -> str | None:
    """Finds `code` or `param` in an error body, wherever the server put it; numbers become text."""
    error = body.get("error") if isinstance(body, dict) else None
    for holder in (error, body):
        value = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)[:ERROR_TEXT_CHARS]
    return None


def _one_line(text: str) -> str:
    return " ".join(_UNSTORABLE.sub("�", text[: 4 * ERROR_TEXT_CHARS]).split())[:ERROR_TEXT_CHARS]
