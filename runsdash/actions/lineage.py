"""Which run was made from which: told by the intent of a re-run, and kept wherever the new run becomes known."""

from collections.abc import Sequence

from runsdash.index.models import Run

from .models import Lineage


def origin(source: Run, *, changed: Sequence[str], is_on_copy: bool) -> dict[str, object]:
    """What the trail keeps with the intent, so that an answer that is lost does not lose where the run came from."""
    return {"rerun_of": source.upstream_id, "changed": list(changed), "is_on_copy": is_on_copy}


def keep_lineage(run: Run, told: object, *, made_by: str) -> None:
    """`told`: an origin, or whatever else an intent has there; then nothing is kept."""
    source_id = told.get("rerun_of") if isinstance(told, dict) else None
    source = Run.objects.filter(connection_id=run.connection_id, upstream_id=source_id).first() if source_id else None
    if source is None:
        return
    kept = {"source": source, "is_on_copy": told["is_on_copy"], "changed": told["changed"], "made_by": made_by}
    Lineage.objects.update_or_create(run=run, defaults=kept)
