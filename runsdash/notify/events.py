"""Finds new status changes and stale runs that a rule asks for, and writes a delivery for each. Sends nothing."""

from datetime import timedelta

from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.bad_rows import skip_if_bad
from runsdash.index.models import Run, StatusSeen

from .models import Delivery, DeliveryState, Rule

RECENT = timedelta(hours=1)  # an import of old runs notifies nobody
BATCH = 500
STATUSES: dict[str, list[str]] = {
    Rule.Event.NEEDS_ACTION: [run_states.WAITING],
    Rule.Event.FAILURE: run_states.NOT_COMPLETED,
}


def find_events() -> int:
    """Adds deliveries for what has happened since the last look. Returns how many."""
    added = 0
    for rule in Rule.objects.filter(is_enabled=True):
        with skip_if_bad("rule", rule.pk):
            added += add_stale_runs(rule) if rule.event == Rule.Event.STALE else add_status_changes(rule)
    return added


def newest_change() -> int:
    """Returns the key of the newest status change: a new rule begins after it."""
    return StatusSeen.objects.aggregate(newest=Max("pk"))["newest"] or 0


def add_status_changes(rule: Rule) -> int:
    """Adds deliveries for the next status changes that the rule has not seen."""
    unseen = StatusSeen.objects.filter(pk__gt=rule.seen_up_to).select_related("run__thread", "run__connection")
    changes = list(unseen.order_by("pk")[:BATCH])
    added = 0
    for one in changes:
        with skip_if_bad("run", one.run.upstream_id):
            if one.status in STATUSES[rule.event] and matches(rule, one.run):
                added += add_delivery(rule, one.run, key=f"{one.status}:{one.pk}", status=one.status)
    if changes:
        Rule.objects.filter(pk=rule.pk, seen_up_to__lt=changes[-1].pk).update(seen_up_to=changes[-1].pk)
    return added


def add_stale_runs(rule: Rule) -> int:
    overdue = Run.objects.overdue(timezone.now()).select_related("thread", "connection")
    added = 0
    for run in overdue[:BATCH]:
        with skip_if_bad("run", run.upstream_id):
            if matches(rule, run):
                added += add_delivery(rule, run, key=f"stale:{run.pk}", status="stale")
    return added


def matches(rule: Rule, run: Run) -> bool:
    """Checks a rule's assistant and error code against a run, and that the run is recent."""
    if rule.assistant_id not in ("", run.assistant_id):
        return False
    if rule.event == Rule.Event.FAILURE and rule.error_code not in ("", run.error_code):
        return False
    return rule.event == Rule.Event.STALE or (run.ended_at or run.created_at) > timezone.now() - RECENT


def add_delivery(rule: Rule, run: Run, *, key: str, status: str) -> bool:
    """Adds a delivery unless the rule has one for this event. Returns whether it was added."""
    defaults = {"body": event_body(rule, run, status=status), "due_at": timezone.now()}
    _, is_new = Delivery.objects.get_or_create(rule=rule, event_key=key, defaults=defaults)
    return is_new


def add_test_delivery(rule: Rule) -> Delivery:
    """Adds a made-up event for the worker to send, unless one still waits for it."""
    if waiting := rule.deliveries.filter(state=DeliveryState.DUE, event_key__startswith=Delivery.TEST).first():
        return waiting
    now = timezone.now()
    body = {"event": "test", "sentence": "This is a test.", "path": reverse("notification_rule", args=[rule.pk])}
    return Delivery.objects.create(rule=rule, event_key=f"{Delivery.TEST}{now.timestamp()}", body=body, due_at=now)


def event_body(rule: Rule, run: Run, *, status: str) -> dict[str, object]:
    """Makes the body of a delivery. Ids, times and names only: no text of a conversation leaves this way."""
    ids = [run.thread.upstream_id, run.upstream_id]
    return {
        "event": rule.event,
        "sentence": sentence(run, status=status),
        "connection": run.connection.slug,
        "thread_id": run.thread.upstream_id,
        "run_id": run.upstream_id,
        "assistant_id": run.assistant_id,
        "status": run.status,
        "error_code": run.error_code,
        "expires_at": run.expires_at.isoformat() if run.expires_at else None,
        "functions": [str(call.get("name") or "") for call in run.pending_calls][:20] if run.waits_for else [],
        "path": reverse("run", args=ids) + f"?connection={run.connection.slug}",
    }


def sentence(run: Run, *, status: str) -> str:
    if status == run_states.WAITING:
        return f"Run {run.upstream_id} waits for {'approvals' if run.waits_for_approval else 'tool outputs'}."
    if status == "stale":
        return f"Run {run.upstream_id} has been {run.status} for a long time."
    return f"Run {run.upstream_id} ended as {status}{f' ({run.error_code})' if run.error_code else ''}."
