"""Remembers which operations a server has, and distinguishes a missing operation from a missing object.

One `Capabilities` may be shared by every client of a connection. It never stops a call, because servers are upgraded.
The rules for refusals are in docs/protocol.md#errors.
"""

import re

from .calls import Call

_NAMES_AN_OBJECT = re.compile(r"\bno \w+ found\b.{0,40}\bid\b", re.IGNORECASE)
_NAMES_ITS_PARENT = re.compile(
    r"\b(?:thread|run|message|step|assistant|agent|resource)s?\b.{0,120}\b(?:not found|not exist|found)\b"
    r"|\bno (?:thread|run|message|step)\b",
    re.IGNORECASE | re.DOTALL,
)
# What servers say of an address that they do not serve. "Not Found" alone may be about the run.
_SPEAKS_OF_AN_ADDRESS = re.compile(r"\b(?:url|route|endpoint)\b", re.IGNORECASE)
_SPEAKS_OF_THE_MOMENT = re.compile(
    r"\b(?:temporar\w*|try(?:ing)? again|retry|later|at the moment|overload\w*|unavailable|maintenance|busy"
    r"|time(?:d )?out)\b",
    re.IGNORECASE,
)


class Capabilities:
    """Answers `supports("list_threads")`: True or False once seen, None while unknown."""

    def __init__(self, known: dict[str, bool] | None = None) -> None:
        self._known = dict(known or {})

    def supports(self, operation: str) -> bool | None:
        return self._known.get(operation)

    def remember(self, operation: str, *, supported: bool) -> None:
        self._known[operation] = supported

    def as_dict(self) -> dict[str, bool]:
        return dict(self._known)

    def is_missing(self, call: Call, *, status: int, message: str) -> bool:
        """Says whether a refusal means that the server lacks the operation, not the object, nor only for the moment."""
        if status not in (404, 405, 501) or _SPEAKS_OF_THE_MOMENT.search(message):
            return False
        if status == 404 and call.scope == "action":
            return bool(_SPEAKS_OF_AN_ADDRESS.search(message)) and self.supports(call.operation) is not True
        if status == 404:
            return call.scope == "collection" and bool(message) and not self._is_about_an_object(call, message)
        has_words = bool(message) or status == 405  # whose name says it all
        return has_words and (call.scope != "item" or call.is_write) and not _names_an_object(call, message)

    def _is_about_an_object(self, call: Call, message: str) -> bool:
        if _names_an_object(call, message):
            return True
        known_to_work = self.supports(call.operation) is True
        return _is_nested(call) and (known_to_work or bool(_NAMES_ITS_PARENT.search(message)))


def _names_an_object(call: Call, message: str) -> bool:
    return any(_names(message, known_id) for known_id in call.ids) or bool(_NAMES_AN_OBJECT.search(message))


def _names(message: str, known_id: str) -> bool:
    """Says whether the message names the id. A path that holds it is only what was asked for."""
    return bool(re.search(rf"(?<![\w/-]){re.escape(known_id)}(?![\w-])", message))


def _is_nested(call: Call) -> bool:
    return call.path.count("/") > 2
