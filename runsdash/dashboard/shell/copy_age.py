"""Marks answers that show a copy which could not be made fresh, and says why. See the contract, section Answers."""

from datetime import timedelta
from functools import cached_property
from typing import TypeVar

from django.http.response import HttpResponseBase
from django.utils import timezone

from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import deletion_of
from runsdash.index import run_states
from runsdash.index.models import Run, Thread
from runsdash.service.json_types import JsonObject
from runsdash.sync.budget.process_budget import is_paused

STALE_HEADER = "X-RunsDash-Stale"
PAUSED_AFTER = timedelta(seconds=5)  # a copy that nobody may renew is said to be old from then on
OLD_AFTER = timedelta(seconds=60)  # whatever the reason
Row = TypeVar("Row", Run, Thread)
Answer = TypeVar("Answer", bound=HttpResponseBase)


def copy_age_s(row: Run | Thread) -> int:
    """Returns the age of the copy in whole seconds; 0 when there is none."""
    return int(row.copy_age(timezone.now()).total_seconds())


def mark_stale(response: Answer, row: Run | Thread) -> Answer:
    """Sets the header when the copy of `row` (a run or thread) could not be made fresh."""
    if row.trouble:
        response[STALE_HEADER] = str(copy_age_s(row))
    return response


class WhyACopy:
    """Says why a page shows a copy. `row` is its run or thread."""

    row: Run | Thread

    @cached_property
    def deletion(self) -> AuditEntry | None:
        """Returns the audit entry of a deletion that was done here."""
        thread = self.row.thread if isinstance(self.row, Run) else self.row
        slug = thread.connection.slug
        return deletion_of(thread.upstream_id, connection_slug=slug) if thread.is_gone else None

    @property
    def trouble(self) -> JsonObject | None:
        """Returns the last failure. What was deleted here is not there as expected: no failure."""
        is_expected = run_states.says_gone(self.row.trouble) and self.deletion is not None
        return None if is_expected else self.row.trouble


def with_reason(row: Row) -> Row:
    """Says in `row.trouble`, of this object alone, why its copy is old, where no failed read says so.

    A server's wait holds for everything on it, so most rows are never read in vain while it lasts.
    """
    if row.trouble or row.checked_at is None or is_settled(row) or not row.connection.has_upstream:
        return row
    age = timezone.now() - row.checked_at
    connection, headline, message = row.connection, "", ""
    if is_paused(connection) and age >= PAUSED_AFTER:
        headline = "The upstream asked to wait"
        message = f"Nothing is read before {connection.paused_until:%H:%M:%S} UTC."
    elif age >= OLD_AFTER and connection.is_retired:
        headline = "The server is retired"
    elif age >= OLD_AFTER:
        headline = "This copy could not be renewed" if connection.is_asked else "The connection is off"
    if headline:
        row.trouble = {"headline": headline, "message": message, "at": row.checked_at.isoformat()}
    return row


def is_settled(row: Run | Thread) -> bool:
    """Tells whether nothing newer is expected. A thread whose connection is off is an archive."""
    if isinstance(row, Run):
        return row.is_settled or row.is_gone
    return row.is_gone or not row.connection.is_asked
