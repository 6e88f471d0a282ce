"""Writes assistants as lines of an export, and reads them back, since a run has no more than their id."""

import json
from datetime import datetime

from django.db import transaction

from runsdash.index.models import Assistant, Connection
from runsdash.index.snapshots.upsert_assistants import upsert_assistants
from runsdash.index.storage.storable_text import stored_id
from runsdash.service import objects
from runsdash.service.json_types import JsonObject

from .export_fields import ExportedObject
from .read_line import BadLine, Context, age_of

OBJECT = "runsdash.assistant"


def exported_assistant(row: Assistant) -> ExportedObject:
    fields = {"object": OBJECT, "id": row.upstream_id, "created_at": row.created_at and row.created_at.isoformat()}
    fields |= {name: getattr(row, name) for name in ("name", "model", "instructions", "tools")}
    body = json.dumps(fields, separators=(",", ":")).encode()
    return ExportedObject(row.upstream_id, body, {"_fetched_at": row.fetched_at.isoformat()})


def write_assistant(connection: Connection, value: JsonObject, *, read_at: datetime, context: Context) -> bool:
    """Writes an assistant; False when the index has as much already. Raises BadLine."""
    assistant, fetched_at = objects.Assistant.from_raw(value), age_of(value, read_at, context)
    if not assistant.id:
        raise BadLine("this assistant has no id")
    with transaction.atomic():
        there = Assistant.objects.filter(connection=connection, upstream_id=stored_id(assistant.id))
        if there.filter(fetched_at__gte=fetched_at).exists():
            return False
        upsert_assistants(connection, [assistant], fetched_at=fetched_at)
    return True
