"""Says what clauses on metadata mean: a pair of a run or its thread, and `customer:`, of runs and of threads.

A customer is the value that a thread has under the key that an administrator named for its connection.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from runsdash.index.models import Connection

from . import index_ranges
from .filter_names import CUSTOMER, METADATA, THREAD_METADATA
from .index_ranges import NO_INDEX, IndexRanges, side_by_side
from .run_query import Predicate
from .sql_pieces import Param, Sql, all_of, any_of, fetched, one_of
from .subjects import RUNS, THREADS, Subject

TABLE = index_ranges.THREAD_METADATA_TABLE
MOST_NAMED = 20  # words that are looked up among values; the others are looked for in texts alone


class ValueThreads(NamedTuple):
    """Holds the spellings of a word that are looked for as a value, and threads that have one; `are_all`: no others."""

    spellings: list[str]
    keys: list[int]
    are_all: bool


def pair(row: str, key: str, values: Sequence[str]) -> Sql:
    """Returns the condition of a pair's row, cut as `snapshots/rows.py` cuts it."""
    return all_of([Sql(f"{row}.key = %s", (key[:64],)), one_of(f"{row}.value", [value[:512] for value in values])])


def held(by: str, table: str, row: Sql) -> Sql:
    return Sql(f"EXISTS (SELECT 1 FROM {table} m WHERE {by} AND {row.text})", row.params)


def of_metadata(key: str, values: Sequence[str]) -> Predicate:
    has_pair = held("m.run_id = r.id", index_ranges.RUN_METADATA_TABLE, pair("m", key, values))
    ranges = [pair("d", key, [value]) for value in values]
    return Predicate(METADATA, has_pair, side_by_side(ranges, index_ranges.RUN_METADATA_TABLE, "run_id"))


def of_thread_metadata(key: str, values: Sequence[str], subject: Subject = RUNS) -> Predicate:
    has_pair = held(f"m.thread_id = {thread_of(subject)}", TABLE, pair("m", key, values))
    if subject is RUNS:
        return Predicate(THREAD_METADATA, has_pair, index_ranges.of_threads_with(pair("d", key, values)))
    return Predicate(METADATA, has_pair, of_pairs([pair("d", key, [value]) for value in values]))


def of_pairs(wheres: Sequence[Sql]) -> IndexRanges:
    """Finds threads with one of the pairs."""
    ranges = side_by_side(wheres, TABLE, "thread_id")
    return ranges if ranges is NO_INDEX else replace(ranges, subject=THREADS)


def thread_of(subject: Subject) -> str:
    return "r.thread_id" if subject is RUNS else "t.id"


# Customers


def customer_keys() -> dict[str, list[int]]:
    """Returns the connections that name a key, by that key."""
    found: dict[str, list[int]] = {}
    for pk, key in Connection.objects.exclude(customer_key="").values_list("pk", "customer_key"):
        found.setdefault(key, []).append(pk)
    return found


def of_customer(values: Sequence[str], subject: Subject = RUNS) -> Predicate:
    """Asks each connection's threads for the key that it names. Where none names one there are no customers."""
    keys, thread, own = customer_keys(), thread_of(subject), f"{subject.row}.connection_id"
    conditions = [
        all_of([one_of(own, pks), held(f"m.thread_id = {thread}", TABLE, pair("m", key, values))])
        for key, pks in keys.items()
    ]
    if not conditions:
        return Predicate(CUSTOMER, Sql("1 = 0"))
    pairs = [pair("d", key, [value]) for key in keys for value in values]
    index = index_ranges.of_threads_with(any_of(pairs)) if subject is RUNS else of_pairs(pairs)
    return Predicate(CUSTOMER, any_of(conditions), index, is_exact=False)


# Words that are values


def threads_named(words: Sequence[str]) -> dict[str, ValueThreads]:
    """Finds the words that some thread's metadata has for a value, whatever their case: by one statement."""
    spelt = {word: list(dict.fromkeys([word, word.upper(), word.lower()])) for word in words[:MOST_NAMED]}
    most = index_ranges.MAX_THREADS + 1
    parts: list[str] = []
    params: list[Param] = []
    for number, spellings in enumerate(spelt.values()):
        named = one_of("d.value", spellings)
        parts.append(
            f"SELECT a{number}.* FROM (SELECT {number}, d.thread_id FROM {TABLE} d WHERE {named.text} LIMIT {most})"
            f" a{number}"
        )
        params += named.params
    keys: dict[int, list[int]] = {}
    for number, key in fetched(Sql(" UNION ALL ".join(parts), tuple(params))) if parts else []:
        keys.setdefault(number, []).append(key)
    return {
        word: ValueThreads(spelt[word], keys[number][: most - 1], len(keys[number]) < most)
        for number, word in enumerate(spelt)
        if number in keys
    }


def has_value(found: ValueThreads) -> Predicate:
    """Asks for runs whose thread has the value."""
    condition = held("m.thread_id = r.thread_id", TABLE, one_of("m.value", found.spellings))
    return Predicate(THREAD_METADATA, condition, index_ranges.of_thread_keys(found.keys) if found.are_all else NO_INDEX)
