"""Finds which of some values one connection has, by a few rows for each of them.

Indexes hold values of all connections together. Looked at are the newest rows of a value, and the newest runs of the
connection: what it had last long ago, and others often since, is not found.
"""

from collections.abc import Sequence

from runsdash.index.models import Connection

from .sql_pieces import Sql, fetched, joined

LOOKED_AT = 200  # rows, for each value
OF_RUN, OF_THREAD = ("index_run", "id"), ("index_thread", "thread_id")
OWNERS = {  # the table that says whose a row is, what it is called in a run, and the column that leads there
    "index_run": (*OF_RUN, "id"),
    "index_runtool": (*OF_RUN, "run_id"),
    "index_runmetadata": (*OF_RUN, "run_id"),
    "index_threadmetadata": (*OF_THREAD, "thread_id"),
    "index_label": (*OF_THREAD, "thread_id"),
}


def values_of_connection(
    table: str, column: str, values: Sequence[str], connection: Connection, *, where: Sql | None = None
) -> list[str]:
    """Returns those of the values that rows of the connection have, in the order given: one statement."""
    if not values:
        return []
    fixed, order = [where] if where else [], behind(table, column, where)
    looks = [
        look(table, joined([*fixed, Sql(f"d.{column} = %s", (value,))]), order, number, connection.pk)
        for number, value in enumerate(values)
    ]
    return [values[number] for (number,) in sorted(fetched(joined(looks, " UNION ALL ")))]


def behind(table: str, column: str, where: Sql | None) -> str:
    """Names the column that the index has behind the value. Ordered by it, its rows are read there, not by a walk."""
    if column == "key":
        return "value"
    return "run_id" if where and "run_id IS NOT NULL" in where.text else OWNERS[table][2]


def look(table: str, held: Sql, order: str, number: int, connection_key: int) -> Sql:
    """Returns a query for `number`, and for nothing where no row of the connection holds that."""
    owner, in_run, key = OWNERS[table]
    rows = f"SELECT d.{key} AS id FROM {table} d WHERE {held.text} ORDER BY d.{order} DESC LIMIT {LOOKED_AT}"
    of_value = f"SELECT 1 FROM ({rows}) u JOIN {owner} o ON o.id = u.id WHERE o.connection_id = %s"
    runs = f"SELECT r.{in_run} AS id FROM index_run r WHERE r.connection_id = %s ORDER BY r.id DESC LIMIT {LOOKED_AT}"
    of_runs = f"SELECT 1 FROM ({runs}) u JOIN {table} d ON d.{key} = u.id WHERE {held.text}"
    text = f"SELECT {number} WHERE EXISTS ({of_value}) OR EXISTS ({of_runs})"
    return Sql(text, (*held.params, connection_key, connection_key, *held.params))
