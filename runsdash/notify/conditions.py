"""Counts what rules watch, and writes deliveries when a number gets above its threshold. Sends nothing.

A rule is counted every CHECK_EVERY by whichever worker moves its `check_at` first. Crossings are numbered: each is told
once, and the next only after the number was at or below the threshold. That is told, too, once, to those who had heard.
"""

from datetime import timedelta
from time import monotonic
from urllib.parse import urlencode

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from runsdash.accounts.teams import hidden_from_name
from runsdash.index import run_states
from runsdash.index.bad_rows import skip_if_bad
from runsdash.index.kept_filters import in_address, keep_if_long
from runsdash.index.search.filter_totals import FilterTotals, totals_of
from runsdash.index.search.filter_values import span_of
from runsdash.index.search.run_filter import Clause, RunFilter, parsed
from runsdash.index.search.waits import longest_wait_s
from runsdash.row_access import hiding
from runsdash.service.json_types import JsonFields

from .models import Rule, add_deliveries

CHECK_EVERY = timedelta(seconds=30)
GO_ON_AFTER = timedelta(seconds=2)  # where counting needs several looks
WITHIN_S = 1.0  # a look begins no further rule after that: other chores wait


def look_at_rules() -> int:
    """Counts what is due. Returns how many rules got above their threshold."""
    until, crossed = monotonic() + WITHIN_S, 0
    for rule in Rule.objects.filter(is_enabled=True, check_at__lte=timezone.now()).order_by("check_at"):
        if monotonic() >= until:
            break
        if claim(rule):
            with skip_if_bad("rule", rule.pk):
                crossed += look_at(rule)
    return crossed


def claim(rule: Rule) -> bool:
    """Moves the time of the next look, unless another worker has done so."""
    rows = Rule.objects.filter(pk=rule.pk, check_at=rule.check_at)
    return bool(rows.update(check_at=timezone.now() + CHECK_EVERY))


def look_at(rule: Rule) -> bool:
    """Compares the number with the threshold and tells of a crossing. Returns whether there was one."""
    run_filter = watched(rule)
    with hiding(hidden_from_name(rule.created_by)):  # a rule counts what its owner may look at
        counted = counted_now(rule, run_filter)
    if counted is None:
        Rule.objects.filter(pk=rule.pk).update(check_at=timezone.now() + GO_ON_AFTER)
        return False
    is_above = counted > (rule.threshold or 0)
    with transaction.atomic():
        rows = Rule.objects.filter(pk=rule.pk)
        rows.update(counted=counted, counted_at=timezone.now())
        if not is_above:
            is_back = bool(rows.filter(is_above=True).update(is_above=False))
            rule.refresh_from_db()
            if is_back and rule.told == rule.crossings:
                add_deliveries(rule, key=f"back:{rule.crossings}", body=crossing_body(rule, run_filter, is_back=True))
            return False
        is_crossing = bool(rows.filter(is_above=False).update(is_above=True, crossings=F("crossings") + 1))
        rule.refresh_from_db()
        if rule.told < rule.crossings:
            add_deliveries(rule, key=f"crossing:{rule.crossings}", body=crossing_body(rule, run_filter))
            if not rule.is_muted:  # else it is told when that is over, if the number is still above
                rows.update(told=rule.crossings)
    return is_crossing


def watched(rule: Rule) -> RunFilter:
    """Returns the filter of the runs that the rule counts, by which people can look at them too."""
    run_filter = parsed(rule.view.query if rule.view else "")
    if rule.event == Rule.Event.WAIT:
        return run_filter.with_clause(Clause("is", "waiting"))
    return run_filter.with_clause(
        Clause("since", "today" if rule.event == Rule.Event.DAY_COST else span_of(rule.period_s or 0))
    )


def counted_now(rule: Rule, run_filter: RunFilter) -> float | None:
    """Counts what the rule watches. None when it cannot be said yet."""
    if rule.event == Rule.Event.WAIT:
        return longest_wait_s(run_filter)
    totals = totals_of(run_filter, is_exact=True)
    if rule.event == Rule.Event.FAILURE_RATE:
        return failure_rate(totals, least_runs=rule.least_runs) if totals.is_complete else None
    counted = totals.cost if rule.event == Rule.Event.DAY_COST else float(totals.runs)
    return counted if totals.is_complete or counted > (rule.threshold or 0) else None


def failure_rate(totals: FilterTotals, *, least_runs: int) -> float:
    """Returns how many per cent of the ended runs did not complete; 0 of fewer than `least_runs`."""
    ended = sum(totals.by_status[status] for status in run_states.ENDED)
    failed = sum(totals.by_status[status] for status in run_states.NOT_COMPLETED)
    return 100 * failed / ended if ended >= max(1, least_runs) else 0.0


def crossing_body(rule: Rule, run_filter: RunFilter, *, is_back: bool = False) -> JsonFields:
    """Makes the body of a delivery: numbers and a name, and a link to the runs. `is_back`: the condition has ended."""
    keep_if_long(str(run_filter))
    view = f" Saved view: {rule.view.name}." if rule.view else ""
    return {
        "event": rule.event,
        "sentence": f"{rule.name}: {'no longer ' if is_back else ''}{rule.when}; now {rule.counted_words}.{view}",
        "is_over": is_back,
        "counted": rule.counted,
        "threshold": rule.threshold,
        "view": rule.view.name if rule.view else "",
        "path": f"{reverse('runs')}?{urlencode(in_address(str(run_filter)))}",
    }
