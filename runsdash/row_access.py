"""Narrows what is read to what a person may see: the one place for every statement, on both engines.

While somebody who may not see all is answered, each SELECT begins with a WITH clause for every table that it names. It
holds a narrower table of the same name, which then stands in the place of the real one, so no statement has to think
of it. Which rows that leaves is said in row_access_rules.py; who may see what, by accounts/teams.py. Why: decision 42.

Nothing is narrowed where nobody is answered: in workers, commands and threads that read upstreams.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from runsdash.row_access_rules import SEEN, SELECTED

Hidden = tuple[int, ...]  # keys of the connections that somebody does not see, in order; none: they see all
BEGINNING = re.compile(r"(\s*(?:EXPLAIN (?:\([^)]*\)|QUERY PLAN) )?)(WITH RECURSIVE |WITH |(?=SELECT |\())")
NAMED = re.compile(rf"\b(?:{'|'.join(sorted(SEEN, key=len, reverse=True))})\b")
LOCKS = re.compile(r" FOR (?:NO KEY )?UPDATE\b")
# A table as Django names it in a statement that locks, with its alias if it has one.
LOCKED = re.compile(rf'(FROM|JOIN) "({"|".join(SEEN)})"(?! AS )( [A-Z]\d+\b)?')
KEPT = 4096  # statements, each for those who see the same

_hidden: ContextVar[Hidden] = ContextVar("hidden", default=())


def hidden() -> Hidden:
    """Returns the connections that whoever is answered now does not see."""
    return _hidden.get()


@contextmanager
def hiding(connections: Hidden) -> Iterator[None]:
    """Narrows what is read inside to all but these connections."""
    before = _hidden.set(connections)
    try:
        yield
    finally:
        _hidden.reset(before)


def everything() -> Any:
    """Lets what is inside read all: for what RunsDash has to know, and shows to nobody."""
    return hiding(())


def hide(connections: Hidden) -> None:
    """Narrows from here on what the present request reads: once it is known who came with a token."""
    _hidden.set(connections)


def mark() -> str:
    """Names those who see the same; "" for whoever sees all. What is kept between requests is kept under it."""
    return f"{blake2b(repr(hidden()).encode(), digest_size=8).hexdigest()}:" if hidden() else ""


def cache_key(key: str, prefix: str, version: int) -> str:
    """Names an entry of a cache, of those who see the same alone."""
    return f"{prefix}:{version}:{mark()}{key}"


def install(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Makes a database connection narrow its statements. It stands first: Django takes the last one away again."""
    if narrow not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, narrow)


def narrow(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Runs a statement, narrowed for whoever is answered now."""
    connections = _hidden.get()
    if connections and isinstance(sql, str):
        sql = narrowed(sql, connections, schema_of(context["connection"]))
    return execute(sql, params, many, context)


@lru_cache(maxsize=KEPT)
def narrowed(sql: str, connections: Hidden, schema: str) -> str:
    """Puts narrower tables in the place of those that a SELECT names; other statements stay as they are."""
    beginning = BEGINNING.match(sql)
    tables = dict.fromkeys(NAMED.findall(sql))
    if beginning is None or not tables:
        return sql
    if LOCKS.search(sql):  # PostgreSQL locks no rows through a WITH clause, but through a subquery
        return LOCKED.sub(lambda found: in_place(found, connections, schema), sql)
    clauses = ", ".join(f"{name} AS NOT MATERIALIZED ({rows_of(name, connections, schema)})" for name in tables)
    before, word, rest = beginning[1], beginning[2], sql[beginning.end() :]
    return f"{before}{word or 'WITH '}{clauses}{', ' if word else ' '}{rest}"


def in_place(found: re.Match[str], connections: Hidden, schema: str) -> str:
    alias = found[3] or f' "{found[2]}"'
    return f"{found[1]} ({rows_of(found[2], connections, schema)}){alias}"


def rows_of(table: str, connections: Sequence[int], schema: str) -> str:
    """Returns a query for the rows of a table that are seen. Its texts are constants of ours, and numbers."""
    condition = SEEN[table].format(hidden=", ".join(map(str, connections)), schema=schema)
    return f"SELECT {SELECTED.get(table, 'x.*')} FROM {schema}.{table} x WHERE {condition}"


def schema_of(connection: BaseDatabaseWrapper) -> str:
    """Returns the schema that the tables are in; it tells the real ones from those that a WITH clause names."""
    return "main" if connection.vendor == "sqlite" else postgresql_schema(connection)


_schemas: dict[str, str] = {}


def postgresql_schema(connection: BaseDatabaseWrapper) -> str:
    name = connection.alias
    if name not in _schemas:
        with everything(), connection.cursor() as cursor:
            cursor.execute("SELECT quote_ident(current_schema())")
            _schemas[name] = cursor.fetchone()[0]
    return _schemas[name]
