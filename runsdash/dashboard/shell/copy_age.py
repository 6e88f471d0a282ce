"""Marks answers that show a copy because the upstream failed, and says why. See the contract, section Answers."""

from functools import cached_property

from django.http import HttpResponse
from django.utils import timezone

from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import deletion_of
from runsdash.index import run_states
from runsdash.index.models import Run, Thread

STALE_HEADER = "X-RunsDash-Stale"


def copy_age_s(row: Run | Thread) -> int:
    """Returns the age of the copy in whole seconds; 0 when there is none."""
    return int(row.copy_age(timezone.now()).total_seconds())


def mark_stale(response: HttpResponse, row: Run | Thread) -> HttpResponse:
    """Sets the header when the last refresh of `row` (a run or thread) failed."""
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
    def trouble(self) -> dict | None:
        """Returns the last failure. What was deleted here is not there as expected: no failure."""
        is_expected = run_states.says_gone(self.row.trouble) and self.deletion is not None
        return None if is_expected else self.row.trouble
