"""Holds what was done as entries that are only ever added, and their content beside them.

A write leaves an *intent* before anything is sent and an *outcome* after. No entry is ever updated or deleted, which
triggers refuse too, and none refers to a user, run or connection by key: their names are copied, so the trail outlives
them. The content of an entry may be purged; the entry keeps its digest.
"""

import json
from typing import Any, NoReturn

from django.db import models


class AuditKind(models.TextChoices):
    INTENT = "intent", "intent"
    OUTCOME = "outcome", "outcome"
    REFUSAL = "refusal", "refusal"  # turned down by RunsDash itself, nothing was sent


class AuditResult(models.TextChoices):
    NONE = "", ""
    DONE = "done", "done"
    UNCHANGED = "unchanged", "taken, nothing changed"  # the upstream took it and answered with things as they were
    REFUSED = "refused", "refused"  # by the upstream, with a reply
    FAILED = "failed", "failed"  # the upstream answered 5xx, or was never reached
    UNCLEAR = "unclear", "outcome unclear"  # sent, no answer
    SETTLED_DONE = "settled_done", "done, found by reading"
    SETTLED_NOT_DONE = "settled_not_done", "not done, found by reading"
    SETTLED_OPEN = "settled_open", "could not be told apart"


class AuditEntry(models.Model):
    """Holds one line of the trail: who, what, when, ids and digests. `chain.append` writes it and gives it its id."""

    Kind, Result = AuditKind, AuditResult

    at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=8, choices=AuditKind.choices)
    action = models.CharField(max_length=40)  # the operation's name, e.g. cancel_run
    actor = models.CharField(max_length=150)
    connection_slug = models.CharField(max_length=64, blank=True)
    thread_id = models.CharField(max_length=200, blank=True)
    run_id = models.CharField(max_length=200, blank=True)
    token = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 - the form's one-time token; NULL is not unique
    intent_id = models.BigIntegerField(null=True, db_index=True)  # of an outcome: its intent
    result = models.CharField(max_length=20, choices=AuditResult.choices, blank=True)
    upstream_status = models.IntegerField(null=True)
    request_id = models.CharField(max_length=200, blank=True)
    digests = models.JSONField(default=dict)  # of each content that it was written with, by name
    previous_hash = models.CharField(max_length=64, blank=True)  # of the entry before; "" of the first
    hash = models.CharField(max_length=64)

    class Meta:
        indexes = [
            models.Index(fields=["run_id", "id"]),
            models.Index(fields=["thread_id", "id"]),
            models.Index(fields=["actor", "id"]),
            models.Index(fields=["action", "id"]),
            models.Index(fields=["connection_slug", "id"]),
        ]
        constraints = [
            # A page and the worker may both find out the same thing; it is recorded once.
            models.UniqueConstraint(
                fields=["intent_id"],
                condition=models.Q(result__in=["settled_done", "settled_not_done", "settled_open"]),
                name="settled_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.kind} {self.run_id or self.thread_id}"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("An audit entry is never changed, and written by chain.append alone.")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("An audit entry is never deleted.")

    @property
    def kept_content(self) -> "AuditContent":
        """Returns the content; an empty one when it was written without."""
        return getattr(self, "content", None) or AuditContent()

    @property
    def reason(self) -> str:
        return self.kept_content.reason

    @property
    def upstream_message(self) -> str:
        return self.kept_content.upstream_message

    @property
    def sent(self) -> Any:
        """Returns {"method", "url", "body": JSON text, in which keys keep their order}, or None."""
        return of_text(self.kept_content.sent)

    @property
    def before(self) -> Any:
        return of_text(self.kept_content.before)

    @property
    def after(self) -> Any:
        return of_text(self.kept_content.after)

    @property
    def sent_body(self) -> dict:
        """Returns what was sent, keys in their order; empty without a body. Older entries hold it as it is."""
        sent = self.sent
        body = sent.get("body") if isinstance(sent, dict) else None
        return (json.loads(body) if isinstance(body, str) else body) or {}


class AuditContent(models.Model):
    """Holds the content of one entry, secrets taken out. A purge empties it and leaves the row to say when."""

    entry = models.OneToOneField(AuditEntry, primary_key=True, related_name="content", on_delete=models.PROTECT)
    salt = models.CharField(max_length=32, blank=True)  # purged too, so that nobody can guess short texts from digests
    sent = models.TextField(blank=True)  # JSON text, as are before and after
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    upstream_message = models.TextField(blank=True)
    purged_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"content of entry {self.entry_id}"


def of_text(text: str) -> Any:
    return json.loads(text) if text else None
