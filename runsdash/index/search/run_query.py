"""A filter as what the planner works with: a span of keys and groups of clauses. Resolves names, plans nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from runsdash.index.models import Connection

from . import index_ranges, predicates
from .filter_names import COMPARISONS
from .filter_values import Keys
from .predicates import Group, negated
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
class Wanted:
    """Every group has to hold, and the run's key to be in `keys`."""

    keys: Keys
    groups: tuple[Group, ...]

    def and_group(self, group: Group) -> "Wanted":
        return replace(self, groups=(*self.groups, group))

    def tests(self, *, but: Iterable[Group] = ()) -> Sql | None:
        """The conditions of all groups, leaving out those that a source answers already."""
        left_out = list(but)
        return all_of(group.condition for group in self.groups if group not in left_out)


def wanted_of(run_filter: RunFilter, connection: Connection | None = None) -> Wanted:
    keys, asked = Keys(), []
    for name_key, clauses in grouped(run_filter.clauses).items():
        name = name_key[0]
        if name in MOMENTS and is_one_span(clauses):
            for clause in clauses:
                keys = keys & predicates.keys_of(clause)
        else:
            asked.append((name, clauses))
    groups = [group_of(name, clauses, is_alone=len(asked) == 1) for name, clauses in asked]
    if connection is not None and not is_only(connection):
        groups.append(predicates.of_connection_keys([connection.pk]))
    return Wanted(keys, tuple(groups))


def each_value(name: str, values: Sequence[str]) -> list[Group]:
    """A group for each value alone. That values are names of assistants is rare, so it is looked up for all at once."""
    if name == "assistant" and not predicates.assistants_named(values).exists():
        return [predicates.of_assistant_ids([value]) for value in values]
    return [predicates.VALUE_GROUPS[name]([value]) for value in values]


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


def group_of(name: str, clauses: list[Clause], *, is_alone: bool) -> Group:
    values = [clause.value for clause in clauses]
    if is_alone and name == "status" and clauses[0].is_negated:
        return predicates.of_other_statuses(values)
    if name == TEXT:
        group = predicates.of_words(values)
    elif name == METADATA:
        group = predicates.of_metadata(clauses[0].key, values)
    elif name in AMOUNTS:
        group = predicates.of_amounts(clauses)
    elif name in MOMENTS:
        group = predicates.of_moments(clauses)
    elif name in FLAGS:
        group = any_flag([predicates.of_flag(name, value) for value in values])
    else:
        group = predicates.VALUE_GROUPS[name](values)
    return negated(group) if clauses[0].is_negated else group


def any_flag(groups: list[Group]) -> Group:
    if len(groups) == 1:
        return groups[0]
    return Group(groups[0].name, any_of(group.condition for group in groups))


def is_only(connection: Connection) -> bool:
    return not Connection.objects.exclude(pk=connection.pk).exists()


@dataclass(frozen=True)
class Offer:
    """A source and the groups that need no test when it is read."""

    source: index_ranges.Source
    answers: tuple[Group, ...]


def offers(wanted: Wanted) -> list[Offer]:
    """What could be read. A compound index stands in for its parts."""
    is_alone = len(wanted.groups) == 1
    groups = [group for group in wanted.groups if group.source and (is_alone or not group.only_alone)]
    found = [Offer(group.source, (group,) if group.is_exact else ()) for group in groups]
    by_name = {group.name: group for group in groups if group.is_exact}
    for one, other in COMPOUND:
        if one in by_name and other in by_name:
            pair = by_name[one], by_name[other]
            source = index_ranges.both(pair[0].source, pair[1].source)
            if source is not None:
                parts = {id(group.source) for group in pair}
                found = [offer for offer in found if id(offer.source) not in parts]
                found.append(Offer(source, pair))
    return found


def whole_source(wanted: Wanted) -> index_ranges.Source | None:
    """Ordered ranges of one index that hold just the runs that are wanted; None when a test is needed."""
    if not wanted.groups:
        return index_ranges.ALL
    whole = [one.source for one in offers(wanted) if len(one.answers) == len(wanted.groups) and one.source.is_ordered]
    return whole[0] if whole else None
