"""Keeps what went wrong when an upstream was last asked, beside the copy and on the connection."""

from typing import Any, Literal, get_args

from django.db.models import F
from django.utils import timezone

from runsdash.index.models import Connection
from runsdash.index.storage.column_types import Columns
from runsdash.index.storage.storable_text import cut
from runsdash.service import NoAnswer, NotSupported, ServiceError

ListName = Literal["threads", "runs", "steps"]
PART_IS_GONE = "The upstream does not know a part of this"
MESSAGE_CHARS = 1000
HEARD_EVERY_S = 5  # a connection's last success is written at most this often


def last_error_of(error: ServiceError) -> dict[str, Any]:
    """Makes the JSON kept in a row's `trouble`: {"kind", "status", "message", "request_id", "at", "timed_out"}."""
    return {
        "kind": type(error).__name__,
        "status": error.status,
        "message": cut(error.message or str(error), MESSAGE_CHARS),
        "request_id": cut(error.request_id or "", 200),
        "at": timezone.now().isoformat(),
        "timed_out": isinstance(error, NoAnswer) and error.timed_out,
    }


def part_is_gone(last_error: dict[str, Any]) -> dict[str, Any]:
    """Turns the answer that a list is not there into one that says nothing about the list's owner."""
    message = f"Status {last_error['status']}. {last_error['message']}"
    return last_error | {"status": None, "headline": PART_IS_GONE, "message": message}


def may_be_gone(trouble: dict[str, Any] | None) -> bool:
    """Tells whether a list was not found. The next read of its owner says whether that is there."""
    return trouble is not None and trouble.get("headline") == PART_IS_GONE


def note_lack(connection: Connection, what: ListName, error: ServiceError) -> None:
    """Remembers since when and why a list is refused. Only a server without the operation lacks it."""
    columns: Columns = {f"{what}_refused_at": timezone.now(), f"{what}_refusal": last_error_of(error)}
    if isinstance(error, NotSupported):
        columns[f"can_list_{what}"] = False
    keep(connection, columns)


def note_offer(connection: Connection, what: ListName) -> None:
    if getattr(connection, f"can_list_{what}") is not True or getattr(connection, f"{what}_refused_at"):
        keep(connection, {f"can_list_{what}": True, f"{what}_refused_at": None, f"{what}_refusal": None})


def forget_lacks(connection: Connection) -> None:
    """Has every list asked for again, the list of threads at once."""
    columns = ("can_list_{}", "{}_refused_at", "{}_refusal")
    lists = {column.format(what): None for what in get_args(ListName) for column in columns}
    keep(connection, {**lists, "threads_listed_at": None})


def keep(connection: Connection, columns: Columns) -> None:
    """Not what the clients are made of: `changed_at` stays."""
    Connection.objects.filter(pk=connection.pk).update(**columns)
    for name, value in columns.items():
        setattr(connection, name, value)


def note_success(connection: Connection) -> None:
    """Remembers that the upstream answered, at most once every HEARD_EVERY_S."""
    now = timezone.now()
    last = connection.last_success_at
    if last is None or (now - last).total_seconds() >= HEARD_EVERY_S:
        Connection.objects.filter(pk=connection.pk).update(last_success_at=now, changed_at=F("changed_at"))
        connection.last_success_at = now


def note_failure(connection: Connection, trouble: dict[str, Any]) -> None:
    now = timezone.now()
    last = connection.last_failure_at
    if last is None or (now - last).total_seconds() >= HEARD_EVERY_S:
        Connection.objects.filter(pk=connection.pk).update(last_failure_at=now, last_failure=trouble)
        connection.last_failure_at = now
