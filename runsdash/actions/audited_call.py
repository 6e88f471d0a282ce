"""Carries out every write: permission → intent → send once → outcome and index in one transaction.

Nothing here retries. An answer that never came leaves the outcome `unclear`, to be settled by reading.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from runsdash.accounts.guards import READ_ONLY
from runsdash.accounts.models import User
from runsdash.actions.live.stream_readers import first_run, read_to_the_end
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import record_intent, record_outcome, record_refusal
from runsdash.index.models import Connection
from runsdash.index.storage.storable_text import storable, storable_json
from runsdash.index.storage.unwritable import TROUBLE, NotRecorded
from runsdash.service import (
    Client,
    InvalidRequest,
    NoAnswer,
    NotSupported,
    RunStream,
    ServiceError,
    UpstreamFailed,
    objects,
)
from runsdash.service.json_types import JsonFields, JsonLike
from runsdash.sync.capabilities import note_lack_of, note_stream, note_that_it_works
from runsdash.sync.clients import client_for

Row = TypeVar("Row")
Columns = dict[str, JsonLike]  # of an entry of the trail
Store = Callable[[Any, datetime], tuple[Row, Columns]]
Result = AuditEntry.Result
CHANGED_NOTHING = "The server took the request and changed nothing"  # some answer 200 with the object as it was
UNCHANGED: Columns = {"result": Result.UNCHANGED, "upstream_message": f"{CHANGED_NOTHING}."}


def new_token() -> str:
    """Makes a form's one-time token."""
    return secrets.token_urlsafe(18)


@dataclass(frozen=True, kw_only=True)
class AuditedCall:
    """Describes one write by one person. `operation`: a method of `Client`; `parameters`: its arguments."""

    actor: User
    operation: Callable[..., Any]
    connection: Connection
    parameters: Mapping[str, Any]
    token: str | None = None
    reason: str = ""
    thread_id: str = ""
    run_id: str = ""
    before: JsonFields | None = None

    @property
    def copied(self) -> Columns:
        """Returns what the trail copies of it."""
        return {
            "action": self.operation.__name__,
            "actor": self.actor.get_username(),
            "reason": storable(self.reason[:2000]),
            "connection_slug": self.connection.slug,
            "thread_id": self.thread_id[:200],
            "run_id": self.run_id[:200],
            "before": self.before,
        }


def refuse(call: AuditedCall, message: str) -> None:
    """Turns a call down before anything is sent, on the record."""
    record_refusal(message=message, **call.copied)
    raise PermissionDenied(message)


def check_permission(call: AuditedCall) -> None:
    if not call.actor.is_active:
        refuse(call, f"The account {call.actor.get_username()} is turned off.")
    if not call.actor.can_act:
        refuse(call, "This needs the role operator. Your role lets you look, not act.")
    if settings.RUNSDASH_READ_ONLY:
        refuse(call, READ_ONLY)
    if not call.connection.has_upstream:
        refuse(call, f"The connection {call.connection.slug} has no server: what it holds was imported or sent in.")
    if call.connection.is_retired:
        refuse(call, f"The server of {call.connection.slug} is retired. What was archived of it stays readable.")
    if not call.connection.is_enabled:
        refuse(call, f"The connection {call.connection.slug} is off.")


def carry_out(call: AuditedCall, *, store: Store[Row]) -> Row:
    """Sends the write once. `store` puts the answer into the index; it returns the row and the outcome's columns,
    with UNCHANGED among them when the answer shows things as they were.

    Raises TokenUsed when the token was used before, the ServiceError the upstream answered with, after it has been
    recorded, and NotRecorded when the database took the intent and not the outcome.
    """
    check_permission(call)
    client = client_for(call.connection)
    intent = record_intent(**call.copied, token=call.token or None, sent=sent_request(client, call))
    try:
        return send(call, client, intent, store)
    except TROUBLE as error:
        raise NotRecorded(str(error)) from error


def send(call: AuditedCall, client: Client, intent: AuditEntry, store: Store[Row]) -> Row:
    """Sends what the intent says and records what came of it. What the database refuses now is settled by reading."""
    try:
        answer = call.operation(client, **call.parameters)
        stream = answer if isinstance(answer, RunStream) else None
        if stream:
            answer, stream = first_answer(client, call, stream)
        if stream:
            note_stream(call.connection, is_plain=stream.is_plain)
    except ServiceError as error:
        record_outcome(intent, result=result_of(error), **error_columns(error))
        if isinstance(error, NotSupported):
            note_lack_of(call.connection, call.operation.__name__, error)
        raise
    note_that_it_works(call.connection, call.operation.__name__)
    reply = {"upstream_status": 200, "request_id": stream.request_id or ""} if stream else reply_columns(client)
    with transaction.atomic():
        row, columns = store(answer, timezone.now())
        record_outcome(intent, result=str(columns.pop("result", Result.DONE)), **reply, **columns)
    if stream:
        read_to_the_end(stream, connection=call.connection, thread_id=answer.thread_id or call.thread_id)
    return row


def first_answer(client: Client, call: AuditedCall, stream: RunStream) -> tuple[objects.Run, RunStream | None]:
    """Returns the stream's run, and the stream. A known run whose stream has no event is read, if it went on."""
    try:
        return first_run(stream), stream
    except ServiceError:
        if not (stream.is_silent and call.run_id):
            raise
        with suppress(ServiceError):
            run = client.retrieve_run(thread_id=call.thread_id, run_id=call.run_id)
            if not run.status.is_waiting:
                return run, None
        raise


def reply_columns(client: Client) -> Columns:
    reply = client.last_reply
    if reply is None:
        return {}
    return {"upstream_status": reply.status, "request_id": reply.request_id or ""}


def sent_request(client: Client, call: AuditedCall) -> Columns:
    """Describes method, URL and body without the key. Raises InvalidRequest on input the API would refuse."""
    request = client.describe_request(call.operation.__name__, **call.parameters)
    body = None if request.json is None else json.dumps(storable_json(request.json))
    return {"method": request.method, "url": request.url, "body": body}


def result_of(error: ServiceError) -> str:
    if isinstance(error, InvalidRequest):
        return Result.REFUSED
    if error.outcome_unclear:
        return Result.UNCLEAR
    return Result.FAILED if isinstance(error, NoAnswer | UpstreamFailed) else Result.REFUSED


def error_columns(error: ServiceError) -> Columns:
    return {
        "upstream_status": error.status,
        "upstream_message": storable((error.message or "")[:2000]),
        "request_id": (error.request_id or "")[:200],
    }
