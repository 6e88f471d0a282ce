"""Writes many rows in the forms that are fastest on both engines (see docs/index.md): COPY or executemany.

They write values as given and check nothing: what a key means and who wins is the caller's business.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

from django.db import connection, models

from runsdash.index.storage.column_types import Columns, SqlRow, SqlValue

Row = Columns
Converter: TypeAlias = Callable[[Any], SqlValue]  # of what the field holds


def converter(field: "models.Field[Any, Any]") -> Converter:
    """Returns how a value of `field` goes into a statement on this engine."""
    if isinstance(field, models.JSONField):
        return lambda value: None if value is None else json.dumps(value)
    if isinstance(field, models.DateTimeField):
        return connection.ops.adapt_datetimefield_value
    if isinstance(field, models.BinaryField):
        return partial(field.get_db_prep_value, connection=connection)
    return lambda value: value


def converters(model: type[models.Model], names: Iterable[str]) -> list[Converter]:
    """Returns those of the fields with these attnames."""
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    return [converter(by_name[name]) for name in names]


def stored_values(model: type[models.Model], names: Sequence[str], rows: Iterable[models.Model]) -> list[SqlRow]:
    """Returns the named columns of each row as this engine stores them."""
    named = list(zip(names, converters(model, names), strict=True))
    return [tuple(convert(getattr(row, name)) for name, convert in named) for row in rows]


def insert_rows(model: type[models.Model], names: Sequence[str], rows: Sequence[SqlRow]) -> None:
    """Inserts new rows; `names` are attnames, values as this engine stores them. Raises IntegrityError.

    Columns that are not named take their field's default.
    """
    if not rows:
        return
    columns, rows = with_defaults(model, names, rows)
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Django turns errors of its own methods into its own classes; `copy` is the driver's.
            with (
                connection.wrap_database_errors,
                cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


def insert_missing_rows(model: type[models.Model], names: Sequence[str], rows: Sequence[SqlRow]) -> None:
    """Inserts rows of which some may be there already: those stay as they are."""
    if not rows:
        return
    columns, rows = with_defaults(model, names, rows)
    table, places = connection.ops.quote_name(model._meta.db_table), ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) ON CONFLICT DO NOTHING", rows)


def with_defaults(
    model: type[models.Model], names: Sequence[str], rows: Sequence[SqlRow]
) -> tuple[list[str], Sequence[SqlRow]]:
    """Returns (columns, rows), the defaults of the fields that are not named behind the others."""
    rest = [
        field for field in model._meta.concrete_fields if field.attname not in names and field is not model._meta.pk
    ]
    defaults = tuple(converter(field)(field.get_default()) for field in rest)
    columns = columns_of(model, [*names, *(field.attname for field in rest)])
    return columns, [row + defaults for row in rows] if defaults else rows


def replace_rows(model: type[models.Model], names: Sequence[str], rows: Sequence[SqlRow]) -> None:
    """Inserts rows, or overwrites the named columns of those with the same primary key, which is the first name."""
    if not rows:
        return
    columns = columns_of(model, names)
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    sql = (
        f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({', '.join(columns)}) "
        f"VALUES ({', '.join(['%s'] * len(columns))}) ON CONFLICT ({columns[0]}) DO UPDATE SET {updates}"
    )
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)


def update_rows(model: type[models.Model], names: Sequence[str], rows: Sequence[SqlRow]) -> None:
    """Sets the named columns of rows; the last value of each tuple is the primary key."""
    if not rows:
        return
    *columns, key = columns_of(model, [*names, model._meta.pk.attname])
    sets = ", ".join(f"{column} = %s" for column in columns)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {connection.ops.quote_name(model._meta.db_table)} SET {sets} WHERE {key} = %s", rows
        )


def columns_of(model: type[models.Model], names: Iterable[str]) -> list[str]:
    by_name = {field.attname: connection.ops.quote_name(field.column or "") for field in model._meta.concrete_fields}
    return [by_name[name] for name in names]


def upsert_rows(model: type[models.Model], rows: Iterable[Row], *, keep: Iterable[str] = ()) -> None:
    """Writes `rows` (attname → value, all with the same names, primary key included) in one executemany.

    An existing row with the same primary key takes every column but those in `keep`.
    """
    rows = list(rows)
    if not rows:
        return
    meta = model._meta
    names = [field.attname for field in meta.concrete_fields if field.attname in rows[0]]
    columns, kept = columns_of(model, names), {meta.pk.attname, *keep}
    [key] = columns_of(model, [meta.pk.attname])
    updated = columns_of(model, [name for name in names if name not in kept])
    updates = [f"{column} = excluded.{column}" for column in updated]
    action = f"DO UPDATE SET {', '.join(updates)}" if updates else "DO NOTHING"
    sql = (
        f"INSERT INTO {connection.ops.quote_name(meta.db_table)} ({', '.join(columns)}) "
        f"VALUES ({', '.join(['%s'] * len(columns))}) ON CONFLICT ({key}) {action}"
    )
    named = list(zip(names, converters(model, names), strict=True))
    with connection.cursor() as cursor:
        cursor.executemany(sql, [tuple(convert(row[name]) for name, convert in named) for row in rows])
