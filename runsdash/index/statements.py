"""Bulk `INSERT … ON CONFLICT` statements, the form that loads fastest on both engines (see docs/index.md)."""

import json
from collections.abc import Callable, Iterable

from django.db import connection, models

Row = dict[str, object]


def converter(field: models.Field) -> Callable[[object], object]:
    """How a value of `field` goes into a statement on this engine."""
    if isinstance(field, models.JSONField):
        return lambda value: None if value is None else json.dumps(value)
    if isinstance(field, models.DateTimeField):
        return connection.ops.adapt_datetimefield_value
    if isinstance(field, models.BinaryField):
        return lambda value: connection.Database.Binary(value)
    return lambda value: value


def upsert_rows(model: type[models.Model], rows: Iterable[Row], *, keep: Iterable[str] = ()) -> None:
    """Writes `rows` (attname → value, all with the same names, primary key included) in one executemany.

    An existing row with the same primary key takes every column but those in `keep`.
    """
    rows = list(rows)
    if not rows:
        return
    meta, quote = model._meta, connection.ops.quote_name
    fields = [field for field in meta.concrete_fields if field.attname in rows[0]]
    columns = [quote(field.column) for field in fields]
    key = quote(meta.pk.column)
    kept = {meta.pk.attname, *keep}
    updates = [f"{quote(f.column)} = excluded.{quote(f.column)}" for f in fields if f.attname not in kept]
    action = f"DO UPDATE SET {', '.join(updates)}" if updates else "DO NOTHING"
    sql = (
        f"INSERT INTO {quote(meta.db_table)} ({', '.join(columns)}) "
        f"VALUES ({', '.join(['%s'] * len(columns))}) ON CONFLICT ({key}) {action}"
    )
    converters = [(field.attname, converter(field)) for field in fields]
    with connection.cursor() as cursor:
        cursor.executemany(sql, [tuple(convert(row[name]) for name, convert in converters) for row in rows])
