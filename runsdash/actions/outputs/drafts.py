"""Keeps what a person types for a run's tool calls until it is sent.

Nothing here asks an upstream or writes the trail.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.actions.models import Lineage
from runsdash.index.models import Run
from runsdash.index.storage.storable_text import storable
from runsdash.service.checks import MAX_TOOL_OUTPUTS_BYTES

from .outputs import Draft, SentOutput

KEPT_FOR = timedelta(days=30)
MAX_DRAFTS = 200  # of one run


def own(user: User, run: Run) -> QuerySet[Draft]:
    return Draft.objects.filter(user=user, connection_id=run.connection_id, run_upstream_id=run.upstream_id)


def drafts_of(user: User, run: Run) -> dict[str, Draft]:
    """Returns a person's drafts for a run, by call id."""
    return {draft.call_id: draft for draft in own(user, run).order_by("id")[:MAX_DRAFTS]}


def save_drafts(*, user: User, run: Run, texts: Mapping[str, str]) -> datetime | None:
    """Keeps `texts` by call id; an emptied one goes. What was just sent is no draft. Returns when it saved, or None."""
    now, there, names = timezone.now(), drafts_of(user, run), names_of(run)
    sent = set(
        SentOutput.objects.filter(run_upstream_id=run.upstream_id, sent_by=user.get_username()).values_list(
            "call_id", flat=True
        )
    )
    kept = {
        call_id[:200]: storable(text[:MAX_TOOL_OUTPUTS_BYTES])
        for call_id, text in list(texts.items())[:MAX_DRAFTS]
        if call_id[:200] not in sent
    }
    gone = [call_id for call_id, text in kept.items() if not text and call_id in there]
    if gone:
        own(user, run).filter(call_id__in=gone).delete()
    changed = {one: text for one, text in kept.items() if text and (one not in there or there[one].text != text)}
    for call_id, text in changed.items():
        Draft.objects.update_or_create(
            user=user, connection_id=run.connection_id, run_upstream_id=run.upstream_id, call_id=call_id,
            defaults={"text": text, "saved_at": now, "function_name": names.get(call_id, "")},
        )  # fmt: skip
    if changed:
        Draft.objects.filter(saved_at__lt=now - KEPT_FOR).delete()
    return now if any(kept.values()) else None


def discard_drafts(*, user: User, run: Run, call_ids: set[str] | None = None) -> None:
    found = own(user, run)
    (found if call_ids is None else found.filter(call_id__in=call_ids)).delete()


def names_of(run: Run) -> dict[str, str]:
    """Returns function names by call id, of the calls the run waits for or waited for last."""
    calls = [call for call in run.pending_calls if isinstance(call, dict)]
    return {str(call.get("id") or ""): str(call.get("name") or "") for call in calls}


def inherited(user: User, run: Run) -> dict[str, Draft]:
    """Finds what was typed for the same functions of a re-run's source and never sent, by this run's call ids."""
    lineage = Lineage.objects.select_related("source").filter(run=run).first()
    if lineage is None:
        return {}
    left = list(own(user, lineage.source).order_by("id")[:MAX_DRAFTS])
    found: dict[str, Draft] = {}
    for call_id, name in names_of(run).items():
        draft = next((one for one in left if name and one.function_name == name), None)
        if draft:
            left.remove(draft)
            found[call_id] = draft
    return found
