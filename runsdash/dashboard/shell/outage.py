"""Says what keeps pages from showing what is new: no worker, or an upstream that does not answer. Reads no row itself.

A page that cannot know is never to look as if all were well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from http import HTTPStatus

from django.utils import timezone

from runsdash.dashboard.shell.page_types import TagPart
from runsdash.index.models import Connection
from runsdash.service.json_types import JsonObject
from runsdash.sync.budget.process_budget import is_paused
from runsdash.sync.worker_beat import is_lost, worker_seen_at

SEVERAL = 2  # failed reads of workers, one after the other: no longer one object's own error
SILENT_FOR = timedelta(seconds=15)
REFUSED_KEY = (401, 403)


class OutageCause(Enum):
    """Names why nothing new can be seen."""

    NEVER_WORKED = "never-worked"
    NO_WORKER = "no-worker"
    NO_ANSWER = "no-answer"
    ASKED_TO_WAIT = "asked-to-wait"


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Describes one reason. `seen_until`: what happened before was seen; None when nothing ever was."""

    cause: OutageCause
    seen_until: datetime | None
    connection: Connection | None = None

    @property
    def is_of_workers(self) -> bool:
        return self.connection is None

    @property
    def has_never_worked(self) -> bool:
        return self.cause is OutageCause.NEVER_WORKED

    @property
    def is_asked_to_wait(self) -> bool:
        return self.cause is OutageCause.ASKED_TO_WAIT

    @property
    def failure(self) -> JsonObject:
        return (self.connection and self.connection.last_failure) or {}

    @property
    def has_refused_the_key(self) -> bool:
        return self.failure.get("status") in REFUSED_KEY

    @property
    def status_words(self) -> str:
        """Writes `503 Service Unavailable`; "" without a status."""
        status = self.failure.get("status")
        try:
            return f"{status} {HTTPStatus(status).phrase}" if isinstance(status, int) else ""
        except ValueError:
            return str(status)

    @property
    def next_try_at(self) -> datetime | None:
        """Returns when the upstream is asked again, where that is settled: workers rest after failures."""
        given = [self.connection.paused_until, self.connection.rests_until] if self.connection else []
        return max((moment for moment in given if moment and moment > timezone.now()), default=None)


def outages(shown: Sequence[Connection]) -> list[Outage]:
    """Returns what stands between the upstreams of these connections and a page, workers first."""
    asked = [one for one in shown if one.is_asked]
    if not asked:
        return []
    found = []
    seen_at = worker_seen_at(asked)
    if is_lost(seen_at):
        found.append(Outage(cause=OutageCause.NO_WORKER if seen_at else OutageCause.NEVER_WORKED, seen_until=seen_at))
    for one in asked:
        if is_waiting_long(one):
            found.append(Outage(cause=OutageCause.ASKED_TO_WAIT, seen_until=one.last_success_at, connection=one))
        elif is_down(one):
            found.append(Outage(cause=OutageCause.NO_ANSWER, seen_until=one.last_success_at, connection=one))
    return found


def is_failing(connection: Connection) -> bool:
    """Tells whether the last read of the upstream failed."""
    failure: datetime | None = connection.last_failure_at
    success: datetime | None = connection.last_success_at
    return failure is not None and (success is None or failure > success)


def is_down(connection: Connection) -> bool:
    """Tells whether the upstream itself fails, not one object on it."""
    failure, success = connection.last_failure_at, connection.last_success_at
    if failure is None or not is_failing(connection):
        return False
    status = (connection.last_failure or {}).get("status")
    is_unreachable = status is None or status in REFUSED_KEY
    return is_unreachable or success is None or connection.failures >= SEVERAL or failure - success > SILENT_FOR


def is_waiting_long(connection: Connection) -> bool:
    """Tells whether a wait that the upstream asked for is long enough to miss something."""
    success = connection.last_success_at
    return is_paused(connection) and (success is None or timezone.now() - success > SILENT_FOR)


def seen_until(found: Sequence[Outage]) -> datetime | None:
    """Returns the moment up to which everything was seen."""
    moments = [outage.seen_until for outage in found if outage.seen_until is not None]
    return min(moments, default=None) if len(moments) == len(found) else None


def outage_tag(found: Sequence[Outage]) -> list[tuple[TagPart, ...]]:
    """Returns parts of a polling tag that differ when the banners do."""
    return [
        (one.cause, one.connection and one.connection.slug, one.seen_until, one.next_try_at, one.status_words)
        for one in found
    ]
