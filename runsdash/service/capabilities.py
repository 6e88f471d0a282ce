"""What a server was seen to offer, by operation name.

One `Capabilities` may be shared by every client of a connection. It only remembers; it never stops a
call, because servers are upgraded.
"""

import re

from runsdash.service.calls import Call

_NAMES_AN_OBJECT = re.compile(r"\bno \w+ found\b.{0,40}\bid\b", re.IGNORECASE)
_NAMES_ITS_PARENT = re.compile(
    r"\b(?:thread|run|message|step|assistant|agent|resource)s?\b.{0,120}\b(?:not found|not exist|found)\b"
    r"|\bno (?:thread|run|message|step)\b",
    re.IGNORECASE | re.DOTALL,
)


class Capabilities:
    """`supports("list_threads")`: True or False once seen, None while unknown."""

    def __init__(self, known: dict[str, bool] | None = None) -> None:
        self._known = dict(known or {})

    def supports(self, operation: str) -> bool | None:
        return self._known.get(operation)

    def remember(self, operation: str, *, supported: bool) -> None:
        self._known[operation] = supported

    def as_dict(self) -> dict[str, bool]:
        return dict(self._known)

    def is_missing(self, call: Call, *, status: int, message: str) -> bool:
        """Does this refusal mean that the server lacks the operation, rather than the object?"""
        if status in (405, 501):
            return call.scope != "item" or call.is_write
        if status in (401, 403):
            # OpenAI lists threads for its own web pages alone, and says so (API.md section 1).
            return call.operation == "list_threads" and "session key" in message
        return status == 404 and call.scope == "collection" and not self._is_about_an_object(call, message)

    def _is_about_an_object(self, call: Call, message: str) -> bool:
        if any(_names(message, known_id) for known_id in call.ids) or _NAMES_AN_OBJECT.search(message):
            return True
        known_to_work = self.supports(call.operation) is True
        return _is_nested(call) and (known_to_work or bool(_NAMES_ITS_PARENT.search(message)))


def _names(message: str, known_id: str) -> bool:
    return bool(re.search(rf"(?<![\w-]){re.escape(known_id)}(?![\w-])", message))


def _is_nested(call: Call) -> bool:
    return call.path.count("/") > 2
