"""Says what a filter of threads means: predicates, each a condition on a thread `t` with index ranges for it.

A clause that a run would answer asks the thread's last run, by the meaning that `predicates` gives it. Words are looked
for in all runs of the thread and among the values of its metadata; metadata, sums and the time are the thread's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runsdash.index.models import Connection, Thread

from . import predicates
from .filter_names import AMOUNTS, MOMENTS, PAIRS, TEXT, Clause
from .filter_values import KeyRange
from .index_ranges import NO_INDEX, THREAD_METADATA_TABLE, IndexRanges, bounds, side_by_side, union_of
from .metadata_predicates import of_customer, of_pairs, of_thread_metadata
from .note_predicates import of_label, of_note
from .predicates import amount_test, clause_groups, connections_asked, either, keys_named, negated
from .run_filter import RunFilter
from .run_query import THREAD_SORTS, Predicate, RunQuery
from .sql_pieces import Param, Sql, all_of, any_of, each_row, one_of
from .subjects import RUNS, THREADS

MOST_LOOKED_UP = 4  # words
LONG_COUNT = 5_000  # entries that take longer to count than to ask PostgreSQL
FAR_MORE = 1.5  # times as many: what it expects is about right
LAST_RUN = THREAD_SORTS["last_run_at"]  # the key of the thread's last run: an order by it is one by time
FLAGS = {
    ("has", "metadata"): f"EXISTS (SELECT 1 FROM {THREAD_METADATA_TABLE} m WHERE m.thread_id = t.id)",
    ("has", "cost"): "t.cost IS NOT NULL",
    ("has", "runs"): f"t.{LAST_RUN} IS NOT NULL",
    ("has", "note"): "EXISTS (SELECT 1 FROM index_note m WHERE m.thread_id = t.id AND m.run_id IS NULL)",
    ("has", "label"): "EXISTS (SELECT 1 FROM index_label m WHERE m.thread_id = t.id AND m.run_id IS NULL)",
    ("is", "gone"): "t.is_gone",
}


OWN_VALUES = {"label": of_label, "note": of_note, "customer": of_customer}


@dataclass(frozen=True)
class ThreadsOfRuns(IndexRanges):
    """Holds the threads of the runs that `runs` has: those whose last run is there, or any. `also` has more threads.

    They are gathered, not scanned, since runs are in no order of their threads.
    """

    runs: IndexRanges = NO_INDEX
    is_last: bool = True
    also: IndexRanges | None = None

    def count(self, key_range: KeyRange, *, cap: int) -> int:
        """Counts entries to `cap` + 1; a thread counts once for each of its runs.

        PostgreSQL is asked before whether it expects far more, since to count them would take a tenth of a page's time.
        """
        if cap >= LONG_COUNT and self.runs.entries_expected() > cap * FAR_MORE:
            return cap + 1
        count = self.runs.count(KeyRange(), cap=cap)
        return count + self.also.count(key_range, cap=cap) if self.also and count <= cap else count

    def ids(self, *, key_range: KeyRange, count: int, is_descending: bool = True, tests: Sequence[Sql] = ()) -> Sql:
        """Returns a query for ids of threads, each once, of at most `count` runs and as many others."""
        runs = self.runs.ids(key_range=KeyRange(), count=count)
        if self.is_last:
            found = each_row(runs, THREADS.table, LAST_RUN)
            return Sql(f"SELECT r.id FROM {found.text}", found.params)
        found = each_row(runs, RUNS.table, "id")
        threads = [Sql(f"SELECT DISTINCT r.thread_id AS id FROM {found.text}", found.params)]
        if self.also:
            threads.append(self.also.ids(key_range=key_range, count=count))
        union = union_of(threads)
        return Sql(f"SELECT u.id FROM {union.text} u", union.params)


def query_of_threads(run_filter: RunFilter, connection: Connection | None = None) -> RunQuery:
    """Builds the query of a filter, of the threads of `connection` alone if given."""
    groups = [one for group in clause_groups(run_filter.clauses) for one in words_apart(group)]
    own = few_looked_up([thread_predicate_of(clauses) for clauses in groups])
    if (keys := connections_asked(connection)) is not None:
        own.append(of_connections(keys))
    return RunQuery(KeyRange(), tuple(own), THREADS)


def words_apart(group: list[Clause]) -> list[list[Clause]]:
    """Takes words one by one: each may be of another run."""
    return [[clause] for clause in group] if group[0].name == TEXT else [group]


def few_looked_up(found: Sequence[Predicate]) -> list[Predicate]:
    """Leaves the first words of a pasted sentence an index; the others are tested."""
    words = [one for one in found if one.name == TEXT][MOST_LOOKED_UP:]
    return [replace(one, index=NO_INDEX) if one in words else one for one in found]


def thread_predicate_of(clauses: Sequence[Clause]) -> Predicate:
    """Returns the meaning of a group of clauses that are answered together."""
    first, values = clauses[0], [clause.value for clause in clauses]
    if first.name == TEXT:
        predicate = of_word(first.value)
    elif first.name in PAIRS:
        predicate = of_thread_metadata(first.key, values, THREADS)
    elif first.name in AMOUNTS:
        predicate = of_amounts(clauses)
    elif first.name in MOMENTS:
        predicate = of_moments(clauses)
    elif first.name == "thread":
        predicate = of_threads(keys_named(Thread, values))
    elif first.name == "connection":
        predicate = of_connections(list(Connection.objects.filter(slug__in=values).values_list("pk", flat=True)))
    elif first.name in OWN_VALUES:
        predicate = OWN_VALUES[first.name](values, THREADS)
    elif first.name in THREADS.flags:
        predicate = either([of_flag(first.name, value) for value in values])
    else:
        predicate = of_last_run(predicates.VALUE_PREDICATES[first.name](values))
    return negated(predicate) if first.is_negated else predicate


def predicates_of_values(name: str, values: Sequence[str]) -> list[Predicate]:
    """Returns a predicate for each value alone."""
    return [thread_predicate_of([Clause(name, value)]) for value in values]


# Of its runs


def of_last_run(predicate: Predicate) -> Predicate:
    """Asks the last run of a thread what a predicate asks a run.

    The OFFSET keeps PostgreSQL from turning this into a join, before which it would look for words in every thread.
    """
    asked = predicate.condition
    found = f"SELECT 1 FROM index_run r WHERE r.id = t.{LAST_RUN} AND {asked.text} LIMIT 1 OFFSET 0"
    condition = Sql(f"EXISTS ({found})", asked.params)
    return Predicate(predicate.name, condition, threads_of(predicate.index), predicate.is_exact)


def of_word(value: str) -> Predicate:
    """Looks for words in a row in any run of the thread, and for metadata with this value."""
    words, values = predicates.of_words([value]), list(dict.fromkeys([value, value.upper(), value.lower()]))
    said = words.condition
    in_run = Sql(f"EXISTS (SELECT 1 FROM index_run r WHERE r.thread_id = t.id AND {said.text})", said.params)
    named = one_of("m.value", values)
    in_pair = Sql(
        f"EXISTS (SELECT 1 FROM {THREAD_METADATA_TABLE} m WHERE m.thread_id = t.id AND {named.text})", named.params
    )
    pairs = of_pairs([Sql("d.value = %s", (one,)) for one in values])
    return Predicate(TEXT, any_of([in_run, in_pair]), threads_of(words.index, is_last=False, also=pairs))


def threads_of(runs: IndexRanges, *, is_last: bool = True, also: IndexRanges | None = None) -> IndexRanges:
    if runs is NO_INDEX:
        return NO_INDEX
    return ThreadsOfRuns((), THREADS.table, column="", subject=THREADS, runs=runs, is_last=is_last, also=also)


# Of its own


def of_threads(keys: Sequence[int]) -> Predicate:
    wheres = tuple(Sql("d.id = %s", (key,)) for key in keys) or (Sql("1 = 0"),)
    ranges = IndexRanges(wheres, THREADS.table, subject=THREADS) if side_by_side(wheres) is not NO_INDEX else NO_INDEX
    return Predicate("thread", one_of("t.id", keys), ranges)


def of_connections(keys: Sequence[Param]) -> Predicate:
    """Tests threads: connections are few, so that each has many of them."""
    return Predicate("connection", one_of("t.connection_id", keys))


def of_amounts(clauses: Sequence[Clause]) -> Predicate:
    column = THREAD_SORTS[clauses[0].name]
    condition = any_of([amount_test(f"t.{column}", clause) for clause in clauses])
    return Predicate(
        clauses[0].name, condition, of_column([amount_test(f"d.{column}", one) for one in clauses], column)
    )


def of_moments(clauses: Sequence[Clause]) -> Predicate:
    """Asks when the last run was created: its key says so."""
    condition = any_of([last_run_in(clause, "t") for clause in clauses])
    return Predicate(clauses[0].name, condition, of_column([last_run_in(one, "d") for one in clauses], LAST_RUN))


def last_run_in(clause: Clause, row: str) -> Sql:
    return all_of(bounds(f"{row}.{LAST_RUN}", clause.key_range) or [Sql(f"{row}.{LAST_RUN} IS NOT NULL")])


def of_column(wheres: Sequence[Sql], column: str) -> IndexRanges:
    if side_by_side(wheres) is NO_INDEX:
        return NO_INDEX
    return IndexRanges(tuple(wheres), THREADS.table, column=column, subject=THREADS)


def of_flag(name: str, word: str) -> Predicate:
    own = FLAGS.get((name, word))
    return Predicate(name, Sql(own)) if own else of_last_run(predicates.FLAG_PREDICATES[name](word))
