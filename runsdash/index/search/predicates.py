"""Says what a filter of runs means: a span of keys and predicates, each a condition on a run `r` with index ranges.

Where a word of the filter language gets its meaning for runs, and where clauses are put together. `metadata_predicates`
knows metadata and customers, `note_predicates` labels and notes, both for threads too; what else differs for threads
stands in `thread_predicates`. Names of assistants, threads, runs and connections become keys here, by small indexed
queries. What is read is chosen in `plan`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from django.db.models import QuerySet, Value
from django.db.models.functions import Upper
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.fulltext.words import phrase_of
from runsdash.index.models import Assistant, Connection, Run, Thread
from runsdash.index.run_columns import LISTED
from runsdash.row_access import hidden

from . import index_ranges
from .filter_names import (
    AMOUNTS,
    COMPARISONS,
    METADATA,
    MOMENTS,
    PAIRS,
    SHORT_FOR,
    TEXT,
    THREAD_METADATA,
    UNKNOWN,
    Clause,
)
from .filter_values import KeyRange
from .index_ranges import NO_INDEX, either_of, side_by_side
from .metadata_predicates import ValueThreads, has_value, of_customer, of_metadata, of_thread_metadata, threads_named
from .note_predicates import of_label, of_note
from .run_filter import RunFilter
from .run_query import Predicate, RunQuery
from .sql_pieces import Param, Sql, all_of, any_of, holds_phrase, one_of, opposite

# Columns of index_run
VALUE_COLUMNS = {
    "status": "status", "model": "model", "assistant": "assistant_id", "thread": "thread_id", "run": "id",
    "connection": "connection_id", "error": "error_code",
}  # fmt: skip
WITH_ERROR = "NOT (d.error_code = '')"  # the condition of a partial index


def query_of_runs(run_filter: RunFilter, connection: Connection | None = None) -> RunQuery:
    """Builds the query of a filter, of the runs of `connection` alone if given."""
    key_range, groups = KeyRange(), []
    for clauses in clause_groups(run_filter.clauses):
        if is_span(clauses):
            key_range &= clauses[0].key_range
        else:
            groups.append(clauses)
    own = [predicate_of(clauses, is_whole_filter=len(groups) == 1) for clauses in groups]
    if (keys := connections_asked(connection)) is not None:
        own.append(of_values("connection", keys))
    return RunQuery(key_range, tuple(own))


def connections_asked(connection: Connection | None) -> list[int] | None:
    """Returns whose rows are asked for; None for all that there are.

    Somebody who does not see all asks for what they see: so a list finds the index of those connections. That nothing
    else is found does not depend on it, see runsdash/row_access.py.
    """
    if connection is not None:
        return [connection.pk] if hidden() or Connection.objects.exclude(pk=connection.pk).exists() else None
    return list(Connection.objects.values_list("pk", flat=True)) if hidden() else None


def clause_groups(clauses: Iterable[Clause]) -> list[list[Clause]]:
    """Groups clauses of a name and key that are answered together; each other clause is a group."""
    groups: dict[tuple[str, str, bool, int], list[Clause]] = {}
    for number, clause in enumerate(clauses):
        apart = number if holds_by_itself(clause) else -1
        groups.setdefault((clause.name, clause.key, clause.is_negated, apart), []).append(clause)
    return list(groups.values())


def holds_by_itself(clause: Clause) -> bool:
    """Must it hold by itself? Values mean "or", excluded ones "none of them"; words are looked up together."""
    if clause.is_negated:
        return clause.name not in VALUE_PREDICATES and clause.name not in PAIRS
    return clause.operator in COMPARISONS or clause.name in SHORT_FOR


def is_span(clauses: Sequence[Clause]) -> bool:
    """Is it one span of time? Several times mean "or", which no single span is."""
    return clauses[0].name in MOMENTS and len(clauses) == 1 and not clauses[0].is_negated


def predicate_of(clauses: list[Clause], *, is_whole_filter: bool) -> Predicate:
    """Returns the meaning of a group of clauses; `is_whole_filter`: it asks for nothing else."""
    first, values = clauses[0], [clause.value for clause in clauses]
    if is_whole_filter and first.name == "status" and first.is_negated:
        return of_other_statuses(values)
    if first.name == TEXT:
        predicate = of_texts(values)
    elif first.name == METADATA:
        predicate = of_metadata(first.key, values)
    elif first.name == THREAD_METADATA:
        predicate = of_thread_metadata(first.key, values)
    elif first.name in AMOUNTS:
        predicate = of_amounts(clauses)
    elif first.name in MOMENTS:
        predicate = of_moments(clauses)
    elif first.name in FLAG_PREDICATES:
        predicate = either([FLAG_PREDICATES[first.name](value) for value in values])
    else:
        predicate = VALUE_PREDICATES[first.name](values)
    return negated(predicate) if first.is_negated else predicate


def predicates_of_values(name: str, values: Sequence[str]) -> list[Predicate]:
    """Returns a predicate for each value alone. Names of assistants are rare, so all are looked up at once."""
    if name == "assistant" and not assistants_named(values).exists():
        return [of_values("assistant", [value]) for value in values]
    return [VALUE_PREDICATES[name]([value]) for value in values]


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
    return Predicate("other statuses", opposite(one_of("r.status", values)), index, has_costly_index=True)


def of_assistant(values: Sequence[str]) -> Predicate:
    """Takes ids and names, whatever their case. A name means who is called so by the run's own connection."""
    named = list(assistants_named(values).values_list("connection_id", "upstream_id")[: index_ranges.MAX_RANGES])
    every = of_values("assistant", list(dict.fromkeys([*values, *(upstream_id for _, upstream_id in named)])))
    if not named or Connection.objects.count() < 2:
        return every
    by_name = [Sql("r.connection_id = %s AND r.assistant_id = %s", pair) for pair in named]
    return replace(every, condition=any_of([one_of("r.assistant_id", values), *by_name]), is_exact=False)


