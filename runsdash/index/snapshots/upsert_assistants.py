"""Writes assistants as fetched, whole: whoever reads last wins."""

from collections.abc import Sequence
from datetime import datetime

from runsdash.index.models import Assistant, Connection
from runsdash.index.storage.storable_text import cut, storable_json
from runsdash.service import objects


def upsert_assistants(connection: Connection, assistants: Sequence[objects.Assistant], *, fetched_at: datetime) -> None:
    found = [
        Assistant(
            connection=connection,
            upstream_id=cut(assistant.id, 200),
            name=cut(assistant.name or "", 256),
            model=cut(assistant.model or "", 200),
            instructions=cut(assistant.instructions or "", 65536),
            tools=storable_json(assistant.tools or []),
            created_at=assistant.created_at,
            fetched_at=fetched_at,
        )
        for assistant in assistants
        if assistant.id
    ]
    Assistant.objects.bulk_create(
        found,
        update_conflicts=True,
        unique_fields=["connection", "upstream_id"],
        update_fields=["name", "model", "instructions", "tools", "created_at", "fetched_at"],
    )
