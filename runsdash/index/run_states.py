"""Says what state a run is in: active, waiting, past its deadline, overdue, gone, settled, stale. The only place.

A state is asked for as Q by querysets, as SQL by the filter language, and of one row; all say the same, and
`tests/index/test_run_states.py` compares them. Imports no model; `Run` and its queryset call this module.

- active: by the last copy it has not ended. A status that is not known here is active for its own page alone.
- gone: the upstream no longer knows it or its thread. No action can succeed, and nobody is waited for.
- unanswered: it waits for a person and is not gone.
- waiting: unanswered, and its deadline is not over. The inbox and its badge count these.
- past its deadline: its `expires_at` is over.
- overdue: active, not gone, not waiting, and past its deadline or older than OVERDUE_AFTER. It may never end.
- settled: ended, with every step here that the server gives. Nothing more is expected of it for now.
- stale: it was looked at longer ago than a list of runs wants. A page also counts its steps: sync/refresh.py.
"""

from datetime import datetime, timedelta
from typing import Protocol

from django.db import connection
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

from runsdash.service.json_types import JsonObject
from runsdash.service.statuses import RunStatus, UnknownStatus

from .storage.keys import first_key_of
from .walks import StepsOwner, rests

ACTIVE = [status.value for status in RunStatus if status.is_active]
ENDED = [status.value for status in RunStatus if status.is_terminal]
WAITING = RunStatus.REQUIRES_ACTION.value
COMPLETED = RunStatus.COMPLETED.value
CANCELLING = RunStatus.CANCELLING.value
CANCELLED = RunStatus.CANCELLED.value
FAILED = RunStatus.FAILED.value
INCOMPLETE = RunStatus.INCOMPLETE.value
EXPIRED = RunStatus.EXPIRED.value
CANCEL_TAKEN = [CANCELLING, CANCELLED]
NOT_COMPLETED = [FAILED, INCOMPLETE, EXPIRED]  # they ended in a way that nobody asked for
TELLS = [WAITING, *NOT_COMPLETED]  # somebody may have asked to be told
# The order in which figures are shown: what went well, what is under way, what did not.
BY_OUTCOME = [
    RunStatus.COMPLETED,
    *(RunStatus.IN_PROGRESS, RunStatus.QUEUED, RunStatus.REQUIRES_ACTION, RunStatus.CANCELLING),
    *(RunStatus.FAILED, RunStatus.INCOMPLETE, RunStatus.EXPIRED, RunStatus.CANCELLED),
]

OVERDUE_AFTER = timedelta(minutes=15)
GONE_ANSWERS = (404, 410)  # statuses with which an upstream says that it does not know an object
GONE_BY_ITSELF_SQL = "COALESCE(CAST({run}.trouble ->> 'status' AS TEXT), '') IN ('404', '410')"
TROUBLED_AGE_S = 10.0  # a run that could not be read a moment ago is left alone that long


# As Q, for querysets of Run


def active() -> Q:
    return Q(status__in=ACTIVE)


def gone() -> Q:
    return Q(thread__is_gone=True) | Q(RawSQL(GONE_BY_ITSELF_SQL.format(run="index_run"), (), BooleanField()))


def unanswered() -> Q:
    return Q(status=WAITING) & ~gone()


def past_deadline(now: datetime) -> Q:
    return Q(expires_at__lte=now)


def waiting(now: datetime) -> Q:
    return unanswered() & in_time(now)


def overdue(now: datetime) -> Q:
    late = past_deadline(now) | Q(pk__lt=first_key_of(now - OVERDUE_AFTER))
    return active() & late & ~gone() & ~(Q(status=WAITING) & in_time(now))


def in_time(now: datetime) -> Q:
    return Q(expires_at__gt=now) | Q(expires_at=None)


# As SQL with its parameters, where `r` is the run

NOT_GONE_SQL = (
    "(NOT EXISTS (SELECT 1 FROM index_thread t WHERE t.id = r.thread_id AND t.is_gone)"
    f" AND NOT {GONE_BY_ITSELF_SQL.format(run='r')})"
)
IN_TIME_SQL = "(r.expires_at > %s OR r.expires_at IS NULL)"


def waiting_sql(now: datetime) -> tuple[str, tuple[int | str | datetime, ...]]:
    """Returns what `waiting` asks beside the status, which the caller looks up by index."""
    return f"{NOT_GONE_SQL} AND {IN_TIME_SQL}", (stored(now),)


def overdue_sql(now: datetime) -> tuple[str, tuple[int | str | datetime, ...]]:
    """Returns what `overdue` asks beside the status, which the caller looks up by index."""
    late = "(r.expires_at <= %s OR r.id < %s)"
    text = f"{NOT_GONE_SQL} AND {late} AND NOT (r.status = %s AND {IN_TIME_SQL})"
    return text, (stored(now), first_key_of(now - OVERDUE_AFTER), WAITING, stored(now))


def stored(moment: datetime) -> str | datetime:
    """Returns a moment as the engine stores it."""
    return connection.ops.adapt_datetimefield_value(moment) or moment


# Of one row, with its thread and connection


class _ThreadRow(Protocol):
    is_gone: bool


class _ConnectionRow(Protocol):
    @property
    def lacks_steps(self) -> bool: ...


class RunRow(StepsOwner, Protocol):
    """Names what is asked of a run: columns of `Run`, and `facts` of its status."""

    status: str
    created_at: datetime
    expires_at: datetime | None
    checked_at: datetime | None
    trouble: JsonObject | None

    @property
    def thread(self) -> _ThreadRow: ...
    @property
    def connection(self) -> _ConnectionRow: ...
    @property
    def facts(self) -> RunStatus | UnknownStatus: ...


def says_gone(trouble: JsonObject | None) -> bool:
    """Did the upstream answer that it does not know the object? That says nothing about the connection."""
    return trouble is not None and trouble.get("status") in GONE_ANSWERS


def is_gone(run: RunRow) -> bool:
    return run.thread.is_gone or says_gone(run.trouble)


def is_waiting(run: RunRow, now: datetime) -> bool:
    return run.status == WAITING and not is_past_deadline(run, now) and not is_gone(run)


def is_past_deadline(run: RunRow, now: datetime) -> bool:
    return run.expires_at is not None and run.expires_at <= now


def is_overdue(run: RunRow, now: datetime) -> bool:
    is_old = int(run.created_at.timestamp()) < int((now - OVERDUE_AFTER).timestamp())
    is_late = is_past_deadline(run, now) or (is_old and run.status != WAITING)
    return run.status in ACTIVE and is_late and not is_gone(run)


def is_settled(run: RunRow) -> bool:
    return run.facts.is_terminal and (run.has_all_steps or rests(run, "steps") or run.connection.lacks_steps)


def is_stale(run: RunRow, now: datetime, *, max_age_s: float) -> bool:
    """Is the last look at the run older than `max_age_s`? A run in trouble may be TROUBLED_AGE_S old."""
    limit_s = max(max_age_s, TROUBLED_AGE_S) if run.trouble else max_age_s
    return run.checked_at is None or (now - run.checked_at).total_seconds() >= limit_s