def assistants_named(names: Sequence[str]) -> QuerySet[Assistant]:
    return Assistant.objects.alias(upper=Upper("name")).filter(upper__in=[Upper(Value(name)) for name in names])


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
    ranges = [Sql("d.name = %s", (name,)) for name in values]
    return Predicate("tool", used, side_by_side(ranges, index_ranges.TOOLS_TABLE, "run_id"))


VALUE_PREDICATES: dict[str, Callable[[Sequence[str]], Predicate]] = {
    "status": partial(of_values, "status"), "model": partial(of_values, "model"), "assistant": of_assistant,
    "thread": of_thread, "run": of_run, "connection": of_connection, "error": partial(of_values, "error"),
    "tool": of_tool, "label": of_label, "note": of_note, "customer": of_customer,
}  # fmt: skip


def of_texts(values: Sequence[str]) -> Predicate:
    """Asks for words of the run; one that is a value of its thread's metadata is found there, too."""
    phrases = {value: phrase_of(value) for value in dict.fromkeys(values)}
    named = threads_named(list(phrases))
    plain = [value for value in phrases if value not in named]
    parts = [word_or_value(value, found) for value, found in named.items()]  # the rarer ones, as a rule
    parts += [of_words(plain)] if plain else []
    if len(parts) == 1:
        return parts[0]
    index = next((one.index for one in parts if one.index is not NO_INDEX), NO_INDEX)
    return Predicate(TEXT, all_of([one.condition for one in parts]), index, is_exact=False)


def word_or_value(word: str, found: ValueThreads) -> Predicate:
    said, named = of_words([word]), has_value(found)
    return Predicate(TEXT, any_of([said.condition, named.condition]), either_of(said.index, named.index))


def of_words(values: Sequence[str]) -> Predicate:
    phrases = list(dict.fromkeys(phrase_of(value) for value in values))
    return Predicate(TEXT, all_of([holds_phrase(phrase) for phrase in phrases]), index_ranges.of_words(phrases))


# Amounts


def of_amounts(clauses: Sequence[Clause]) -> Predicate:
    """Takes one comparison, or several values and ranges of which one has to hold."""
    column = LISTED[clauses[0].name].name
    condition = any_of([amount_test(f"r.{column}", clause) for clause in clauses])
    index = side_by_side([amount_test(f"d.{column}", clause) for clause in clauses], column=column)
    return Predicate(clauses[0].name, condition, index)


def amount_test(column: str, clause: Clause) -> Sql:
    if clause.value == UNKNOWN:
        return Sql(f"{column} IS NULL")
    return all_of([Sql(f"{column} {sign} %s", (number,)) for sign, number in clause.limits])


# Moments


def of_moments(clauses: Sequence[Clause]) -> Predicate:
    return Predicate(clauses[0].name, any_of([created_in(clause.key_range) for clause in clauses]))


def created_in(key_range: KeyRange) -> Sql:
    return all_of(index_ranges.bounds("r.id", key_range) or [Sql("1 = 1")])


# Flags. The condition, and that of an index where there is one

HAS = {
    "tool_calls": ("r.tool_call_count > 0", "d.tool_call_count > 0"),
    "error": ("r.error_code <> ''", WITH_ERROR),
    "metadata": ("EXISTS (SELECT 1 FROM index_runmetadata m WHERE m.run_id = r.id)", ""),
    "cost": ("r.cost IS NOT NULL", ""),
    "steps": ("r.step_count > 0", ""),
    "note": ("EXISTS (SELECT 1 FROM index_note m WHERE m.run_id = r.id)", ""),
    "label": ("EXISTS (SELECT 1 FROM index_label m WHERE m.run_id = r.id AND m.run_id IS NOT NULL)", ""),
}
IS = {  # statuses, and what `run_states` asks beside them
    "active": (run_states.ACTIVE, None),
    "ended": (run_states.ENDED, None),
    "waiting": ([run_states.WAITING], run_states.waiting_sql),
    "overdue": (run_states.ACTIVE, run_states.overdue_sql),
}


def of_has(word: str) -> Predicate:
    condition, indexed = HAS[word]
    return Predicate("has", Sql(condition), side_by_side([Sql(indexed)]) if indexed else NO_INDEX)


def of_is(word: str) -> Predicate:
    """Reads runs by status; what is asked beside it is tested."""
    statuses, more = IS[word]
    conditions = [one_of("r.status", statuses), *([Sql(*more(timezone.now()))] if more else [])]
    return Predicate("is", all_of(conditions), index_ranges.of_column("status", statuses), is_exact=more is None)


FLAG_PREDICATES: dict[str, Callable[[str], Predicate]] = {"has": of_has, "is": of_is}
