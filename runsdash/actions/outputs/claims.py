"""Says who is answering a run: a claim, never a lock. Whoever may answer still can; what is sent first counts.

A claim ends when its owner leaves the form or sends it, and lapses when they press no key for a while.
"""

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.index.models import Run
from runsdash.prepared import Prepared

from .outputs import Claim

LAPSES_AFTER = timedelta(minutes=2)  # without a key
WRITTEN_EVERY = timedelta(seconds=10)  # however fast somebody types
MOST_CLAIMS = 500
HELD = Prepared(
    lambda since: Claim.objects.filter(seen_at__gt=since).select_related("user").order_by("since", "id")[:MOST_CLAIMS],
    datetime,
)


def claim(*, user: User, run: Run) -> None:
    """Notes a key of `user` in the form of `run`; writes at most once every WRITTEN_EVERY."""
    now = timezone.now()
    there = own(user, run).first()
    if there is None:
        Claim.objects.filter(seen_at__lte=now - LAPSES_AFTER).delete()
        ids = {"user": user, "connection_id": run.connection_id, "run_upstream_id": run.upstream_id}
        Claim.objects.get_or_create(**ids, defaults={"since": now, "seen_at": now})
    elif now - there.seen_at >= LAPSES_AFTER:
        own(user, run).update(since=now, seen_at=now)
    elif now - there.seen_at >= WRITTEN_EVERY:
        own(user, run).update(seen_at=now)


def release(*, user: User, run: Run) -> None:
    own(user, run).delete()


def own(user: User, run: Run) -> QuerySet[Claim]:
    return Claim.objects.filter(user=user, connection_id=run.connection_id, run_upstream_id=run.upstream_id)


def claims() -> dict[tuple[int, str], list[Claim]]:
    """Returns the claims that hold, by connection and upstream id of the run, the oldest first. One query."""
    found: dict[tuple[int, str], list[Claim]] = {}
    for one in HELD.rows(timezone.now() - LAPSES_AFTER):
        found.setdefault((one.connection_id, one.run_upstream_id), []).append(one)
    return found


def claims_on(run: Run) -> list[Claim]:
    return claims().get((run.connection_id, run.upstream_id), [])
