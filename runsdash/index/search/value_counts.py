"""Counts the runs of each status, model, assistant, error, tool and the like: of given ids, or of a whole query.

The runs of a query are scanned newest first, each chunk counted by the database in one statement; what sums of hours
know is added up from them. Owns the statements that group runs by value; which values are shown, and which counts are
exact, is decided in `facets`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from runsdash.index.models import Connection
from runsdash.index.totals.narrowing import COLUMN_OF

from .index_ranges import THREAD_METADATA_TABLE, WORDS_TABLE
from .plan import Plan, plan_for
from .run_filter import RunFilter
from .run_query import Position, RunOrder, RunQuery
from .scans import KeyScan
from .sql_pieces import Sql, TookTooLong, each_row, each_run, fetched, is_postgresql, listed_ids, stopped_after
from .subjects import RUNS, THREADS, Subject
from .summed_runs import Sums, narrowing_in_sums
from .time_budget import TimeBudget

COLUMNS = {
    "status": "r.status", "model": "r.model", "assistant": "r.assistant_id", "error": "r.error_code",
    "connection": "c.slug",
}  # fmt: skip
NAMES = ("status", "model", "assistant", "customer", "error", "tool", "label", "connection")
BESIDE = ("customer", "tool", "label")
ValueCounts = dict[str, Counter[str]]  # runs by value, for each of NAMES


class CountResult(NamedTuple):
    """Holds counts, and whether they are of all runs."""

    counts: ValueCounts
    is_complete: bool


def value_counts_of(ids: Sql, names: set[str], subject: Subject = RUNS) -> ValueCounts:
    """Counts the rows of the query `ids` by value, for each of `names`: threads by the values of their last run."""
    own, ids = ids, ids if subject is RUNS else last_runs_of(ids)
    counts = no_value_counts()
    in_run = [name for name in COLUMNS if name in names]
    if in_run:
        columns = ", ".join(COLUMNS[name] for name in in_run)
        slugs = " JOIN index_connection c ON c.id = r.connection_id" if "connection" in in_run else ""
        rows = each_run(ids)
        text = f"SELECT {columns}, COUNT(*) FROM {rows.text}{slugs} GROUP BY {columns}"
        for *values, number in fetched(Sql(text, rows.params)):
            for name, value in zip(in_run, values, strict=True):
                counts[name][value] += number
    beside = [values_beside(name, own, ids, subject) for name in BESIDE if name in names]
    if beside:
        text = " UNION ALL ".join(one.text for one in beside)
        for name, value, number in fetched(Sql(text, tuple(param for one in beside for param in one.params))):
            counts[name][value] = number
    return counts


def values_beside(name: str, own: Sql, run_ids: Sql, subject: Subject) -> Sql:
    """Counts what stands in tables of its own: tools of runs, labels of the rows themselves, customers of threads."""
    key = "run_id" if subject is RUNS else "thread_id"
    if name == "customer":
        rows, value = each_row(own, subject.table, "id"), "m.value"
        thread = "r.thread_id" if subject is RUNS else "r.id"
        more = " JOIN index_connection c ON c.id = r.connection_id AND c.customer_key <> ''"
        more += f" JOIN {THREAD_METADATA_TABLE} m ON m.thread_id = {thread} AND m.key = c.customer_key"
    elif name == "label":
        rows, value = each_row(own, "index_label", key), "r.name"
        more = "" if subject is RUNS else " WHERE r.run_id IS NULL"
    else:
        rows, value, more = each_row(run_ids, "index_runtool", "run_id"), "r.name", ""
    return Sql(f"SELECT '{name}', {value}, COUNT(*) FROM {rows.text}{more} GROUP BY {value}", rows.params)


def last_runs_of(ids: Sql) -> Sql:
    rows = each_row(ids, THREADS.table, "id")
    return Sql(f"SELECT r.last_run_id AS id FROM {rows.text} WHERE r.last_run_id IS NOT NULL", rows.params)


def no_value_counts() -> ValueCounts:
    return {name: Counter() for name in NAMES}


def add(part: ValueCounts, names: set[str], *, to: ValueCounts) -> None:
    for name in names:
        to[name].update(part[name])


def counts_of_sums(
    run_filter: RunFilter, connection: Connection | None, names: Sequence[str], sums: Sums
) -> ValueCounts:
    """Counts a filter's runs by those of `names` that sums know: by none where they do not know the filter."""
    columns = {name: COLUMN_OF[name] for name in names if name in COLUMN_OF}
    wanted = narrowing_in_sums(run_filter, connection) if columns else None
    there = None if wanted is None else sums()
    if there is None or wanted is None:
        return {}
    counts: ValueCounts = {name: Counter() for name in columns}
    slugs = dict(Connection.objects.values_list("pk", "slug")) if "connection" in columns else {}
    for fact in there.wanted_facts(wanted):
        for name, column in columns.items():
            value = slugs.get(fact.connection_id, "") if name == "connection" else getattr(fact, column)
            counts[name][value] += fact.runs
    return counts


