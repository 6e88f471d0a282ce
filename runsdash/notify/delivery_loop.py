"""Sends what is due: claimed by lease, side by side, retried with growing pauses, a limited number a minute a rule.

The loop: every LOOK_EVERY_S, `deliver_until` turns new events into rows of Delivery and starts the oldest due row of
each rule that has none being sent. To start is to claim the row by a lease and to send in a thread of its own, which
touches no database and is over by DEADLINE_S. While any is being sent, the loop wakes every BUSY_S, stores what came of
those that are over, and starts the next. A worker that dies stores nothing; its leases run out and others send again.
"""

import logging
from datetime import timedelta
from threading import Event
from time import monotonic

from django.conf import settings
from django.db import close_old_connections, connections
from django.db.models import Q
from django.utils import timezone

from runsdash import measures
from runsdash.index.bad_rows import skip_if_bad
from runsdash.index.storage import leases

from .events import find_events
from .models import Delivery, DeliveryState
from .sending import DeliveryAttempt

PAUSES = [timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800, 7200)]
MAX_ATTEMPTS = len(PAUSES) + 1
DEADLINE_S = 10.0  # of an attempt as a whole
LEASE = timedelta(seconds=30)  # longer than that, so that nothing is sent by two
AT_ONCE = 16
MAX_PER_MINUTE = 30  # for each rule; more wait for the next minute
LOOK_EVERY_S = 2.0
BUSY_S = 0.1
LAST_WAIT_S = 0.5
SWEEP_EVERY_S = 3600.0
log = logging.getLogger(__name__)


class Sender:
    """Sends side by side, of each rule one delivery at a time: a silent target holds up its own rule alone."""

    def __init__(self, *, deadline_s: float = DEADLINE_S) -> None:
        self.deadline_s = deadline_s
        self.attempts: list[DeliveryAttempt] = []
        self.any_over = Event()  # set by every attempt that is over

    def start_due(self) -> None:
        """Claims and starts the oldest due delivery of every rule that has none being sent."""
        skipped_rules = [one.delivery.rule_id for one in self.attempts]
        while len(self.attempts) < AT_ONCE and (delivery := next_due(skipped_rules)) is not None:
            skipped_rules.append(delivery.rule_id)
            with skip_if_bad("delivery", delivery.pk):
                if not put_off_if_over_limit(delivery) and claim(delivery):
                    self.attempts.append(DeliveryAttempt(delivery, deadline_s=self.deadline_s, any_over=self.any_over))

    def store_results(self) -> list[bool]:
        """Stores what came of the attempts that are over. Returns of each whether the target took it."""
        self.any_over.clear()  # before they are looked at, so that none is missed
        results = [(one.delivery, *one.result) for one in self.attempts if one.result is not None]
        self.attempts = [one for one in self.attempts if one.result is None]
        for delivery, is_taken, answer in results:
            with skip_if_bad("delivery", delivery.pk):
                store_result(delivery, is_taken, answer)
        return [is_taken for _, is_taken, _ in results]


def deliver_until(stop: Event) -> None:
    """Finds events and sends deliveries until `stop` is set: the worker's thread for notifications."""
    sender, look_at, sweep_at = Sender(), 0.0, monotonic() + SWEEP_EVERY_S
    while not stop.wait(BUSY_S if sender.attempts else LOOK_EVERY_S):
        close_old_connections()
        try:
            has_results = bool(sender.store_results())
            if is_look := monotonic() >= look_at:
                look_at = monotonic() + LOOK_EVERY_S
                find_events()
            if has_results or is_look:
                sender.start_due()
            if monotonic() >= sweep_at:
                sweep_at = monotonic() + SWEEP_EVERY_S
                sweep()
        except Exception:
            log.exception("notifications could not be looked after")
    if sender.attempts and sender.any_over.wait(LAST_WAIT_S):
        sender.store_results()  # what is not written down goes out again
    connections.close_all()


def deliver_due(*, deadline_s: float = DEADLINE_S) -> int:
    """Finds events and sends all that is due. Returns how many deliveries were sent."""
    find_events()
    sender, sent = Sender(deadline_s=deadline_s), 0
    sender.start_due()
    while sender.attempts:
        sender.any_over.wait(deadline_s)
        sent += sum(sender.store_results())
        sender.start_due()
    return sent


def next_due(skipped_rules: list[int]) -> Delivery | None:
    """Returns the oldest due delivery that nobody holds. Of a rule that is off or muted, only tests go out."""
    now = timezone.now()
    is_loud = Q(rule__muted_until__isnull=True) | Q(rule__muted_until__lte=now)
    may_go = Q(rule__is_enabled=True) & is_loud | Q(event_key__startswith=Delivery.TEST)
    due = Delivery.objects.filter(leases.free(now), may_go, state=DeliveryState.DUE, due_at__lte=now)
    return due.exclude(rule__in=skipped_rules).select_related("rule").order_by("due_at", "pk").first()


def store_result(delivery: Delivery, is_taken: bool, answer: str) -> None:
    """Writes down what came of one attempt, and when the next one is due. A test has one."""
    columns = {"attempts": delivery.attempts + 1, "answer": answer[:300], "lease_until": None}
    if is_taken:
        columns |= {"state": DeliveryState.SENT, "sent_at": timezone.now()}
    elif delivery.is_test or delivery.attempts + 1 >= MAX_ATTEMPTS:
        columns["state"] = DeliveryState.FAILED
    else:
        columns["due_at"] = timezone.now() + PAUSES[delivery.attempts]
    Delivery.objects.filter(pk=delivery.pk).update(**columns)
    outcome = columns.get("state", "put_off")
    measures.count("runsdash_delivery_attempts_total", delivery.channel, str(outcome))


def claim(delivery: Delivery) -> bool:
    """Takes the delivery's lease, unless another worker has it or has tried since."""
    rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.DUE, attempts=delivery.attempts)
    return leases.claim(rows, hold=lambda _: LEASE) is not None


def put_off_if_over_limit(delivery: Delivery) -> bool:
    """Puts off all that a rule has due when it has sent enough this minute."""
    now = timezone.now()
    sent = Delivery.objects.filter(rule=delivery.rule_id, sent_at__gte=now - timedelta(minutes=1)).count()
    if sent < MAX_PER_MINUTE:
        return False
    due = Delivery.objects.filter(rule=delivery.rule_id, state=DeliveryState.DUE, due_at__lte=now)
    due.update(due_at=now + timedelta(minutes=1))
    return True


def sweep() -> None:
    """Deletes deliveries that are older than RUNSDASH_DELIVERY_DAYS and not due."""
    if settings.RUNSDASH_DELIVERY_DAYS > 0:
        oldest = timezone.now() - timedelta(days=settings.RUNSDASH_DELIVERY_DAYS)
        Delivery.objects.filter(created_at__lt=oldest).exclude(state=DeliveryState.DUE).delete()
