"""Checks input before anything is sent; every refusal names its parameter.

The rule for all optional parameters: None means "not given" and is not sent. JSON null is never sent.
Limits are the protocol's own (docs/protocol.md). Values that a server may judge better than we do
(model names, tool definitions) are checked for their JSON type only.
"""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

from .addresses import is_link_local
from .connecting import refusal_of_link_local
from .errors import InvalidRequest
from .json_types import JsonLike

MAX_METADATA_PAIRS = 16
MAX_METADATA_KEY_CHARS = 64
MAX_METADATA_VALUE_CHARS = 512
MIN_TOKENS = 256
MAX_PAGE = 100
MAX_TOOL_OUTPUTS_BYTES = 512 * 1024
MAX_ID_CHARS = 512


def refuse(param: str, sentence: str) -> NoReturn:
    raise InvalidRequest(f"{param}: {sentence}", param=param)


def path_id(param: str, value: JsonLike) -> str:
    if not isinstance(value, str) or not value.strip() or value in (".", ".."):
        refuse(param, "must be an id, a non-empty string.")
    if len(value) > MAX_ID_CHARS or not _is_unicode(value):
        refuse(param, f"must be at most {MAX_ID_CHARS} characters of valid text.")
    return value


def text(param: str, value: JsonLike) -> str:
    if not isinstance(value, str):
        refuse(param, "must be a string.")
    return value


def words(param: str, value: JsonLike) -> str:
    given = text(param, value)
    if not given.strip():
        refuse(param, "must not be empty.")
    return given


def flag(param: str, value: JsonLike) -> bool:
    if not isinstance(value, bool):
        refuse(param, "must be true or false.")
    return value


def number_between(param: str, value: JsonLike, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        refuse(param, f"must be a number from {low} to {high}.")
    if not low <= value <= high:
        refuse(param, f"must be from {low} to {high}.")
    return value


def temperature(param: str, value: JsonLike) -> float:
    return number_between(param, value, 0, 2)


def top_p(param: str, value: JsonLike) -> float:
    return number_between(param, value, 0, 1)


def page_limit(param: str, value: JsonLike) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PAGE:
        refuse(param, f"must be a whole number from 1 to {MAX_PAGE}.")
    return value


def token_limit(param: str, value: JsonLike) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < MIN_TOKENS:
        refuse(param, f"must be a whole number of at least {MIN_TOKENS}.")
    return value


def order(param: str, value: JsonLike) -> str:
    if value not in ("asc", "desc"):
        refuse(param, "must be asc or desc.")
    return value


def metadata(param: str, value: JsonLike) -> dict[str, str]:
    if not isinstance(value, Mapping):
        refuse(param, "must be pairs of strings.")
    if len(value) > MAX_METADATA_PAIRS:
        refuse(param, f"takes at most {MAX_METADATA_PAIRS} pairs.")
    return dict(_metadata_pair(param, key, item) for key, item in value.items())


def _metadata_pair(param: str, key: JsonLike, item: JsonLike) -> tuple[str, str]:
    if not isinstance(key, str) or not isinstance(item, str):
        refuse(param, f"keys and values must be strings; look at {str(key)[:80]!r}.")
    if not key:
        refuse(param, "a key is empty.")
    if len(key) > MAX_METADATA_KEY_CHARS:
        refuse(param, f"the key {key[:20]!r}… is longer than {MAX_METADATA_KEY_CHARS} characters.")
    if len(item) > MAX_METADATA_VALUE_CHARS:
        refuse(param, f"the value of {key!r} is longer than {MAX_METADATA_VALUE_CHARS} characters.")
    return key, item


def json_object(param: str, value: JsonLike) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        refuse(param, "must be a JSON object.")
    return _encodable(param, dict(value))


def json_objects(param: str, value: JsonLike) -> list[dict[str, Any]]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        refuse(param, "must be a list of JSON objects.")
    return [json_object(f"{param}[{place}]", item) for place, item in enumerate(value)]


def word_or_object(param: str, value: JsonLike) -> str | dict[str, Any]:
    return words(param, value) if isinstance(value, str) else json_object(param, value)


def tools(param: str, value: JsonLike) -> list[dict[str, Any]]:
    found = json_objects(param, value)
    for place, tool in enumerate(found):
        words(f"{param}[{place}].type", tool.get("type"))
    return found


def messages(param: str, value: JsonLike) -> list[dict[str, Any]]:
    found = json_objects(param, value)
    for place, message in enumerate(found):
        words(f"{param}[{place}].role", message.get("role"))
        content(f"{param}[{place}].content", message.get("content"))
        if message.get("metadata") is not None:
            metadata(f"{param}[{place}].metadata", message["metadata"])
    return found


def content(param: str, value: JsonLike) -> str | list[dict[str, Any]]:
    if isinstance(value, str):
        return words(param, value)
    if not value:
        refuse(param, "must be text or a list of content parts.")
    return tools(param, value)


def new_thread(param: str, value: JsonLike) -> dict[str, Any]:
    """Checks the `thread` of create_thread_and_run: messages, tool_resources and metadata."""
    thread = {key: item for key, item in json_object(param, value).items() if item is not None}
    unknown = sorted(str(key) for key in thread.keys() - {"messages", "tool_resources", "metadata"})
    if unknown:
        refuse(f"{param}.{unknown[0][:80]}", "is not a field of a new thread.")
    field_checks = {"messages": messages, "tool_resources": json_object, "metadata": metadata}
    return {key: field_checks[key](f"{param}.{key}", item) for key, item in thread.items()}


def tool_outputs(param: str, value: JsonLike) -> list[dict[str, Any]]:
    found = json_objects(param, value)
    once_a_call(param, found)
    for place, item in enumerate(found):
        text(f"{param}[{place}].output", item.get("output"))
    if sum(len(item["output"].encode("utf-8", "replace")) for item in found) >= MAX_TOOL_OUTPUTS_BYTES:
        refuse(param, "all outputs together must be smaller than 512 KB.")
    return found


def tool_approvals(param: str, value: JsonLike) -> list[dict[str, Any]]:
    found = json_objects(param, value)
    once_a_call(param, found)
    for place, item in enumerate(found):
        flag(f"{param}[{place}].approve", item.get("approve"))
    return found


def once_a_call(param: str, answers: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for place, item in enumerate(answers):
        call_id = words(f"{param}[{place}].tool_call_id", item.get("tool_call_id"))
        if call_id in seen:
            refuse(f"{param}[{place}].tool_call_id", f"{call_id[:80]!r} is answered twice.")
        seen.add(call_id)


def included(param: str, value: JsonLike) -> list[str]:
    if isinstance(value, str):
        return [words(param, value)]
    if not isinstance(value, Sequence):
        refuse(param, "must be a list of field names.")
    return [words(f"{param}[{place}]", item) for place, item in enumerate(value)]


def not_link_local(param: str, url: str) -> None:
    """Refuses a URL whose host is written as such an address; a name is looked up when it is reached."""
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        if is_link_local(host):
            raise InvalidRequest(f"{refusal_of_link_local(host)}.", param=param)


def _encodable(param: str, value: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        refuse(param, "holds something that JSON cannot carry.")
    return value


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)
