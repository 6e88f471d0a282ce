"""Holds pieces of SQL with their parameters, and the few places where the two engines differ.

Written by hand because a list has to be answered from one index in order, which the forms here make sure of. Names in
the texts are constants of ours; everything from people is a parameter. Knows nothing of filters.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection, transaction

STEPS_BETWEEN_LOOKS = 20_000  # of SQLite's machine, about a millisecond
# A table of few pages seems quick to read as a whole, though each of its words lies apart: 230 ms instead of 7.
# To start workers for a statement takes some 20 ms, to compile it more: who reads ranges of indexes needs neither.
FOR_INDEXES = {"enable_seqscan": "off", "max_parallel_workers_per_gather": "0", "jit": "off"}
FOR_LISTS = "".join(f"SET LOCAL {name} = {value}; " for name, value in FOR_INDEXES.items())
AS_BEFORE = "".join(f"SET LOCAL {name} TO DEFAULT; " for name in FOR_INDEXES)
Param = str | int | float | datetime | None


@dataclass(frozen=True)
class Sql:
    """Holds a piece of a statement. `%s` stands for a parameter."""

    text: str
    params: tuple[Param, ...] = ()


class TookTooLong(Exception):
    """Says that a statement was stopped because its time was over."""


def joined(parts: Sequence[Sql], between: str = " AND ") -> Sql:
    """Joins pieces without brackets."""
    return Sql(between.join([part.text for part in parts]), tuple(param for part in parts for param in part.params))


def bracketed(parts: Sequence[Sql], between: str) -> Sql:
    """Joins pieces in brackets; a single one stays as it is."""
    row = joined(parts, between)
    return row if len(parts) == 1 else Sql(f"({row.text})", row.params)


def all_of(parts: Sequence[Sql]) -> Sql:
    """Joins conditions, of which there is at least one, by AND."""
    return bracketed(parts, " AND ")


def any_of(parts: Sequence[Sql]) -> Sql:
    """Joins conditions, of which there is at least one, by OR."""
    return bracketed(parts, " OR ")


def opposite(part: Sql) -> Sql:
    """Negates a condition: true wherever `part` is not, unknown values included."""
    return Sql(f"({part.text}) IS NOT TRUE", part.params)


def one_of(column: str, values: Sequence[Param]) -> Sql:
    if len(values) == 1:
        return Sql(f"{column} = %s", tuple(values))
    marks = ", ".join(["%s"] * len(values))
    return Sql(f"{column} IN ({marks})", tuple(values)) if values else Sql("1 = 0")


def in_list(column: str, keys: Sequence[int]) -> Sql:
    """Is it one of any number of keys?"""
    if is_postgresql():
        return Sql(f"{column} = ANY(%s::bigint[])", (array_of(keys),))
    return Sql(f"{column} IN (SELECT value FROM json_each(%s))", (json.dumps(list(keys)),))


def array_of(keys: Sequence[int]) -> str:
    """Writes keys as PostgreSQL reads an array: psycopg would look at each of thousands."""
    return f"{{{','.join(map(str, keys))}}}"


def fetched(statement: Sql) -> list[Any]:
    """Returns all rows, each a tuple of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        rows: list[Any] = cursor.fetchall()
        return rows


def estimated_rows(statement: Sql) -> int:
    """Returns how many rows PostgreSQL expects; it plans the statement and does not run it."""
    [[plans]] = fetched(Sql(f"EXPLAIN (FORMAT JSON) {statement.text}", statement.params))
    return int(plans[0]["Plan"]["Plan Rows"])


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


# Where the engines differ


def each_run(ids: Sql) -> Sql:
    """Returns a `FROM` item: `d.id` for each id of a query, and its run `r`, read by its key."""
    return each_row(ids, "index_run", "id")


def each_row(ids: Sql, table: str, key: str, row: str = "r") -> Sql:
    """Returns the same for rows of any table with an index on `key`, called `row`."""
    if is_postgresql():  # the OFFSET keeps the planner from joining with the whole table
        read = f"CROSS JOIN LATERAL (SELECT * FROM {table} x WHERE x.{key} = d.id OFFSET 0) {row}"
        return Sql(f"({ids.text}) d {read}", ids.params)
    return Sql(f"({ids.text}) d CROSS JOIN {table} {row} ON {row}.{key} = d.id", ids.params)


def listed_ids(ids: Sequence[int]) -> Sql:
    """Returns a query that gives these ids."""
    if is_postgresql():
        return Sql("SELECT unnest(%s::bigint[]) AS id", (array_of(ids),))
    return Sql("SELECT value AS id FROM json_each(%s)", (json.dumps(list(ids)),))


def holds_phrase(phrase: str) -> Sql:
    """Asks whether the run `r` has these words in a row."""
    look = "strpos(' ' || x.words || ' ', %s)" if is_postgresql() else "instr(' ' || x.words || ' ', %s)"
    return Sql(f"EXISTS (SELECT 1 FROM index_runtext x WHERE x.run_id = r.id AND {look} > 0)", (f" {phrase} ",))


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Stops statements inside when their time is over. Raises TookTooLong."""
    if is_postgresql():
        with stopped_by_server(seconds):
            yield
        return
    connection.ensure_connection()
    deadline, raw = time.monotonic() + seconds, connection.connection
    raw.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_LOOKS)
    try:
        yield
    except OperationalError as error:
        if "interrupted" in str(error):
            raise TookTooLong from error
        raise
    finally:
        raw.set_progress_handler(None, 0)


@contextmanager
def stopped_by_server(seconds: float) -> Iterator[None]:
    is_inside = connection.in_atomic_block
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(FOR_LISTS + f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}")
            yield
            if is_inside:  # a transaction of a test or of a caller: the settings must not outlive us
                with connection.cursor() as cursor:
                    cursor.execute(AS_BEFORE + "SET LOCAL statement_timeout = 0")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == "57014":
            raise TookTooLong from error
        raise
