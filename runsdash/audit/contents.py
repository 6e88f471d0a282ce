"""Purges the content of entries; the entries and the digests stay, and the chain with them."""

from django.utils import timezone

from .chain import CONTENT
from .models import AuditContent, AuditEntry

PURGE = "purge_thread"  # why something was purged is kept
CHUNK = 500  # ids in one IN (…)


def empty_contents(*, connection_slug: str, **ids: str) -> None:
    """Empties the contents of what was done to a thread or run (`thread_id`, `run_id`).

    A creation names its thread and run in the outcome only, which leads to the intent.
    """
    of = AuditEntry.objects.filter(**ids, connection_slug__in=("", connection_slug)).exclude(action=PURGE)
    keys = sorted({key for pair in of.values_list("pk", "intent_id") for key in pair if key})
    for start in range(0, len(keys), CHUNK):
        rows = AuditContent.objects.filter(pk__in=keys[start : start + CHUNK], purged_at=None)
        rows.update(salt="", **dict.fromkeys(CONTENT, ""), purged_at=timezone.now())
