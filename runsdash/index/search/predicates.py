"""Clauses as conditions on a run `r`, each with the source that can be read instead of testing every run.

Names of assistants, threads, runs and connections are resolved to keys here, by small indexed queries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.db.models import Q, QuerySet
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.fulltext.words import phrase_of
from runsdash.index.models import Assistant, Connection, Run, Thread

from . import index_ranges
from .filter_names import COMPARISONS, SHORT_FOR, UNKNOWN
from .filter_values import (
    KeyRange,
    Range,
    end_of,
    is_day,
    key_after,
    key_from,
    moment_of,
)
from .index_ranges import IndexRange, IndexRanges
from .run_filter import AMOUNTS, METADATA, TEXT, Clause
from .sql import Sql, all_of, any_of, holds_phrase, one_of, opposite

AMOUNT_COLUMNS = {
    "duration": "duration_s", "queue": "queue_s", "tokens": "total_tokens", "cost": "cost", "steps": "step_count",
}  # fmt: skip
WITH_ERROR = " AND NOT (d.error_code = '')"


@dataclass(frozen=True)
class Predicate:
    """Clauses that are answered together. `source` holds every run that fits; only those, when it `is_exact`.

    `only_alone`: to bring its many ranges together costs more than to test runs that another clause finds, or all.
    """

    name: str
    condition: Sql
    source: IndexRanges | None = None
    is_exact: bool = True
    only_alone: bool = False
    column: str = ""  # of index_run, when it compares one


def negated(group: Predicate) -> Predicate:
    return replace(group, condition=opposite(group.condition), source=None)


# Values


def of_other_statuses(values: Sequence[str]) -> Predicate:
    """Few runs have not completed: they are read, rather than all of them tested."""
    source = index_ranges.of_other_values("status", values)
    return Predicate("other statuses", opposite(one_of("r.status", values)), source, only_alone=True)


def of_status(values: Sequence[str]) -> Predicate:
    return Predicate("status", one_of("r.status", values), index_ranges.of_column("status", values))


def of_model(values: Sequence[str]) -> Predicate:
    return Predicate("model", one_of("r.model", values), index_ranges.of_column("model", values))


def of_assistant(values: Sequence[str]) -> Predicate:
    """By id or by name, whatever its case."""
    ids = assistants_named(values).values_list("upstream_id", flat=True)[: index_ranges.MAX_RANGES]
    return of_assistant_ids(list(dict.fromkeys([*values, *ids])))


def assistants_named(names: Sequence[str]) -> QuerySet[Assistant]:
    named = Q()
    for name in names:
        named |= Q(name__iexact=name)
    return Assistant.objects.filter(named)


def of_assistant_ids(ids: Sequence[str]) -> Predicate:
    return Predicate("assistant", one_of("r.assistant_id", ids), index_ranges.of_column("assistant_id", ids))


def of_error(values: Sequence[str]) -> Predicate:
    source = index_ranges.of_column("error_code", values, extra=WITH_ERROR)
    return Predicate("error", one_of("r.error_code", values), source)


def of_thread(values: Sequence[str]) -> Predicate:
    found = list(named(Thread, values))
    return Predicate("thread", one_of("r.thread_id", found), index_ranges.of_column("thread_id", found))


def of_run(values: Sequence[str]) -> Predicate:
    found = list(named(Run, values))
    return Predicate("run", one_of("r.id", found), index_ranges.of_column("id", found))


def named(model: type[Thread] | type[Run], ids: Sequence[str]) -> Sequence[int]:
    """With the connections spelled out, since upstream ids are only indexed together with one."""
    known = list(Connection.objects.values_list("pk", flat=True))
    return model.objects.filter(connection__in=known, upstream_id__in=ids).values_list("pk", flat=True)


def of_connection(values: Sequence[str]) -> Predicate:
    return of_connection_keys(list(Connection.objects.filter(slug__in=values).values_list("pk", flat=True)))


def of_connection_keys(found: Sequence[int]) -> Predicate:
    return Predicate("connection", one_of("r.connection_id", found), index_ranges.of_column("connection_id", found))


def of_tool(values: Sequence[str]) -> Predicate:
    name = one_of("t.name", values)
    used = Sql(f"EXISTS (SELECT 1 FROM index_runtool t WHERE t.run_id = r.id AND {name.text})", name.params)
    return Predicate("tool", used, index_ranges.of_tools(values))


VALUE_PREDICATES: dict[str, Callable[[Sequence[str]], Predicate]] = {
    "status": of_status, "model": of_model, "assistant": of_assistant, "thread": of_thread, "run": of_run,
    "connection": of_connection, "error": of_error, "tool": of_tool,
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
    return Predicate(TEXT, all_of(holds_phrase(phrase) for phrase in phrases), index_ranges.of_words(phrases))


# Amounts


def range_of(clause: Clause) -> Range:
    read = AMOUNTS[clause.name]
    if clause.ends is not None:
        low, high = clause.ends
        return Range(read(low) if low else None, read(high) if high else None)
    value = read(clause.value)
    if clause.operator not in COMPARISONS:
        return Range(value, value)
    is_low, holds_end = clause.operator.startswith(">"), clause.operator.endswith("=")
    return Range(low=value, has_low=holds_end) if is_low else Range(high=value, has_high=holds_end)


def of_amounts(clauses: Sequence[Clause]) -> Predicate:
    """One comparison, or several values and ranges of which one has to hold."""
    column = AMOUNT_COLUMNS[clauses[0].name]
    tests = [amount_test(f"r.{column}", clause) for clause in clauses]
    ranges = [IndexRange(amount_test(f"d.{column}", clause), column=column) for clause in clauses]
    source = (
        replace(index_ranges.ranges_of(ranges), is_ordered=False) if len(ranges) <= index_ranges.MAX_RANGES else None
    )
    return Predicate(clauses[0].name, any_of(tests), source, column=column)


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
    """The span of keys in which a clause on the time of creation holds."""
    if clause.name in SHORT_FOR:
        return key_range_of(Clause("created", clause.value, SHORT_FOR[clause.name]))
    if clause.ends is not None:
        low, high = clause.ends
        return key_range_from(low) & key_range_to(high)
    if clause.operator == ":":
        return key_range_from(clause.value) & key_range_to(clause.value)
    if clause.operator == "<":
        return KeyRange(high=key_from(moment_of(clause.value)))
    if clause.operator == "<=":
        return key_range_to(clause.value)
    # Each the opposite of another, so later than a day is after its end.
    return KeyRange(low=key_range_to(clause.value).high) if clause.operator == ">" else key_range_from(clause.value)


def key_range_from(value: str) -> KeyRange:
    return KeyRange(low=key_from(moment_of(value))) if value else KeyRange()


def key_range_to(value: str) -> KeyRange:
    """Up to and including the moment, or the whole of a day."""
    if not value:
        return KeyRange()
    moment = moment_of(value)
    return KeyRange(high=key_from(end_of(value, moment)) if is_day(value) else key_after(moment))


def of_moments(clauses: Sequence[Clause]) -> Predicate:
    tests = [all_of(index_ranges.bounds("r.id", key_range_of(clause))) or Sql("1 = 1") for clause in clauses]
    return Predicate(clauses[0].name, any_of(tests))


# Flags


def of_flag(name: str, word: str) -> Predicate:
    return {"has": has, "is": is_}[name](word)


def has(word: str) -> Predicate:
    if word == "tool_calls":
        index_range = IndexRange(Sql("d.tool_call_count > 0"))
        return Predicate("has", Sql("r.tool_call_count > 0"), IndexRanges((index_range,)))
    if word == "error":
        return Predicate("has", Sql("r.error_code <> ''"), IndexRanges((IndexRange(Sql("NOT (d.error_code = '')")),)))
    if word == "metadata":
        return Predicate("has", Sql("EXISTS (SELECT 1 FROM index_runmetadata m WHERE m.run_id = r.id)"))
    return Predicate("has", Sql({"cost": "r.cost IS NOT NULL", "steps": "r.step_count > 0"}[word]))


def is_(word: str) -> Predicate:
    statuses = {
        "active": run_states.ACTIVE,
        "ended": run_states.ENDED,
        "waiting": [run_states.WAITING],
        "overdue": run_states.ACTIVE,
    }[word]
    parts = [one_of("r.status", statuses)]
    more = {"waiting": run_states.waiting_sql, "overdue": run_states.overdue_sql}.get(word)
    if more is not None:
        parts.append(Sql(*more(timezone.now())))
    return Predicate("is", all_of(parts), index_ranges.of_column("status", statuses), is_exact=more is None)
