"""Sends what is due: claimed by lease, retried with growing pauses, a limited number a minute for each target."""

import logging
from datetime import timedelta
from threading import Event

from django.db import close_old_connections
from django.db.models import Q
from django.utils import timezone

from .events import find_events
from .models import Delivery
from .sending import send

MAX_ATTEMPTS = 6
PAUSES = [timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800, 7200)]
LEASE = timedelta(seconds=30)
AT_ONCE = 10
MAX_PER_MINUTE = 30  # for each rule; more wait for the next minute
KEPT = timedelta(days=14)
LOOK_EVERY_S = 2.0
SWEEP_EVERY = 1800  # looks
log = logging.getLogger(__name__)


def tell_until(stop: Event) -> None:
    """The worker's thread for this: a slow target must not hold up anything else."""
    looks = 0
    while not stop.wait(LOOK_EVERY_S):
        close_old_connections()
        looks += 1
        try:
            tell()
            if looks % SWEEP_EVERY == 0:
                sweep()
        except Exception:
            log.exception("notifications could not be looked after")
    close_old_connections()


def tell() -> int:
    """One round of the worker: finds events, sends what is due. How many deliveries were sent."""
    find_events()
    return sum(deliver(one) for one in due_deliveries())


def due_deliveries() -> list[Delivery]:
    now = timezone.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    due = Delivery.objects.filter(free, state=Delivery.State.DUE, due_at__lte=now, rule__is_enabled=True)
    return list(due.select_related("rule").order_by("due_at")[:AT_ONCE])


def deliver(delivery: Delivery) -> bool:
    """Sends one delivery unless somebody else does, or its target has had enough this minute."""
    if is_over_limit(delivery):
        Delivery.objects.filter(pk=delivery.pk).update(due_at=timezone.now() + timedelta(minutes=1))
        return False
    if not claim(delivery):
        return False
    is_taken, answer = send(delivery)
    columns = {"attempts": delivery.attempts + 1, "answer": answer[:300], "lease_until": None}
    if is_taken:
        columns |= {"state": Delivery.State.SENT, "sent_at": timezone.now()}
    elif delivery.attempts + 1 >= MAX_ATTEMPTS:
        columns |= {"state": Delivery.State.FAILED}
    else:
        columns |= {"due_at": timezone.now() + PAUSES[min(delivery.attempts, len(PAUSES) - 1)]}
    Delivery.objects.filter(pk=delivery.pk).update(**columns)
    return is_taken


def claim(delivery: Delivery) -> bool:
    now = timezone.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    rows = Delivery.objects.filter(free, pk=delivery.pk, state=Delivery.State.DUE, attempts=delivery.attempts)
    return bool(rows.update(lease_until=now + LEASE))


def is_over_limit(delivery: Delivery) -> bool:
    since = timezone.now() - timedelta(minutes=1)
    return Delivery.objects.filter(rule=delivery.rule_id, sent_at__gte=since).count() >= MAX_PER_MINUTE


def sweep() -> int:
    """Old deliveries go; a rule's page shows the last two weeks."""
    old = Delivery.objects.filter(created_at__lt=timezone.now() - KEPT).exclude(state=Delivery.State.DUE)
    return old.delete()[0]
