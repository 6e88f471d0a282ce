"""Finds what there is to tell: new status changes, and runs that have become stale. Writes deliveries, sends nothing."""

from datetime import timedelta

from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.bad_rows import skip_if_bad
from runsdash.index.models import Run, StatusSeen

from .models import Delivery, Rule

RECENT = timedelta(hours=1)  # an import of old runs tells nobody
BATCH = 500
STATUSES = {Rule.Event.NEEDS_ACTION: [run_states.WAITING], Rule.Event.FAILURE: run_states.NOT_COMPLETED}


def find_events() -> int:
    """Deliveries made for what has happened since the last look."""
    made = 0
    for rule in Rule.objects.filter(is_enabled=True):
        with skip_if_bad("rule", rule.pk):
            made += add_stale_runs(rule) if rule.event == Rule.Event.STALE else add_status_changes(rule)
    return made


def newest_change() -> int:
    """Where a new rule begins: it tells of nothing older than itself."""
    return StatusSeen.objects.aggregate(newest=Max("pk"))["newest"] or 0


def add_status_changes(rule: Rule) -> int:
    changes = StatusSeen.objects.filter(pk__gt=rule.seen_up_to).select_related("run__thread", "run__connection")
    changes = list(changes.order_by("pk")[:BATCH])
    if not changes:
        return 0
    made = 0
    for one in changes:
        with skip_if_bad("run", one.run.upstream_id):
            if one.status in STATUSES[rule.event] and matches(rule, one.run):
                made += add_delivery(rule, one.run, key=f"{one.status}:{one.pk}", status=one.status)
    Rule.objects.filter(pk=rule.pk, seen_up_to__lt=changes[-1].pk).update(seen_up_to=changes[-1].pk)
    return made


def add_stale_runs(rule: Rule) -> int:
    overdue = Run.objects.overdue(timezone.now()).select_related("thread", "connection")
    made = 0
    for run in overdue[:BATCH]:
        with skip_if_bad("run", run.upstream_id):
            made += matches(rule, run) and add_delivery(rule, run, key=f"stale:{run.pk}", status="stale")
    return made


def matches(rule: Rule, run: Run) -> bool:
    if rule.assistant_id and run.assistant_id != rule.assistant_id:
        return False
    if rule.event == Rule.Event.FAILURE and rule.error_code and run.error_code != rule.error_code:
        return False
    if rule.event == Rule.Event.STALE:
        return True
    return (run.ended_at or run.created_at) > timezone.now() - RECENT


def add_delivery(rule: Rule, run: Run, *, key: str, status: str) -> bool:
    defaults = {"body": event_body(rule, run, status=status), "due_at": timezone.now()}
    _, is_new = Delivery.objects.get_or_create(rule=rule, event_key=key, defaults=defaults)
    return is_new


def add_test_delivery(rule: Rule) -> Delivery:
    """A made-up event for the worker to send, unless one is still waiting for it."""
    waiting = rule.deliveries.filter(state=Delivery.State.DUE, event_key__startswith=Delivery.TEST).first()
    if waiting is not None:
        return waiting
    now = timezone.now()
    body = {"event": "test", "sentence": "This is a test.", "path": reverse("notification_rule", args=[rule.pk])}
    return Delivery.objects.create(rule=rule, event_key=f"{Delivery.TEST}{now.timestamp()}", body=body, due_at=now)


def event_body(rule: Rule, run: Run, *, status: str) -> dict[str, object]:
    """What is told. Ids, times and names only: no text of the conversation leaves by this way."""
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
        return f"Run {run.upstream_id} waits for tool outputs."
    if status == "stale":
        return f"Run {run.upstream_id} has been {run.status} for a long time."
    return f"Run {run.upstream_id} ended as {status}{f' ({run.error_code})' if run.error_code else ''}."
