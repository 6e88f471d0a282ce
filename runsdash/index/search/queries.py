"""Builds the query of a filter, by what the filter is about: `predicates` for runs, `thread_predicates` for threads."""

from collections.abc import Sequence

from runsdash.index.models import Connection

from . import predicates
from .run_filter import RunFilter
from .run_query import Predicate, RunQuery


def query_of(run_filter: RunFilter, connection: Connection | None = None) -> RunQuery:
    """Builds the query of a filter, of what belongs to `connection` alone if given."""
    return predicates.run_query_of(run_filter, connection)


def predicates_of_values(run_filter: RunFilter, name: str, values: Sequence[str]) -> list[Predicate]:
    """Returns a predicate for each value alone, of what the filter is about."""
    return predicates.predicates_of_values(name, values)
