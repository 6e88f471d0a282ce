"""Counts the statements that a page runs for what it shows."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

# What PostgreSQL needs around a statement to stop it in time, and asks its planner; on SQLite the process does either
# by itself.
STOPPED = ("SAVEPOINT", "RELEASE SAVEPOINT", "SET LOCAL enable_seqscan", "SET LOCAL statement_timeout")
AROUND = ("BEGIN", "COMMIT", "EXPLAIN ", *STOPPED)


@contextmanager
def at_most(limit: int) -> Iterator[list[str]]:
    """Fails when more statements than `limit` run inside; they are in the list afterwards."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as caught:
        yield found
    found += [query["sql"] for query in caught.captured_queries if not query["sql"].startswith(AROUND)]
    assert len(found) <= limit, "\n".join(found)
