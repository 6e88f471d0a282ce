"""Makes errors from refusals and from answers that cannot be read.

All text here comes from a server, in one of many shapes: docs/protocol.md#errors. It is cleared of the endpoint's
secrets and of characters that cannot be stored, and cut to `ERROR_TEXT_CHARS`.
"""

import re
from typing import Any

from .decoding import ERROR_TEXT_CHARS, Undecodable, decode_json, error_field, error_text, storable
from .errors import ServiceError, UpstreamFailed
from .json_types import Json
from .providers import Endpoint

SHOWN_FROM_BYTES = 16 * 1024
_TITLE = re.compile(r"<title[^>]*>(.{1,200}?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]{0,500}>")


def clean(endpoint: Endpoint, text: str) -> str:
    return str(storable(endpoint.redacted(text)))


def unusable(endpoint: Endpoint, message: str, *, content: bytes, **facts: Any) -> UpstreamFailed:
    """Makes an `UpstreamFailed` whose body is the first characters of what came instead."""
    shown = clean(endpoint, content[:SHOWN_FROM_BYTES].decode("utf-8", "replace"))[:ERROR_TEXT_CHARS]
    return UpstreamFailed(clean(endpoint, message), body=shown or None, **facts)


def refused(kind: type[ServiceError], endpoint: Endpoint, *, status: int, content: bytes, **facts: Any) -> ServiceError:
    """Makes the error for a status outside 200-299, with the server's own sentence."""
    body = decoded_body(endpoint, content)
    return kind(
        sentence(endpoint, body) or f"The server answered {status} without a word.",
        status=status,
        code=error_field(body, "code"),
        param=error_field(body, "param"),
        body=body[:ERROR_TEXT_CHARS] if isinstance(body, str) else body,
        **facts,
    )


def decoded_body(endpoint: Endpoint, content: bytes) -> Json:
    """Decodes an error body as JSON, or as text, or None; every string without the endpoint's secrets."""
    try:
        return _without_secrets(endpoint, decode_json(content))
    except Undecodable:
        return clean(endpoint, content.decode("utf-8", "replace")) or None


def sentence(endpoint: Endpoint, body: Json) -> str:
    """Finds what an error body says; of an HTML page its title or bare text."""
    if isinstance(body, str) and body.lstrip().startswith("<"):
        title = _TITLE.search(body)
        body = title.group(1) if title else _TAG.sub(" ", body)
    return clean(endpoint, error_text(body))


def page_said(endpoint: Endpoint, content: bytes) -> str:
    """Finds what an HTML page says that came where none was asked for; empty when it is no page."""
    text = content[:SHOWN_FROM_BYTES].decode("utf-8", "replace")
    said = sentence(endpoint, text) if text.lstrip().startswith("<") else ""
    return f"A page came instead: {said}" if said else ""


def what_came(value: Json, wanted: str) -> str:
    """Says what a 2xx answer of the wrong type is; some servers answer errors with 200."""
    said = error_text(value) if isinstance(value, dict) and value.get("error") else ""
    return said or f"The answer is not a {wanted}."


def another(kind: str, value: dict[str, Any], name: str) -> str:
    """Says that an answer is about another object than the request."""
    return f"The server answered with another {kind.lower()}: its {name} is {str(value[name])[:80]!r}."


def _without_secrets(endpoint: Endpoint, value: Json) -> Json:
    if isinstance(value, str):
        return endpoint.redacted(value)
    if isinstance(value, list):
        return [_without_secrets(endpoint, item) for item in value]
    if isinstance(value, dict):
        return {endpoint.redacted(key): _without_secrets(endpoint, item) for key, item in value.items()}
    return value
