"""Writes the trail and reads it back. Entries are only ever added."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from runsdash import measures
from runsdash.service.json_types import JsonLike

from .chain import append
from .models import AuditEntry, AuditKind, AuditResult

log = logging.getLogger(__name__)
Kind, Result = AuditKind, AuditResult
DONE = [Result.DONE, Result.SETTLED_DONE]


class TokenUsed(Exception):
    """Says that the form's one-time token has been used. `intent`: the first write made with it."""

    def __init__(self, intent: AuditEntry) -> None:
        super().__init__(f"token of audit entry {intent.pk}")
        self.intent = intent


def with_content() -> QuerySet[AuditEntry]:
    """Reads entries together with their content."""
    return AuditEntry.objects.select_related("content")


def record_intent(**columns: JsonLike) -> AuditEntry:
    """Commits the intent before anything is sent. Raises TokenUsed when its token is not new."""
    try:
        with transaction.atomic():
            return append(kind=Kind.INTENT, **columns)
    except IntegrityError:
        first = AuditEntry.objects.filter(token=columns.get("token")).first()
        if first is None:
            raise
        raise TokenUsed(first) from None


def refuse_used(token: str | None) -> None:
    """Raises TokenUsed when a write was made with this token, before anything else is looked at."""
    first = AuditEntry.objects.filter(token=token).first() if token else None
    if first is not None:
        raise TokenUsed(first)


def record_refusal(*, message: str, **columns: JsonLike) -> AuditEntry:
    """Records what RunsDash turned down by itself; nothing was sent."""
    refusal = append(kind=Kind.REFUSAL, result=Result.REFUSED, upstream_message=message, **columns)
    measures.count("runsdash_audited_actions_total", refusal.action, refusal.result)
    return refusal


def record_outcome(intent: AuditEntry, *, result: str, **columns: JsonLike) -> AuditEntry:
    """Records what became of `intent`, last in a transaction. A created run's ids are known only now."""
    copied = ("action", "actor", "reason", "connection_slug", "thread_id", "run_id", "before")
    values = {name: getattr(intent, name) for name in copied} | columns
    outcome = append(kind=Kind.OUTCOME, intent_id=intent.pk, result=result, **values)
    measures.count("runsdash_audited_actions_total", outcome.action, outcome.result)
    ids = {"audit_entry": intent.pk, "upstream_request_id": outcome.request_id}
    log.info("%s: %s", outcome.action, outcome.result, extra=ids)
    return outcome


def record_done(*, action: str, actor: str, before: JsonLike = None, after: JsonLike = None) -> None:
    """Records what is done already, as intent and outcome: what nobody may forbid and no upstream takes part in."""
    with transaction.atomic():
        intent = record_intent(action=action, actor=actor[:150], before=before)
        record_outcome(intent, result=Result.DONE, after=after)


@dataclass
class AuditedAction:
    """Holds an intent with all that was recorded of it; a refusal stands alone."""

    intent: AuditEntry
    outcomes: list[AuditEntry] = field(default_factory=list)

    @property
    def last(self) -> AuditEntry | None:
        return self.outcomes[-1] if self.outcomes else None

    @property
    def result(self) -> str:
        """Returns an AuditResult; `unclear` when nothing came after the intent."""
        if self.intent.kind == Kind.REFUSAL:
            return Result.REFUSED
        return self.last.result if self.last else Result.UNCLEAR

    @property
    def result_label(self) -> str:
        return Result(self.result).label

    @property
    def is_done(self) -> bool:
        return self.result in DONE

    @property
    def is_open(self) -> bool:
        return self.result == Result.UNCLEAR


def actions_of(entries: Iterable[AuditEntry]) -> list[AuditedAction]:
    """Joins entries to actions, newest first. Pass those of whole actions: outcomes without an intent are left out."""
    entries = sorted(entries, key=lambda entry: entry.pk)
    found = {entry.pk: AuditedAction(entry) for entry in entries if entry.kind != Kind.OUTCOME}
    for entry in entries:
        if entry.kind == Kind.OUTCOME and entry.intent_id in found:
            found[entry.intent_id].outcomes.append(entry)
    return sorted(found.values(), key=lambda audited: -audited.intent.pk)


def action_of(intent: AuditEntry) -> AuditedAction:
    return actions_of([intent, *with_content().filter(intent_id=intent.pk)])[0]


def actions_of_run(run_id: str, *, limit: int = 200) -> list[AuditedAction]:
    """Returns all that was done to a run, newest first. A creation is found by the run id of its outcome."""
    return actions_of(_with_intents(with_content().filter(run_id=run_id).order_by("-id")[:limit]))


def actions_of_thread(thread_id: str, *, limit: int = 200) -> list[AuditedAction]:
    return actions_of(_with_intents(with_content().filter(thread_id=thread_id).order_by("-id")[:limit]))


def deletion_of(thread_id: str, *, connection_slug: str) -> AuditEntry | None:
    """Finds the outcome of the deletion that somebody here carried out upstream; None when nobody here did."""
    rows = with_content().filter(thread_id=thread_id, connection_slug=connection_slug, action="delete_thread")
    return rows.filter(kind=Kind.OUTCOME, result__in=DONE).order_by("-id").first()


def _with_intents(entries: QuerySet[AuditEntry]) -> list[AuditEntry]:
    there = {entry.pk for entry in entries}
    missing = {entry.intent_id for entry in entries if entry.intent_id and entry.intent_id not in there}
    return [*entries, *with_content().filter(pk__in=missing)]
