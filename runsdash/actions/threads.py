"""Adding threads to the index by their ids. The upstream is asked for them later, by whoever opens them or the worker."""

from collections.abc import Sequence
from dataclasses import dataclass

from runsdash.accounts.models import User
from runsdash.index.models import Connection, Thread
from runsdash.index.upsert import ensure_threads

from .local import change

CHUNK = 500  # ids in one IN (…)
IDS_IN_TRAIL = 100


@dataclass(frozen=True)
class Added:
    """How many were new, and how many were known before."""

    new: int
    known: int


def add_threads(*, actor: User, connection: Connection, thread_ids: Sequence[str]) -> Added:
    """Makes rows for ids that are not there yet."""

    def act() -> tuple[Added, object]:
        known = known_ids(connection, thread_ids)
        new = [one for one in thread_ids if one not in known]
        ensure_threads(connection, new, added_by=actor.get_username())
        added = Added(new=len(new), known=len(known))
        return added, {"new": added.new, "known": added.known, "thread_ids": new[:IDS_IN_TRAIL]}

    return change(actor=actor, action="add_threads", right="can_act", connection_slug=connection.slug, act=act)


def known_ids(connection: Connection, thread_ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(thread_ids), CHUNK):
        some = Thread.objects.filter(connection=connection, upstream_id__in=thread_ids[start : start + CHUNK])
        found.update(some.values_list("upstream_id", flat=True))
    return found
