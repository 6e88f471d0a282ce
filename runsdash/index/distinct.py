"""Different values of an indexed column, by hopping from one to the next in its index: a few seeks each.

Names of tables and columns are constants of ours, never what somebody typed.
"""

from collections.abc import Iterator

from .planner.sql import Sql, fetched


def values_of(table: str, column: str, *, prefix: str = "", where: Sql | None = None, count: int = 20) -> Iterator[str]:
    """At most `count` values that begin with `prefix`, in order. `where` fixes the columns before it in the index."""
    fixed = f"{where.text} AND " if where else ""
    params = where.params if where else ()
    place, sign = prefix, ">="
    for _ in range(count):
        text = f"SELECT {column} FROM {table} WHERE {fixed}{column} {sign} %s ORDER BY {column} LIMIT 1"
        found = fetched(Sql(text, (*params, place)))
        if not found or not found[0][0].startswith(prefix):
            return
        place, sign = found[0][0], ">"
        if place:
            yield place
