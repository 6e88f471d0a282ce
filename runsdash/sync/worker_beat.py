"""Says whether workers go round. Without one nothing new is found, however well the upstreams answer.

The moment is kept on the connections, which every page reads anyway.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from runsdash.index.models import Connection

BEAT_EVERY_S = 5.0
LOST_AFTER = timedelta(seconds=30)  # a round that takes longer than this is no worker to rely on


def note_worker_round() -> None:
    """Writes down that a worker goes round; at most once every BEAT_EVERY_S, however many there are."""
    now = timezone.now()
    old = Q(worker_seen_at=None) | Q(worker_seen_at__lte=now - timedelta(seconds=BEAT_EVERY_S / 2))
    Connection.objects.filter(old).update(worker_seen_at=now)


def worker_seen_at(connections: Iterable[Connection]) -> datetime | None:
    """Returns when a worker last went round; None when none ever has."""
    return max((one.worker_seen_at for one in connections if one.worker_seen_at), default=None)


def is_lost(seen_at: datetime | None) -> bool:
    """Tells whether no worker goes round any more, by the moment one last did."""
    return seen_at is None or timezone.now() - seen_at > LOST_AFTER
