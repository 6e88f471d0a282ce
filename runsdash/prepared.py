"""Runs a queryset's statement again with other values, without building its SQL anew.

Django builds the SQL of a queryset at each use; on hot pages that takes longer than the database. A `Prepared` keeps
the text that Django made once, where each value goes, and how columns become rows. Why: decision 26.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import get_related_populators

Row = TypeVar("Row", bound=Model)
Value = int | str | datetime
Convert = Callable[..., Any]
PLACES: dict[type, Callable[[int], Value]] = {  # values that stand for others while the SQL is made
    int: lambda at: -8_675_309_000_000 - at,
    str: lambda at: f"\u2060place {at}\u2060",
    datetime: lambda at: datetime(8675, 3, 9, microsecond=at + 1, tzinfo=UTC),
}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """Holds what Django made of a queryset. `places`: for each parameter which value it takes, or None: its own."""

    sql: str
    params: tuple[Any, ...]
    places: tuple[int | None, ...]
    model: type[Model]
    columns: slice
    names: list[str]
    annotations: list[tuple[str, int]]
    converters: list[tuple[int, list[Convert], Any]]
    populators: list[Any]


class Prepared(Generic[Row]):
    """Finds rows by a statement that is made once. `make` takes a value of each of `kinds`; it uses each as a whole."""

    def __init__(self, make: Callable[..., QuerySet[Row]], *kinds: type) -> None:
        self.make, self.kinds = make, kinds

    @cached_property
    def statement(self) -> Statement:
        stand_ins = [PLACES[kind](at) for at, kind in enumerate(self.kinds)]
        compiler = self.make(*stand_ins).query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        known = [adapted(one) for one in stand_ins]
        places = tuple(known.index(param) if param in known else None for param in params)
        if set(range(len(known))) - set(places):
            raise ValueError("A value that the queryset is made with is not among the parameters of its SQL.")
        info, select = compiler.klass_info, compiler.select
        fields = info["select_fields"]
        columns = slice(fields[0], fields[-1] + 1)
        found = compiler.get_converters([one[0] for one in select[: compiler.col_count]])
        return Statement(
            sql=sql,
            params=tuple(params),
            places=places,
            model=info["model"],
            columns=columns,
            names=[one[0].target.attname for one in select[columns]],
            annotations=list(compiler.annotation_col_map.items()),
            converters=[
                (at, list(map(quicker, functions)), expression) for at, (functions, expression) in found.items()
            ],
            populators=get_related_populators(info, select, DEFAULT_DB_ALIAS),  # type: ignore[call-arg]  # Django 6 has more
        )

    def rows(self, *values: Value) -> list[Row]:
        statement = self.statement
        given = [adapted(value) for value in values]
        params = [
            own if place is None else given[place]
            for own, place in zip(statement.params, statement.places, strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, params)
            return [self.row(statement, list(columns)) for columns in cursor.fetchall()]

    def first(self, *values: Value) -> Row | None:
        found = self.rows(*values)
        return found[0] if found else None

    def row(self, statement: Statement, columns: list[Any]) -> Row:
        for at, functions, expression in statement.converters:
            if columns[at] is not None:
                for function in functions:
                    columns[at] = function(columns[at], expression, connection)
        found = row_of(statement.model, zip(statement.names, columns[statement.columns], strict=True))
        for populator in statement.populators:
            populator.populate(columns, found)
        for name, at in statement.annotations:
            setattr(found, name, columns[at])
        return found  # type: ignore[return-value]  # the queryset's own model


@cache
def first_of(make: Callable[..., QuerySet[Row]], most: int, *kinds: type) -> Prepared[Row]:
    """Prepares the first `most` rows of a queryset."""
    return Prepared(lambda *values: make(*values)[:most], *kinds)


def row_of(model: type[Model], columns: Iterable[tuple[str, Any]]) -> Model:
    """Makes a row as `Model.from_db` does, which sets and signals each column by itself."""
    found = model.__new__(model)
    found._state = ModelState()
    found._state.adding, found._state.db = False, DEFAULT_DB_ALIAS
    found.__dict__.update(columns)
    return found


def quicker(function: Convert) -> Convert:
    """Replaces Django's own conversion of times on SQLite, which looks the time zone up for each."""
    return aware if function == getattr(connection.ops, "convert_datetimefield_value", None) else function


def aware(value: datetime | str, *_: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def adapted(value: Value) -> Any:
    """Returns a value as the database takes it."""
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
