"""Looks up what is in the index already, and finds keys for what is not: the start of every upsert."""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache, partial
from typing import TypeVar

from django.db import models

from runsdash.index.models import Connection, Message, Run, RunStep, Thread
from runsdash.index.models.bodies import Body
from runsdash.index.storage.keys import free_key, key_for
from runsdash.index.storage.storable_text import stored_id
from runsdash.prepared import Prepared

Known = TypeVar("Known", Thread, Run, RunStep, Message)
Value = TypeVar("Value")
CHUNK = 500  # rows a transaction, and ids in one IN (…)


def known_rows(model: type[Known], *, connection: Connection, ids: Iterable[str]) -> dict[str, Known]:
    """Finds and locks rows by upstream id until the transaction ends, all in one order (see storage/locks.py)."""
    found: dict[str, Known] = {}
    for some in chunks(sorted(set(ids))):
        rows_there = known_one(model).rows if len(some) == 1 else partial(held, model)
        found.update({row.upstream_id: row for row in rows_there(connection.pk, *some)})
    return found


def held(model: type[Known], connection_id: int, *ids: str) -> models.QuerySet[Known]:
    rows_there = model._default_manager.filter(connection_id=connection_id, upstream_id__in=ids).order_by("upstream_id")
    return rows_there.select_for_update(no_key=True)


@cache
def known_one(model: type[Known]) -> Prepared[Known]:
    """Most often one row is looked for."""
    return Prepared(partial(held, model), int, str)


def keys_of(model: type[models.Model], *, connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """Finds the keys of rows that are there, by upstream id."""
    found: dict[str, int] = {}
    for some in chunks(list(ids)):
        rows_there = model._default_manager.filter(connection=connection, upstream_id__in=some)
        found.update(rows_there.values_list("upstream_id", "pk"))
    return found


def digests_of(model: type[Body], rows: Iterable[models.Model]) -> dict[int, str]:
    """Finds the digests of the bodies of rows, by their keys: an equal one says that nothing has changed."""
    found: dict[int, str] = {}
    for some in chunks([row.pk for row in rows]):
        found.update(model._default_manager.filter(pk__in=some).values_list("pk", "digest"))
    return found


def chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def free_keys(model: type[models.Model], preferred: Sequence[int]) -> list[int]:
    """Finds a key that nobody holds for each preferred one, in their order, all different."""
    taken: set[int] = set()
    for some in chunks(preferred):
        taken.update(model._default_manager.filter(pk__in=some).values_list("pk", flat=True))
    chosen = []
    for key in preferred:
        if key in taken:
            key = free_key(key, is_taken=lambda one: one in taken or model._default_manager.filter(pk=one).exists())
        taken.add(key)
        chosen.append(key)
    return chosen


def keys_for_new(
    model: type[models.Model], connection: Connection, known: Container[str], objects_: Iterable[tuple[str, datetime]]
) -> dict[str, int]:
    """Finds free keys by upstream id for those of (id, creation time) that are not in `known`."""
    new = {stored_id(one): created_at for one, created_at in objects_ if stored_id(one) not in known}
    preferred = [
        key_for(connection_id=connection.pk, upstream_id=one, created_at=created_at) for one, created_at in new.items()
    ]
    return dict(zip(new, free_keys(model, preferred), strict=True))
