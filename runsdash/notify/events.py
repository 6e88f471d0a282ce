"""Finds new status changes and stale runs that a rule asks for, and writes a delivery for each. Sends nothing."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from runsdash.accounts.teams import hidden_from_name
from runsdash.index import run_states
from runsdash.index.bad_rows import skip_if_bad
from runsdash.index.models import Run, StatusSeen
from runsdash.row_access import Hidden
from runsdash.service.json_types import JsonFields

from .models import Delivery, DeliveryState, Rule, add_deliveries

RECENT = timedelta(hours=1)  # an import of old runs notifies nobody
BATCH = 500
STATUSES: dict[str, list[str]] = {  # all of them are in run_states.TELLS
    Rule.Event.NEEDS_ACTION: [run_states.WAITING],
    Rule.Event.FAILURE: run_states.NOT_COMPLETED,
}


def find_events() -> int:
    """Adds deliveries for what has happened since the last look. Returns how many."""
    rules = list(Rule.objects.filter(is_enabled=True).exclude(event__in=Rule.WATCHING))
    added = add_status_changes(rules)
    for rule in rules:
        if rule.event == Rule.Event.STALE:
            with skip_if_bad("rule", rule.pk):
                added += add_stale_runs(rule)
    return added


def add_status_changes(rules: Sequence[Rule]) -> int:
    """Adds deliveries for status changes that are still to be told, and marks them as looked at.

    Whoever commits last is looked at last: the rows say what is open, no number does.
    """
    to_tell = StatusSeen.objects.filter(is_to_tell=True)
    if not to_tell.exists():
        return 0
    added, hidden = 0, hidden_by_rule(rules)
    with transaction.atomic():
        claimed = to_tell.select_for_update(skip_locked=True, of=("self",)).order_by("pk")
        changes = list(claimed.select_related("run__thread", "run__connection")[:BATCH])
        for one in changes:
            with skip_if_bad("run", one.run.upstream_id):
                seen_by = [rule for rule in rules if one.run.connection_id not in hidden[rule.created_by]]
                added += sum(add_status_change(rule, one) for rule in seen_by)
        to_tell.filter(pk__in=[one.pk for one in changes]).update(is_to_tell=None)
    return added


def hidden_by_rule(rules: Sequence[Rule]) -> dict[str, Hidden]:
    """Returns the connections that owners of rules do not see: a rule tells of what its owner may look at."""
    return {name: hidden_from_name(name) for name in {rule.created_by for rule in rules}}


def add_status_change(rule: Rule, seen: StatusSeen) -> int:
    is_asked_for = seen.status in STATUSES.get(rule.event, []) and seen.seen_at >= rule.created_at
    if not (is_asked_for and matches(rule, seen.run)):
        return 0
    return add_of_run(rule, seen.run, key=f"{seen.status}:{seen.pk}", status=seen.status)


def add_stale_runs(rule: Rule) -> int:
    overdue = Run.objects.overdue(timezone.now()).select_related("thread", "connection")
    overdue = overdue.exclude(connection__in=hidden_from_name(rule.created_by))
    added = 0
    for run in overdue[:BATCH]:
        with skip_if_bad("run", run.upstream_id):
            if matches(rule, run):
                added += add_of_run(rule, run, key=f"stale:{run.pk}", status="stale")
    return added


def matches(rule: Rule, run: Run) -> bool:
    """Checks a rule's connection, assistant and error code against a run, and that the run is recent."""
    if rule.connection_id not in (None, run.connection_id):
        return False
    if rule.assistant_id not in ("", run.assistant_id):
        return False
    if rule.event == Rule.Event.FAILURE and rule.error_code not in ("", run.error_code):
        return False
    return rule.event == Rule.Event.STALE or (run.ended_at or run.created_at) > timezone.now() - RECENT


def add_of_run(rule: Rule, run: Run, *, key: str, status: str) -> int:
    return add_deliveries(rule, key=key, body=event_body(rule, run, status=status))


def add_test_deliveries(rule: Rule) -> None:
    """Adds a made-up event for the worker to send to each target that no other test is under way to."""
    now = timezone.now()
    body = {"event": "test", "sentence": "This is a test.", "path": reverse("notification_rule", args=[rule.pk])}
    tests = rule.deliveries.filter(state=DeliveryState.DUE, event_key__startswith=Delivery.TEST)
    for channel in rule.targets:
        if not tests.filter(channel=channel).exists():
            key = f"{Delivery.TEST}{now.timestamp()}"
            Delivery.objects.create(rule=rule, event_key=key, channel=channel, body=body, due_at=now)


def event_body(rule: Rule, run: Run, *, status: str) -> JsonFields:
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
