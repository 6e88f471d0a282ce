"""Says what a clause means: a condition on a run `r`, and the index ranges that have its runs.

The only place where a word of the filter language gets its meaning. Names of assistants, threads, runs and connections
become keys here, by small indexed queries. Which of the ranges are read is decided in `plan`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from django.db.models import Q, QuerySet
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.fulltext.words import phrase_of
from runsdash.index.models import Assistant, Connection, Run, Thread

from . import index_ranges
from .filter_names import AMOUNTS, COMPARISONS, METADATA, SHORT_FOR, TEXT, UNKNOWN, Clause
from .filter_values import AmountRange, KeyRange, checked_moment, end_of, is_day, key_after, key_from
from .index_ranges import NO_INDEX, IndexRange, IndexRanges, side_by_side
from .sql import Param, Sql, all_of, any_of, holds_phrase, one_of, opposite

# Columns of index_run
VALUE_COLUMNS = {
    "status": "status", "model": "model", "assistant": "assistant_id", "thread": "thread_id", "run": "id",
    "connection": "connection_id", "error": "error_code",
}  # fmt: skip
AMOUNT_COLUMNS = {
    "duration": "duration_s", "queue": "queue_s", "tokens": "total_tokens", "cost": "cost", "steps": "step_count",
}  # fmt: skip
WITH_ERROR = "NOT (d.error_code = '')"  # the condition of a partial index


@dataclass(frozen=True)
class Predicate:
    """Holds the meaning of clauses that are answered together.

    `index` has every run that fits; only those, when the predicate `is_exact`. `parts` are the predicates that one
    compound index answers together. `only_alone`: to bring its many ranges together costs more than to test runs that
    another clause finds, or all. `column` is the one of index_run that it compares.
    """

    name: str
    condition: Sql
    index: IndexRanges = NO_INDEX
    is_exact: bool = True
    only_alone: bool = False
    column: str = ""
    parts: tuple["Predicate", ...] = ()

    @property
    def answers(self) -> tuple["Predicate", ...]:
        """The predicates that need no test once `index` is read."""
        return self.parts or ((self,) if self.is_exact else ())


def negated(predicate: Predicate) -> Predicate:
    return replace(predicate, condition=opposite(predicate.condition), index=NO_INDEX)


def either(predicates: Sequence[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    return Predicate(predicates[0].name, any_of([one.condition for one in predicates]))


# Values


def of_values(name: str, values: Sequence[Param]) -> Predicate:
    """Reads runs with one of `values` in the column of a name, without looking anything up."""
    column = VALUE_COLUMNS[name]
    index = index_ranges.of_column(column, values, extra=f" AND {WITH_ERROR}" if name == "error" else "")
    return Predicate(name, one_of(f"r.{column}", values), index)


def of_other_statuses(values: Sequence[str]) -> Predicate:
    """Reads the few runs that have not completed, rather than test all runs."""
    index = index_ranges.of_other_values("status", values)
    return Predicate("other statuses", opposite(one_of("r.status", values)), index, only_alone=True)


def of_assistant(values: Sequence[str]) -> Predicate:
    """Takes ids and names, whatever their case."""
    ids = assistants_named(values).values_list("upstream_id", flat=True)[: index_ranges.MAX_RANGES]
    return of_values("assistant", list(dict.fromkeys([*values, *ids])))


def assistants_named(names: Sequence[str]) -> QuerySet[Assistant]:
    named = Q()
    for name in names:
        named |= Q(name__iexact=name)
    return Assistant.objects.filter(named)


def of_thread(values: Sequence[str]) -> Predicate:
    return of_values("thread", keys_named(Thread, values))


def of_run(values: Sequence[str]) -> Predicate:
    return of_values("run", keys_named(Run, values))


def keys_named(model: type[Thread] | type[Run], ids: Sequence[str]) -> list[int]:
    """Finds keys by upstream id, with the connections spelled out: the ids are only indexed together with one."""
    connections = list(Connection.objects.values_list("pk", flat=True))
    rows = model.objects.filter(connection__in=connections, upstream_id__in=ids)
    return list(rows.values_list("pk", flat=True))


def of_connection(values: Sequence[str]) -> Predicate:
    return of_values("connection", list(Connection.objects.filter(slug__in=values).values_list("pk", flat=True)))


def of_tool(values: Sequence[str]) -> Predicate:
    name = one_of("t.name", values)
    used = Sql(f"EXISTS (SELECT 1 FROM index_runtool t WHERE t.run_id = r.id AND {name.text})", name.params)
    return Predicate("tool", used, index_ranges.of_tools(values))


VALUE_PREDICATES: dict[str, Callable[[Sequence[str]], Predicate]] = {
    "status": partial(of_values, "status"), "model": partial(of_values, "model"), "assistant": of_assistant,
    "thread": of_thread, "run": of_run, "connection": of_connection, "error": partial(of_values, "error"),
    "tool": of_tool,
}  # fmt: skip


def of_metadata(key: str, values: Sequence[str]) -> Predicate:
    key, values = key[:64], [value[:512] for value in values]
    value = one_of("m.value", values)
    pair = Sql(
        f"EXISTS (SELECT 1 FROM index_runmetadata m WHERE m.run_id = r.id AND m.key = %s AND {value.text})",
        (key, *value.params),
    )
    return Predicate(METADATA, pair, index_ranges.of_metadata(key, values))


def of_words(values: Sequence[str]) -> Predicate:
    phrases = list(dict.fromkeys(phrase_of(value) for value in values))
    return Predicate(TEXT, all_of([holds_phrase(phrase) for phrase in phrases]), index_ranges.of_words(phrases))


# Amounts


def range_of(clause: Clause) -> AmountRange:
    read = AMOUNTS[clause.name]
    if clause.ends is not None:
        low, high = clause.ends
        return AmountRange(read(low) if low else None, read(high) if high else None)
    value = read(clause.value)
    if clause.operator not in COMPARISONS:
        return AmountRange(value, value)
    is_low, holds_end = clause.operator.startswith(">"), clause.operator.endswith("=")
    return AmountRange(low=value, has_low=holds_end) if is_low else AmountRange(high=value, has_high=holds_end)


def of_amounts(clauses: Sequence[Clause]) -> Predicate:
    """Takes one comparison, or several values and ranges of which one has to hold."""
    column = AMOUNT_COLUMNS[clauses[0].name]
    condition = any_of([amount_test(f"r.{column}", clause) for clause in clauses])
    index = side_by_side([IndexRange(amount_test(f"d.{column}", clause), column=column) for clause in clauses])
    return Predicate(clauses[0].name, condition, index, column=column)


def amount_test(column: str, clause: Clause) -> Sql:
    if clause.value == UNKNOWN:
        return Sql(f"{column} IS NULL")
    amounts, parts = range_of(clause), []
    if amounts.low is not None:
        parts.append(Sql(f"{column} {'>=' if amounts.has_low else '>'} %s", (amounts.low,)))
    if amounts.high is not None:
        parts.append(Sql(f"{column} {'<=' if amounts.has_high else '<'} %s", (amounts.high,)))
    return all_of(parts)


# Moments


def key_range_of(clause: Clause) -> KeyRange:
    """Returns the span of keys in which a clause on the time of creation holds."""
    if clause.name in SHORT_FOR:
        return key_range_of(Clause("created", clause.value, SHORT_FOR[clause.name]))
    if clause.ends is not None:
        low, high = clause.ends
        return key_range_from(low) & key_range_to(high)
    if clause.operator == ":":
        return key_range_from(clause.value) & key_range_to(clause.value)
    if clause.operator == "<":
        return KeyRange(high=key_from(checked_moment(clause.value)))
    if clause.operator == "<=":
        return key_range_to(clause.value)
    # Each the opposite of another, so later than a day is after its end.
    return KeyRange(low=key_range_to(clause.value).high) if clause.operator == ">" else key_range_from(clause.value)


def key_range_from(value: str) -> KeyRange:
    return KeyRange(low=key_from(checked_moment(value))) if value else KeyRange()


def key_range_to(value: str) -> KeyRange:
    """Spans keys up to and including the moment, or the whole of a day."""
    if not value:
        return KeyRange()
    moment = checked_moment(value)
    return KeyRange(high=key_from(end_of(value, moment)) if is_day(value) else key_after(moment))


def of_moments(clauses: Sequence[Clause]) -> Predicate:
    return Predicate(clauses[0].name, any_of([created_in(key_range_of(clause)) for clause in clauses]))


def created_in(key_range: KeyRange) -> Sql:
    return all_of(index_ranges.bounds("r.id", key_range) or [Sql("1 = 1")])


# Flags. The condition, and that of an index where there is one

HAS = {
    "tool_calls": ("r.tool_call_count > 0", "d.tool_call_count > 0"),
    "error": ("r.error_code <> ''", WITH_ERROR),
    "metadata": ("EXISTS (SELECT 1 FROM index_runmetadata m WHERE m.run_id = r.id)", ""),
    "cost": ("r.cost IS NOT NULL", ""),
    "steps": ("r.step_count > 0", ""),
}
IS = {  # statuses, and what `run_states` asks beside them
    "active": (run_states.ACTIVE, None),
    "ended": (run_states.ENDED, None),
    "waiting": ([run_states.WAITING], run_states.waiting_sql),
    "overdue": (run_states.ACTIVE, run_states.overdue_sql),
}


def of_has(word: str) -> Predicate:
    condition, indexed = HAS[word]
    return Predicate("has", Sql(condition), side_by_side([IndexRange(Sql(indexed))]) if indexed else NO_INDEX)


def of_is(word: str) -> Predicate:
    """Reads runs by status; what is asked beside it is tested."""
    statuses, more = IS[word]
    conditions = [one_of("r.status", statuses), *([Sql(*more(timezone.now()))] if more else [])]
    return Predicate("is", all_of(conditions), index_ranges.of_column("status", statuses), is_exact=more is None)


FLAG_PREDICATES: dict[str, Callable[[str], Predicate]] = {"has": of_has, "is": of_is}
