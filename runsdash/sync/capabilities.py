"""Remembers on a connection's row what its server was seen to offer, for all processes, with its age."""

from collections.abc import Mapping
from typing import TypeAlias

from django.db import transaction
from django.utils import timezone

from runsdash.index.models import Connection
from runsdash.index.storage.column_types import Columns
from runsdash.service import NotSupported, ServiceError
from runsdash.service.json_types import JsonObject
from runsdash.service.objects.fields import ApiObject

from .last_error import keep, last_error_of

STREAM = "stream"  # stands among the operations
PLAIN = "It answered with the run alone where a stream was asked for."
Answer: TypeAlias = ApiObject | ServiceError | None  # of one operation; None: none is at hand, and it worked


def finding(answer: Answer) -> JsonObject:
    """Makes what is kept of one operation: whether it works, since when that is known, else the server's words."""
    if not isinstance(answer, ServiceError):
        return {"works": True, "at": timezone.now().isoformat(), "status": 200, "message": ""}
    error = last_error_of(answer)
    return {"works": False, "at": error["at"], "status": error["status"], "message": error["message"]}


def note_findings(connection: Connection, found: Mapping[str, Answer], *, anew: bool = False) -> None:
    """Keeps answers or errors by operation; `anew`: and forgets all others."""
    with transaction.atomic():
        row = Connection.objects.select_for_update().get(pk=connection.pk)
        known = {} if anew else row.capabilities
        capabilities = known | {name: finding(answer) for name, answer in found.items()}
        columns: Columns = {"capabilities": capabilities}
        if anew:
            columns["tested_at"] = timezone.now()
        keep(connection, columns)


def note_lack_of(connection: Connection, operation: str, error: ServiceError) -> None:
    """Keeps that a write is not offered, so that its control is off for a while."""
    note_findings(connection, {operation: error})


def note_stream(connection: Connection, *, is_plain: bool) -> None:
    """Keeps whether a stream that was asked for came as one, or as the run alone."""
    if is_plain:
        note_lack_of(connection, STREAM, NotSupported(PLAIN, status=200))
    else:
        note_that_it_works(connection, STREAM)


def note_that_it_works(connection: Connection, operation: str) -> None:
    """Forgets a refusal once the operation has worked after all."""
    if connection.capabilities.get(operation, {}).get("works") is False:
        note_findings(connection, {operation: None})
