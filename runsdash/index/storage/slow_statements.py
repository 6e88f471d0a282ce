"""Counts and logs statements that keep the database busy for long, without their values."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from runsdash import measures

SLOW_S = 1.0
SHOWN = 500
log = logging.getLogger(__name__)


class StatementWatch:
    """Wraps the execution of every statement of a connection."""

    def __init__(self, slow_s: float = SLOW_S) -> None:
        self.slow_s = slow_s

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        began = monotonic()
        try:
            return execute(sql, params, many, context)
        finally:
            if (seconds := monotonic() - began) >= self.slow_s:
                measures.count("runsdash_slow_statements_total")
                log.warning("a statement took %.1f s: %s", seconds, str(sql)[:SHOWN])


def watch_statements(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Begins to watch a connection that was just made. Django calls it."""
    if not any(isinstance(one, StatementWatch) for one in connection.execute_wrappers):
        connection.execute_wrappers.append(StatementWatch())
