"""Writes log lines as JSON, each with the id of the request or job that it belongs to.

Any room may name what its lines belong to with `logged_as`; nothing else is decided here.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

BELONGS_TO: ContextVar[dict[str, int | str]] = ContextVar("what log lines belong to")
P = ParamSpec("P")
Done = TypeVar("Done")
EXTRA = ("request_id", "job", "batch", "audit_entry", "upstream_request_id")


@contextmanager
def logged_as(**ids: int | str) -> Iterator[None]:
    """Gives all lines inside these ids, beside those of what is around it."""
    token = BELONGS_TO.set(BELONGS_TO.get({}) | ids)
    try:
        yield
    finally:
        BELONGS_TO.reset(token)


def carrying_ids(work: Callable[P, Done]) -> Callable[P, Done]:
    """Makes of `work` what writes its lines under the ids of now, on whatever thread it runs."""
    ids = BELONGS_TO.get({})

    @wraps(work)
    def carried(*args: P.args, **kwargs: P.kwargs) -> Done:
        with logged_as(**ids):
            return work(*args, **kwargs)

    return carried


class JsonFormatter(logging.Formatter):
    """Makes one JSON object of a record, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, int | str] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= BELONGS_TO.get({}) | {name: vars(record)[name] for name in EXTRA if vars(record).get(name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
