"""Builds the query of a filter, by what the filter is about: `predicates` for runs, `thread_predicates` for threads.

Names of assistants and threads, and words, are looked up in the database for that, before any time is counted.
"""

from collections.abc import Sequence

from runsdash.index.models import Connection

from . import predicates, thread_predicates
from .run_filter import RunFilter
from .run_query import Predicate, RunQuery
from .subjects import RUNS


def query_of(run_filter: RunFilter, connection: Connection | None = None) -> RunQuery:
    """Builds the query of a filter, of what belongs to `connection` alone if given."""
    if run_filter.subject is RUNS:
        return predicates.query_of_runs(run_filter, connection)
    return thread_predicates.query_of_threads(run_filter, connection)


def predicates_of_values(run_filter: RunFilter, name: str, values: Sequence[str]) -> list[Predicate]:
    """Returns a predicate for each value alone, of what the filter is about."""
    if run_filter.subject is RUNS:
        return predicates.predicates_of_values(name, values)
    return thread_predicates.predicates_of_values(name, values)
