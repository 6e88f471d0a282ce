"""Suggests what may come next in a filter: names of clauses, and values that the index has.

Owns the end of a filter that is being typed. Each suggestion is read from an index by a few seeks.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from runsdash.index.models import Assistant, Connection
from runsdash.service.statuses import RunStatus

from .filter_grammar import PLAIN_KEY, clauses_of, quoted, text_of
from .filter_names import AMOUNT_EXAMPLES, AMOUNTS, CUSTOMER, METADATA, PAIRS, THREAD_METADATA, Clause, FilterError
from .index_ranges import distinct_values
from .metadata_predicates import customer_keys
from .sql_pieces import Sql
from .subjects import RUNS, Subject
from .values_of_connection import values_of_connection

ValueLookup = Callable[[str, Connection | None], list[tuple[str, str]]]  # values and notes on them, by how they begin
SHOWN = 10
CONNECTION = "connection"
MOST_TRIED = 40  # values in the index, of which a chosen connection may have none
KINDS = ("NOT NULL", "NULL")  # the two partial indexes of labels
LAST_PART = re.compile(r'(?:^|\s)(-?)((?:[^\s"]|"(?:[^"\\]|\\.)*"?)*)$')
TABLES = {METADATA: "index_runmetadata", THREAD_METADATA: "index_threadmetadata"}
KEY = re.compile(
    r'(?P<name>(?:thread\.)?metadata)\.(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"=:]*))[=:]"?(?P<value>.*?)"?$', re.DOTALL
)
MEANINGS = {
    "status": "failed, completed …", "model": "gpt-4o", "assistant": "name or id", "thread": "id", "run": "id",
    "connection": "name", "error": "code", "tool": "name of a function", "has": "tool_calls, error …",
    "label": "as given here", "note": "words of a note", "customer": "of the thread",
    "is": "active, waiting …", "created": "created>-7d", "active": "active>-7d", "since": "24h", "until": "2026-11-23",
    **{name: f"{name}>{small}" for name, (small, _) in AMOUNT_EXAMPLES.items()},
}  # fmt: skip


@dataclass(frozen=True)
class Suggestion:
    """Holds the whole filter with it as `text`, the clause alone as `label`, and a word on it as `note`."""

    text: str
    label: str
    note: str = ""
    is_whole: bool = True  # as a clause


def suggestions(typed: str, subject: Subject = RUNS, connection: Connection | None = None) -> list[Suggestion]:
    """Suggests what may stand at the end of a filter that is being typed.

    Of what one connection has: `connection`, if given, else the one that the filter asks for.
    """
    part = LAST_PART.search(typed)
    if part is None:
        return []
    before, sign, last = typed[: part.start(1)], part[1], part[2]
    if connection is None and not last.startswith(f"{CONNECTION}:"):  # which may name one more
        connection = connection_asked_for(before, subject)
    most = SHOWN if last else len(subject.names) + len(PAIRS)
    shown = list(suggested_values(last, subject, connection) or suggested_names(last, subject, connection))[:most]
    return [
        Suggestion(f"{before}{sign}{one.text}{' ' if one.is_whole else ''}", sign + one.label, one.note, one.is_whole)
        for one in shown
    ]


def connection_asked_for(text: str, subject: Subject) -> Connection | None:
    """Returns the only connection that a filter asks for; None where it asks for none, or several."""
    try:
        clauses = clauses_of(text, subject)
    except FilterError:
        return None
    slugs = {one.value for one in clauses if one.name == CONNECTION and not one.is_negated}
    return Connection.objects.filter(slug=slugs.pop()).first() if len(slugs) == 1 else None


# Names


def suggested_names(typed: str, subject: Subject, connection: Connection | None) -> Iterable[Suggestion]:
    pairs = next((name for name in PAIRS if typed.startswith(f"{name}.")), "")
    if pairs:
        prefix = typed.removeprefix(f"{pairs}.").strip('"')
        for key in in_index(pairs_table(pairs, subject), "key", prefix=prefix, connection=connection):
            start = f"{pairs}.{key if PLAIN_KEY.fullmatch(key) else quoted(key)}="
            yield Suggestion(start, start, "value", is_whole=False)
        return
    for name in subject.names:
        if name.startswith(typed) and (name != CUSTOMER or customer_keys()):
            start = name + (">" if name in AMOUNTS or name == subject.moments[0] else ":")
            yield Suggestion(start, start, MEANINGS[name], is_whole=False)
    for name in PAIRS:
        if name.startswith(typed):
            yield Suggestion(f"{name}.", f"{name}.", "key=value", is_whole=False)


# Values


def pairs_table(name: str, subject: Subject) -> str:
    """Returns the table of metadata that a name means: of threads, in a filter of threads always."""
    return TABLES[name] if subject is RUNS else TABLES[THREAD_METADATA]


def in_index(
    table: str, column: str, *, prefix: str, where: Sql | None = None, connection: Connection | None = None
) -> list[str]:
    """Lists values in order, but the empty one, which nobody would look for; those that `connection` has, if given."""
    count = SHOWN + 1 if connection is None else MOST_TRIED
    found = [value for value in distinct_values(table, column, prefix=prefix, where=where, count=count) if value]
    if connection is not None:
        found = values_of_connection(table, column, found, connection, where=where)
    return found[:SHOWN]


def suggested_values(typed: str, subject: Subject, connection: Connection | None) -> list[Suggestion]:
    pair = KEY.fullmatch(typed)
    if pair is not None:
        key = pair["quoted"] if pair["quoted"] is not None else pair["plain"]
        table = pairs_table(pair["name"], subject)
        own_key = Sql("d.key = %s", (key,))
        values = in_index(table, "value", prefix=pair["value"], where=own_key, connection=connection)
        return [suggested(Clause(pair["name"], value, "=", key)) for value in values]
    name, colon, value = typed.partition(":")
    if not colon or name not in subject.names:
        return []
    if name in subject.flags:
        return [suggested(Clause(name, word)) for word in subject.flags[name] if word.startswith(value)]
    if name not in VALUE_LOOKUPS:
        return []
    return [suggested(Clause(name, one), note) for one, note in VALUE_LOOKUPS[name](value.strip('"'), connection)]


def suggested(clause: Clause, note: str = "") -> Suggestion:
    return Suggestion(text_of(clause), text_of(clause), note)


def statuses(prefix: str, connection: Connection | None) -> list[tuple[str, str]]:
    return [(one.value, one.label) for one in RunStatus if one.value.startswith(prefix)]


def values_in_column(table: str, name: str, condition: str = "") -> ValueLookup:
    where = Sql(condition) if condition else None

    def read(prefix: str, connection: Connection | None) -> list[tuple[str, str]]:
        return [(value, "") for value in in_index(table, name, prefix=prefix, where=where, connection=connection)]

    return read


def assistants(prefix: str, connection: Connection | None) -> list[tuple[str, str]]:
    """Looks for a part of the name, or the start of the id. The table holds one row an assistant."""
    within = Assistant.objects.filter(**{"connection": connection} if connection else {})
    named = within.filter(name__icontains=prefix).exclude(name="").order_by("name")
    pairs = list(named.values_list("name", "upstream_id")[:SHOWN])
    return pairs or values_in_column("index_run", "assistant_id")(prefix, connection)


def connections(prefix: str, connection: Connection | None) -> list[tuple[str, str]]:
    rows = Connection.objects.filter(slug__startswith=prefix, **{"pk": connection.pk} if connection else {})
    return list(rows.values_list("slug", "name")[:SHOWN])


def labels(prefix: str, connection: Connection | None) -> list[tuple[str, str]]:
    """Finds labels of runs and of threads."""
    of_both = [values_in_column("index_label", "name", f"d.run_id IS {kind}")(prefix, connection) for kind in KINDS]
    return sorted({one for found in of_both for one in found})[:SHOWN]


def customers(prefix: str, connection: Connection | None) -> list[tuple[str, str]]:
    table, keys = TABLES[THREAD_METADATA], [Sql("d.key = %s", (key,)) for key in customer_keys()]
    found = {one for key in keys for one in in_index(table, "value", prefix=prefix, where=key, connection=connection)}
    return [(value, "") for value in sorted(found)[:SHOWN]]


VALUE_LOOKUPS: dict[str, ValueLookup] = {
    "status": statuses,
    "model": values_in_column("index_run", "model"),
    "assistant": assistants,
    "connection": connections,
    "error": values_in_column("index_run", "error_code", "NOT (d.error_code = '')"),
    "tool": values_in_column("index_runtool", "name"),
    "label": labels,
    "customer": customers,
}
