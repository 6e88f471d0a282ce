"""Chains the entries of the trail: each carries the hash of the one before, and its own.

The hash covers an entry's columns and the digests of its content, so the chain holds after a purge. It shows changes
and removals by anyone who does not write all later entries anew; a head that was noted elsewhere shows that too.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from runsdash.row_access import everything
from runsdash.service.json_types import JsonFields, JsonLike

from .models import AuditContent, AuditEntry
from .redaction import redacted

CONTENT = ("sent", "before", "after", "reason", "upstream_message")
AS_JSON = ("sent", "before", "after")
HASHED = (
    "id", "at", "kind", "action", "actor", "connection_slug", "thread_id", "run_id", "token", "intent_id", "result",
    "upstream_status", "request_id", "digests",
)  # fmt: skip
CHAIN_LOCK = 4_711_003  # PostgreSQL's advisory lock of whoever appends
ENTRIES_AT_ONCE = 500


def append(**columns: JsonLike) -> AuditEntry:
    """Writes an entry and its content. Call it last in a transaction: others who append wait until that ends."""
    texts = content_texts({name: columns.pop(name, None) for name in CONTENT})
    salt = secrets.token_hex(16)
    given = {"at": timezone.now()} | columns | {"digests": digests_of(texts, salt)}
    with transaction.atomic():
        hold_chain()
        with everything():  # the last entry may be one that its writer does not see
            last = AuditEntry.objects.order_by("-pk").values_list("pk", "hash").first()
        number, previous = last or (0, "")
        entry = AuditEntry(id=number + 1, previous_hash=previous, **given)
        entry.hash = hash_of(vars(entry), previous)
        entry.save_base(force_insert=True)
        if texts:
            AuditContent.objects.create(entry=entry, salt=salt, **texts)
    return entry


def hold_chain() -> None:
    """Lets one append at a time. SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])


def content_texts(content: JsonFields) -> dict[str, str]:
    """Writes each content that there is as text, secrets taken out."""
    texts = {}
    for name, value in content.items():
        if value is not None and value != "":
            clean = redacted(value)
            texts[name] = json.dumps(clean) if name in AS_JSON else str(clean)
    return texts


def digests_of(texts: Mapping[str, str], salt: str) -> dict[str, str]:
    return {name: digest(text, name=name, salt=salt) for name, text in texts.items()}


def digest(text: str, *, name: str, salt: str) -> str:
    return hashlib.sha256(f"{salt} {name} {text}".encode(errors="surrogatepass")).hexdigest()


def hash_of(columns: Mapping[str, JsonLike | datetime], previous: str) -> str:
    """Hashes what an entry holds. Columns without a value do not count, so that later ones can be added."""
    held = {name: columns[name] for name in HASHED if columns[name] not in (None, "", {})}
    text = json.dumps([previous, held], sort_keys=True, separators=(",", ":"), default=as_text)
    return hashlib.sha256(text.encode()).hexdigest()


def as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{value!r} has no place in an entry.")


@dataclass
class Checked:
    """Holds what became of a check. `broken`: a sentence about the first break, or ""."""

    entries: int = 0
    purged: int = 0
    number: int = 0
    head: str = ""
    broken: str = ""


def check_chain(*, until: str = "") -> Checked:
    """Reads the whole trail up to its first break. `until`: a hash that must be among those of the entries."""
    checked, is_met = Checked(), not until
    entries = AuditEntry.objects.select_related("content").order_by("pk")
    for entry in entries.iterator(chunk_size=ENTRIES_AT_ONCE):
        checked.broken = break_before(entry, checked) or break_in(entry) or break_of_content(entry)
        if checked.broken:
            return checked
        checked.entries += 1
        checked.purged += entry.kept_content.purged_at is not None
        checked.number, checked.head = entry.pk, entry.hash
        is_met = is_met or entry.hash == until
    if not is_met:
        checked.broken = f"No entry has the hash {until}: entries were removed at the end, or all were written anew."
    return checked


def break_before(entry: AuditEntry, checked: Checked) -> str:
    if entry.previous_hash == checked.head:
        return ""
    before = f"entry {checked.number}" if checked.entries else "the beginning"
    return f"Entry {entry.pk} does not follow {before}: what stood between them was removed or changed."


def break_in(entry: AuditEntry) -> str:
    was_changed = hash_of(vars(entry), entry.previous_hash) != entry.hash
    return f"Entry {entry.pk} was changed after it was written." if was_changed else ""


def break_of_content(entry: AuditEntry) -> str:
    content = entry.kept_content
    texts = {name: text for name in CONTENT if (text := getattr(content, name))}
    if content.purged_at is None and digests_of(texts, content.salt) != entry.digests:
        return f"The content of entry {entry.pk} was changed or removed after it was written."
    if content.purged_at is not None and texts:
        return f"The content of entry {entry.pk} was purged, and there is some again."
    return ""
