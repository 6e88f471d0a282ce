"""Writes log lines as JSON, each with the id of the request or job that it belongs to.

Any room may name what its lines belong to with `logged_as`; nothing else is decided here.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

BELONGS_TO: ContextVar[dict[str, object]] = ContextVar("what log lines belong to")
EXTRA = ("request_id", "job", "audit_entry", "upstream_request_id")


@contextmanager
def logged_as(**ids: object) -> Iterator[None]:
    """Gives all lines inside these ids, beside those of what is around it."""
    token = BELONGS_TO.set(BELONGS_TO.get({}) | ids)
    try:
        yield
    finally:
        BELONGS_TO.reset(token)


class JsonFormatter(logging.Formatter):
    """Makes one JSON object of a record, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= BELONGS_TO.get({}) | {name: vars(record)[name] for name in EXTRA if vars(record).get(name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
