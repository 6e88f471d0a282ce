"""Says whether the runs of a filter can be told from sums, and by which of their columns.

Each clause means here what `search/predicates.py` says it means; a filter that asks for more than sums know is counted
run by run (totals/run_counts.py).
"""

from collections.abc import Sequence

from runsdash.index import run_states
from runsdash.index.models import Connection
from runsdash.index.search.filter_names import COMPARISONS, Clause
from runsdash.index.search.predicates import assistants_named, clause_groups
from runsdash.index.search.run_filter import RunFilter

from .span_reads import Narrowing

COLUMN_OF = {
    "status": "status", "model": "model", "assistant": "assistant_id", "error": "error_code",
    "connection": "connection_id",
}  # fmt: skip
STATUSES_OF = {"active": run_states.ACTIVE, "ended": run_states.ENDED}
Values = tuple[str | int, ...]


def narrowing_of(run_filter: RunFilter, connection: Connection | None) -> Narrowing | None:
    """Returns what the filter asks of sums; None when it asks for something that they do not tell apart."""
    only: dict[str, Values] = {}
    but: dict[str, Values] = {}
    if connection is not None:
        only["connection_id"] = (connection.pk,)
    for clauses in clause_groups(run_filter.clauses):
        asked = asked_of(clauses, connection)
        if asked is None:
            return None
        column, values, is_negated = asked
        if is_negated:
            but[column] = (*but.get(column, ()), *values)
        else:
            only[column] = tuple(one for one in values if column not in only or one in only[column])
    return Narrowing(only, but)


def asked_of(clauses: Sequence[Clause], connection: Connection | None) -> tuple[str, Values, bool] | None:
    """Returns the column that a group of clauses asks for, the values, and whether those are excluded."""
    first, values = clauses[0], [clause.value for clause in clauses]
    if first.name in COLUMN_OF and first.operator not in COMPARISONS:
        found = values_of(first.name, values, connection)
        return None if found is None else (COLUMN_OF[first.name], found, first.is_negated)
    if first.name == "has" and values == ["error"]:
        return "error_code", ("",), not first.is_negated
    if first.name == "is" and len(values) == 1 and values[0] in STATUSES_OF:
        return "status", tuple(STATUSES_OF[values[0]]), first.is_negated
    return None


def values_of(name: str, values: Sequence[str], connection: Connection | None) -> Values | None:
    """Returns values of the column; None where they would differ from connection to connection."""
    if name == "connection":
        return tuple(Connection.objects.filter(slug__in=values).values_list("pk", flat=True))
    if name == "assistant":
        named = assistants_named(values)
        ids = (named.filter(connection=connection) if connection else named).values_list("upstream_id", flat=True)
        if ids and connection is None and Connection.objects.count() > 1:
            return None
        return tuple(dict.fromkeys([*values, *ids]))
    return tuple(values)
