"""Holds what was done as entries that are only ever added.

A write leaves an *intent* before anything is sent and an *outcome* after. No entry is ever updated or
deleted, and none refers to a user, run or connection by key: their names are copied, so the trail outlives them.
"""

import json
from typing import NoReturn

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
    """Holds one line of the trail."""

    Kind, Result = AuditKind, AuditResult

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    kind = models.CharField(max_length=8, choices=AuditKind.choices)
    action = models.CharField(max_length=40)  # the operation's name, e.g. cancel_run
    actor = models.CharField(max_length=150)
    reason = models.TextField(blank=True)
    connection_slug = models.CharField(max_length=64, blank=True)
    thread_id = models.CharField(max_length=200, blank=True)
    run_id = models.CharField(max_length=200, blank=True)
    token = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 - the form's one-time token; NULL is not unique
    intent_id = models.BigIntegerField(null=True, db_index=True)  # of an outcome: its intent
    result = models.CharField(max_length=20, choices=AuditResult.choices, blank=True)
    sent = models.JSONField(null=True)  # {"method", "url", "body": JSON text, in which keys keep their order}
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    upstream_status = models.IntegerField(null=True)
    upstream_message = models.TextField(blank=True)
    request_id = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["run_id", "id"]),
            models.Index(fields=["thread_id", "id"]),
            models.Index(fields=["actor", "id"]),
            models.Index(fields=["action", "id"]),
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

    def save(self, *args: object, **kwargs: object) -> None:
        if self.pk is not None:
            raise TypeError("An audit entry is never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("An audit entry is never deleted.")

    @property
    def sent_body(self) -> dict:
        """Returns what was sent, keys in their order; empty without a body. Older entries hold it as it is."""
        body = self.sent.get("body") if isinstance(self.sent, dict) else None
        return (json.loads(body) if isinstance(body, str) else body) or {}
