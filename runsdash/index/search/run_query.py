"""Turns a filter into a query: a span of keys and predicates that all have to hold. Resolves names, plans nothing.

Owns which clauses are answered together and which indexes can answer a query. A word's meaning stands in `predicates`,
the choice among indexes in `plan`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from runsdash.index.models import Connection

from . import index_ranges, predicates
from .filter_names import AMOUNTS, COMPARISONS, FLAGS, METADATA, MOMENTS, SHORT_FOR, TEXT, Clause
from .filter_values import KeyRange
from .index_ranges import EVERY_RUN, NO_INDEX, IndexRanges
from .predicates import Predicate
from .run_filter import RunFilter
from .sql import Sql, all_of

COMPOUND = (("status", "model"), ("status", "assistant"))  # what one index holds, see Run.Meta


@dataclass(frozen=True)
class RunQuery:
    """Asks for the runs whose key is in `key_range` and for which every predicate holds."""

    key_range: KeyRange
    predicates: tuple[Predicate, ...]

    def and_predicate(self, predicate: Predicate) -> "RunQuery":
        return replace(self, predicates=(*self.predicates, predicate))

    def above(self, key: int) -> "RunQuery":
        return replace(self, key_range=self.key_range & KeyRange(low=key + 1))

    def tests(self, *, but: Sequence[Predicate]) -> list[Sql]:
        """Returns the conditions of all predicates but those that an index answers already."""
        conditions = [one.condition for one in self.predicates if one not in but]
        return [all_of(conditions)] if conditions else []


# Building a query


def run_query_of(run_filter: RunFilter, connection: Connection | None = None) -> RunQuery:
    """Builds the query of a filter, of the runs of `connection` alone if given."""
    key_range, groups = KeyRange(), []
    for clauses in clause_groups(run_filter.clauses):
        if clauses[0].name in MOMENTS and len(clauses) == 1 and not clauses[0].is_negated:
            key_range &= predicates.key_range_of(clauses[0])
        else:
            groups.append(clauses)
    own = [predicate_of(clauses, is_alone=len(groups) == 1) for clauses in groups]
    if connection is not None and Connection.objects.exclude(pk=connection.pk).exists():
        own.append(predicates.of_values("connection", [connection.pk]))
    return RunQuery(key_range, tuple(own))


def clause_groups(clauses: Iterable[Clause]) -> list[list[Clause]]:
    """Groups clauses of a name and key that are answered together; each other clause is alone."""
    groups: dict[tuple[str, str, bool, int], list[Clause]] = {}
    for number, clause in enumerate(clauses):
        apart = number if stands_alone(clause) else -1
        groups.setdefault((clause.name, clause.key, clause.is_negated, apart), []).append(clause)
    return list(groups.values())


def stands_alone(clause: Clause) -> bool:
    """Must the clause hold by itself? Values mean "or"; words and excluded statuses are looked up together."""
    if clause.is_negated:
        return clause.name != "status"
    return clause.operator in COMPARISONS or clause.name in SHORT_FOR


def predicate_of(clauses: list[Clause], *, is_alone: bool) -> Predicate:
    """Returns the meaning of a group of clauses; `is_alone`: the filter asks for nothing else."""
    first, values = clauses[0], [clause.value for clause in clauses]
    if is_alone and first.name == "status" and first.is_negated:
        return predicates.of_other_statuses(values)
    if first.name == TEXT:
        predicate = predicates.of_words(values)
    elif first.name == METADATA:
        predicate = predicates.of_metadata(first.key, values)
    elif first.name in AMOUNTS:
        predicate = predicates.of_amounts(clauses)
    elif first.name in MOMENTS:
        predicate = predicates.of_moments(clauses)
    elif first.name in FLAGS:
        predicate = predicates.either([predicates.FLAG_PREDICATES[first.name](value) for value in values])
    else:
        predicate = predicates.VALUE_PREDICATES[first.name](values)
    return predicates.negated(predicate) if first.is_negated else predicate


def predicates_of_values(name: str, values: Sequence[str]) -> list[Predicate]:
    """Returns a predicate for each value alone. Names of assistants are rare, so all are looked up at once."""
    if name == "assistant" and not predicates.assistants_named(values).exists():
        return [predicates.of_values("assistant", [value]) for value in values]
    return [predicates.VALUE_PREDICATES[name]([value]) for value in values]


# Indexes that can answer a query


def index_choices(run_query: RunQuery) -> list[Predicate]:
    """Returns the predicates that have an index to read. One of a compound index stands in for its parts."""
    is_alone = len(run_query.predicates) == 1
    choices = [one for one in run_query.predicates if one.index is not NO_INDEX and (is_alone or not one.only_alone)]
    by_name = {one.name: one for one in choices if one.is_exact}
    for name, other in COMPOUND:
        if name in by_name and other in by_name:
            pair = by_name[name], by_name[other]
            index = index_ranges.both(pair[0].index, pair[1].index)
            if index is not NO_INDEX:
                choices = [one for one in choices if one not in pair]
                condition = all_of([part.condition for part in pair])
                choices.append(Predicate(f"{name} and {other}", condition, index, parts=pair))
    return choices


def exact_index(run_query: RunQuery) -> IndexRanges:
    """Returns ranges in the order of ids that hold just the runs of the query; NO_INDEX when tests are needed."""
    if not run_query.predicates:
        return EVERY_RUN
    choices = [one for one in index_choices(run_query) if one.index.is_by_id]
    exact = [one.index for one in choices if len(one.answers) == len(run_query.predicates)]
    return exact[0] if exact else NO_INDEX
