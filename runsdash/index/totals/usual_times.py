"""Says how long runs of an assistant usually take: from created to end, of those completed in the last days."""

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from django.core.cache import caches

from runsdash.index import run_states
from runsdash.index.models import Run
from runsdash.index.storage.keys import HASH_BITS, first_key_of

FEWEST = 20  # of fewer runs nothing is said
MOST = 500  # newest runs that are looked at
WITHIN = timedelta(days=7)
KEPT_S = 60  # by each process


class UsualTime(NamedTuple):
    """Holds the median and the 95th percentile in seconds, and of how many runs."""

    median_s: int
    p95_s: int
    runs: int

    @property
    def is_of_the_newest(self) -> bool:
        """Tells whether there may be more runs than were looked at."""
        return self.runs == MOST


def usual_time(run: Run, *, now: datetime) -> UsualTime | None:
    """Returns the usual time of a run's assistant; None when too few of its runs were completed lately."""
    if not run.assistant_id:
        return None
    digest = blake2b(run.assistant_id.encode(), digest_size=16).hexdigest()  # an id may be any text
    key = f"usual:{run.connection_id}:{digest}"
    kept: UsualTime | str | None = caches["fragments"].get(key, "")
    if isinstance(kept, str):
        kept = measured(run.connection_id, run.assistant_id, now=now)
        caches["fragments"].set(key, kept, KEPT_S)
    return kept


def measured(connection_id: int, assistant_id: str, *, now: datetime) -> UsualTime | None:
    """Reads no rows of runs: a model of each took longer than all else that a page of a run does."""
    rows = Run.objects.filter(status=run_states.COMPLETED, assistant_id=assistant_id, connection_id=connection_id)
    newest = rows.filter(pk__gte=first_key_of(now - WITHIN)).order_by("-pk").values_list("pk", "ended_at")[:MOST]
    times = sorted(round(ended_at.timestamp()) - (key >> HASH_BITS) for key, ended_at in newest if ended_at)
    if len(times) < FEWEST:
        return None
    return UsualTime(times[len(times) // 2], times[min(len(times) - 1, len(times) * 95 // 100)], len(times))
