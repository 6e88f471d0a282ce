"""Carries out changes that stay inside RunsDash: permission → intent → change and outcome in one transaction."""

from collections.abc import Callable
from typing import Literal, TypeVar

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction

from runsdash.accounts.guards import READ_ONLY
from runsdash.accounts.models import User
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import record_intent, record_outcome, record_refusal
from runsdash.index.storage.storable_text import storable
from runsdash.service.json_types import JsonFields, JsonLike

Answer = TypeVar("Answer")
Right = Literal["can_see", "can_act", "can_manage"]
LACKS: dict[Right, str] = {
    "can_see": "Your account has no role yet.",
    "can_act": "This needs the role operator.",
    "can_manage": "This needs the role admin.",
}


def change(
    *,
    actor: User,
    action: str,
    right: Right,
    connection_slug: str,
    act: Callable[[], tuple[Answer, JsonLike]],
    before: JsonFields | None = None,
    sent: JsonFields | None = None,
    thread_id: str = "",
    run_id: str = "",
    reason: str = "",
) -> Answer:
    """Carries out `act`, which returns its answer and what the trail keeps as `after`."""
    copied = {
        "action": action, "actor": actor.get_username(), "connection_slug": connection_slug, "before": before,
        "thread_id": thread_id[:200], "run_id": run_id[:200], "reason": storable(reason[:2000]),
    }  # fmt: skip
    refusal = refusal_of(actor, right=right)
    if refusal:
        record_refusal(message=refusal, **copied)
        raise PermissionDenied(refusal)
    intent = record_intent(**copied, sent=sent)
    with transaction.atomic():
        answer, after = act()
        record_outcome(intent, result=AuditEntry.Result.DONE, after=after)
    return answer


def refusal_of(actor: User, *, right: Right) -> str:
    """Says why the actor may not do this; empty when they may."""
    if not actor.is_active:
        return f"The account {actor.get_username()} is turned off."
    if not getattr(actor, right):
        return LACKS[right]
    return READ_ONLY if settings.RUNSDASH_READ_ONLY and right != "can_see" else ""  # one's own things go on changing
