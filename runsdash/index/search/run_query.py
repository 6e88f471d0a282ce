"""A filter as what the planner works with: a span of keys and predicates of clauses. Resolves names, plans nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from runsdash.index.models import Connection

from . import index_ranges, predicates
from .filter_names import COMPARISONS
from .filter_values import KeyRange
from .predicates import Predicate, negated
from .run_filter import (
    AMOUNTS,
    FLAGS,
    METADATA,
    MOMENTS,
    TEXT,
    Clause,
    RunFilter,
)
from .sql import Sql, all_of, any_of

TOGETHER, EXCLUDED = -1, -2
COMPOUND = (("status", "model"), ("status", "assistant"))  # what one index holds, see Run.Meta


@dataclass(frozen=True)
class RunQuery:
    """Every predicate has to hold, and the run's key to be in `key_range`."""

    key_range: KeyRange
    predicates: tuple[Predicate, ...]

    def and_group(self, predicate: Predicate) -> "RunQuery":
        return replace(self, predicates=(*self.predicates, predicate))

    def tests(self, *, but: Iterable[Predicate] = ()) -> Sql | None:
        """The conditions of all predicates, leaving out those that a source answers already."""
        left_out = list(but)
        return all_of(predicate.condition for predicate in self.predicates if predicate not in left_out)


def run_query_of(run_filter: RunFilter, connection: Connection | None = None) -> RunQuery:
    key_range, asked = KeyRange(), []
    for name_key, clauses in grouped(run_filter.clauses).items():
        name = name_key[0]
        if name in MOMENTS and is_one_span(clauses):
            for clause in clauses:
                key_range = key_range & predicates.key_range_of(clause)
        else:
            asked.append((name, clauses))
    found = [group_of(name, clauses, is_alone=len(asked) == 1) for name, clauses in asked]
    if connection is not None and not is_only(connection):
        found.append(predicates.of_connection_keys([connection.pk]))
    return RunQuery(key_range, tuple(found))


def each_value(name: str, values: Sequence[str]) -> list[Predicate]:
    """A predicate for each value alone. That values are names of assistants is rare, so it is looked up for all at once."""
    if name == "assistant" and not predicates.assistants_named(values).exists():
        return [predicates.of_assistant_ids([value]) for value in values]
    return [predicates.VALUE_PREDICATES[name]([value]) for value in values]


def grouped(clauses: Iterable[Clause]) -> dict[tuple, list[Clause]]:
    """Clauses that mean "or" together, words that are looked up together, excluded statuses; each other clause alone."""
    found: dict[tuple, list[Clause]] = {}
    for place, clause in enumerate(clauses):
        found.setdefault((*clause.group, company_of(clause, place)), []).append(clause)
    return found


def company_of(clause: Clause, place: int) -> int:
    """The same number for clauses of a name that are answered together; its `place` for one that stands alone."""
    if clause.is_negated:
        return EXCLUDED if clause.name == "status" else place
    return place if clause.operator in COMPARISONS or clause.name in ("since", "until") else TOGETHER


def is_one_span(clauses: list[Clause]) -> bool:
    return len(clauses) == 1 and not clauses[0].is_negated


def group_of(name: str, clauses: list[Clause], *, is_alone: bool) -> Predicate:
    values = [clause.value for clause in clauses]
    if is_alone and name == "status" and clauses[0].is_negated:
        return predicates.of_other_statuses(values)
    if name == TEXT:
        predicate = predicates.of_words(values)
    elif name == METADATA:
        predicate = predicates.of_metadata(clauses[0].key, values)
    elif name in AMOUNTS:
        predicate = predicates.of_amounts(clauses)
    elif name in MOMENTS:
        predicate = predicates.of_moments(clauses)
    elif name in FLAGS:
        predicate = any_flag([predicates.of_flag(name, value) for value in values])
    else:
        predicate = predicates.VALUE_PREDICATES[name](values)
    return negated(predicate) if clauses[0].is_negated else predicate


def any_flag(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    return Predicate(predicates[0].name, any_of(predicate.condition for predicate in predicates))


def is_only(connection: Connection) -> bool:
    return not Connection.objects.exclude(pk=connection.pk).exists()


@dataclass(frozen=True)
class Offer:
    """A source and the predicates that need no test when it is read."""

    source: index_ranges.IndexRanges
    answers: tuple[Predicate, ...]


def offers(run_query: RunQuery) -> list[Offer]:
    """What could be read. A compound index stands in for its parts."""
    is_alone = len(run_query.predicates) == 1
    predicates = [
        predicate for predicate in run_query.predicates if predicate.source and (is_alone or not predicate.only_alone)
    ]
    found = [Offer(predicate.source, (predicate,) if predicate.is_exact else ()) for predicate in predicates]
    by_name = {predicate.name: predicate for predicate in predicates if predicate.is_exact}
    for one, other in COMPOUND:
        if one in by_name and other in by_name:
            pair = by_name[one], by_name[other]
            source = index_ranges.both(pair[0].source, pair[1].source)
            if source is not None:
                parts = {id(predicate.source) for predicate in pair}
                found = [offer for offer in found if id(offer.source) not in parts]
                found.append(Offer(source, pair))
    return found


def whole_source(run_query: RunQuery) -> index_ranges.IndexRanges | None:
    """Ordered ranges of one index that hold just the runs that are wanted; None when a test is needed."""
    if not run_query.predicates:
        return index_ranges.ALL
    whole = [
        one.source
        for one in offers(run_query)
        if len(one.answers) == len(run_query.predicates) and one.source.is_ordered
    ]
    return whole[0] if whole else None