def value_counts_in_time(
    portions: Iterable[tuple[Sequence[int], bool]], names: set[str], subject: Subject, *, size: int, budget: TimeBudget
) -> CountResult:
    """Counts the first `size` ids in any case, and as many more at a time while time is left.

    `portions`: ids, and whether they are the last. None is asked for that there is no time to count.
    """
    total, has_time = no_value_counts(), True
    for ids, is_last in portions:
        for first in range(0, len(ids), size):
            if not has_time:
                return CountResult(total, False)
            began = monotonic()
            add(value_counts_of(listed_ids(ids[first : first + size]), names, subject), names, to=total)
            has_time = budget.next_chunk(size, monotonic() - began) > 0
        if is_last or not has_time:
            return CountResult(total, is_last)
    return CountResult(total, False)


def value_counts_by_walking(
    run_query: RunQuery, names: set[str], *, budget: TimeBudget, open_names: Callable[[ValueCounts], set[str]]
) -> CountResult:
    """Counts chunk by chunk until all runs are counted, no name is open, or time is over.

    `open_names` says of the counts so far which names are still open; the others are counted no further.
    """
    budget = budget.started()
    plan = plan_for(run_query, RunOrder(), None, budget)
    total = no_value_counts()
    reads_runs = plan.gathered is None and bool(plan.tests)
    for ids, is_last, _ in chunks(plan, budget):
        try:
            with stopped_after(max(0.001, budget.left_s)):
                part = value_counts_of(read_once(ids) if reads_runs else ids, names, run_query.subject)
        except TookTooLong:
            break
        add(part, names, to=total)
        names = open_names(total)
        if is_last or not names:
            return CountResult(total, is_last)
    return CountResult(total, False)


def read_once(ids: Sql) -> Sql:
    """Reads ids for which each run is looked at, since two statements count them."""
    return listed_ids([key for (key,) in fetched(ids)])


def chunks(
    plan: Plan, budget: TimeBudget, start: Position | None = None
) -> Iterator[tuple[Sql, bool, Position | None]]:
    """Yields queries for the ids that pass behind `start`, whether it is the last, and where it ends.

    Measures what comes in between.
    """
    if plan.gathered is not None:
        positions = plan.gathered_positions(plan.gathered, start, count=budget.gathered, cap=budget.gathered)
        yield listed_ids([position.key for position in positions]), True, positions[-1] if positions else start
        return
    (scan,) = (scan for scan in plan.scans if isinstance(scan, KeyScan))  # as every plan by time has it
    position = start
    size = max(budget.first_chunk, scan.least_chunk)
    while size:
        began = monotonic()
        ids, seen, last = chunk_ids(scan, position, plan.tests, size)
        yield ids, seen < size, last
        if seen < size:
            return
        position, size = last, budget.next_chunk(size, monotonic() - began)


def chunk_ids(
    scan: KeyScan, position: Position | None, tests: Sequence[Sql], size: int
) -> tuple[Sql, int, Position | None]:
    """Returns a query for what passes of the next `size` entries, how many entries there are, and where they end."""
    if not tests and looks_into_texts(scan):
        positions = scan.matches(position, None, tests=(), count=size)
        ids = listed_ids([position.key for position in positions])
        return ids, len(positions), positions[-1] if positions else None
    seen, last = scan.chunk(position, size)
    return scan.matching_ids(position, last, tests=tests, count=size), seen, last


def looks_into_texts(scan: KeyScan) -> bool:
    """PostgreSQL does for words: the ids of such a range are not just read from an index."""
    return is_postgresql() and scan.index.table == WORDS_TABLE
