"""Keeps which run was made from which: the intent of a re-run says it, and whoever learns of the new run keeps it."""

from collections.abc import Mapping, Sequence
from typing import Any

from runsdash.index.models import Run
from runsdash.service.json_types import JsonObject

from .models import Lineage


def origin(source: Run, *, changed: Sequence[str], is_on_copy: bool) -> JsonObject:
    """Returns what the trail keeps with the intent: a lost answer does not lose where the run came from."""
    return {"rerun_of": source.upstream_id, "changed": list(changed), "is_on_copy": is_on_copy}


def keep_lineage(run: Run, before: Mapping[str, Any] | None, *, made_by: str) -> None:
    """Keeps the run's origin. `before`: as an intent has it; when it is no origin, nothing is kept."""
    found = before or {}
    source_id = found.get("rerun_of")
    source = Run.objects.filter(connection_id=run.connection_id, upstream_id=source_id).first() if source_id else None
    if source is None:
        return
    kept = {"source": source, "is_on_copy": found["is_on_copy"], "changed": found["changed"], "made_by": made_by}
    Lineage.objects.update_or_create(run=run, defaults=kept)
