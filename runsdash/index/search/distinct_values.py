"""Different values of an indexed column, by hopping from one to the next in its index: one statement, a few seeks each.

Names of tables and columns are constants of ours, never what somebody typed.
"""

from itertools import takewhile

from .sql import Sql, fetched


def values_of(table: str, column: str, *, count: int, prefix: str = "", where: Sql | None = None) -> list[str]:
    """At most `count` values that begin with `prefix`, in order. `where` fixes the columns before it in the index."""
    hop = f"SELECT MIN(d.{column}) FROM {table} d WHERE {f'{where.text} AND ' if where else ''}d.{column}"
    params = where.params if where else ()
    text = (
        f"WITH RECURSIVE v(value) AS ({hop} >= %s UNION ALL SELECT ({hop} > v.value) FROM v WHERE v.value IS NOT NULL)"
        f" SELECT v.value FROM v WHERE v.value IS NOT NULL LIMIT {count}"
    )
    found = (value for (value,) in fetched(Sql(text, (*params, prefix, *params))))
    return list(takewhile(lambda value: value.startswith(prefix), found))
