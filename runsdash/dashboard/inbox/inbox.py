"""Gathers the inbox: runs that wait for a person, those past their deadline, and those that were missed.

Reads the index; it asks an upstream only through `sync.recheck_runs`, and only about runs it is about to show. What it
shows is read as bare columns first (index/search/inbox_rows.py); a poll that brings nothing ends there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from runsdash.accounts.guards import UserRequest
from runsdash.accounts.models import User
from runsdash.actions.outputs.people import PersonAt, RunIds, people_at
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.formats import SOON_S
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.poll_tags import Poll, list_tag, shown_keys
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.models import Run
from runsdash.index.search.inbox_rows import IS_LATE, WAITS, InboxRow, missed_rows, unanswered_rows
from runsdash.sync.recheck_runs import MOST_AT_ONCE, recheck_runs
from runsdash.sync.refresh import MAX_AGE_S

from .queue_scope import EVERYTHING, NAME_CHARS, QueueScope, given
from .rows import AboutRun, Row, rows_of

MAX_ROWS = 100
MAX_LOOKED_AT = 1_000  # runs that wait, where only some of them are shown
MAX_MISSED = 50
MISSED_WALK = 400  # expired runs that are looked at for those that were waiting
POLL_WAIT_S = 0.4
MISSED, MINE = "missed", "mine"


@dataclass(kw_only=True)
class Inbox:
    """Shows one reader's inbox. `shown_keys`: the rows on the reader's page, in their order; new ones follow."""

    shell: Shell
    reader: User
    scope: QueueScope = EVERYTHING
    tab: str = ""
    shown_keys: list[int] = field(default_factory=list)
    max_age_s: float = MAX_AGE_S  # of copies: older ones are verified

    @classmethod
    def of_page(cls, request: UserRequest) -> "Inbox":
        slug, shell, tab = request.GET.get("connection"), Shell(request), request.GET.get("tab", "")
        connection = connection_named(slug, among=shell.connections) if slug else None
        function = "" if tab == MISSED else request.GET.get("function", "")[:NAME_CHARS]
        return cls(
            shell=shell,
            reader=request.user,
            scope=QueueScope(connection=connection, function=function),
            tab=tab if tab in (MISSED, MINE) else "",
        )

    @classmethod
    def of_poll(cls, request: UserRequest) -> "Inbox":
        found = cls.of_page(request)
        found.shown_keys = shown_keys(request, most=MAX_ROWS)
        calm_s = poll_intervals.fresh_for_s(poll_intervals.CALM_S)
        found.max_age_s = poll_intervals.max_age_for_poll_s(request, otherwise=calm_s)
        return found

    def verify(self, *, wait_s: float) -> int:
        """Asks the upstream whether the soonest runs, and those past their deadline, still wait.

        Returns how many it asked about: of those this inbox is out of date.
        """
        asked = {one.pk for one in self.shell.connections if one.is_asked}
        first = [*self.waiting[:MOST_AT_ONCE], *self.past_deadline[:MOST_AT_ONCE]]
        keys = [row.id for row in first if row.is_old and row.connection_id in asked]
        runs = Run.objects.select_related("thread", "connection").in_bulk(keys) if keys else {}
        return recheck_runs([runs[key] for key in keys if key in runs], wait_s=wait_s, max_age_s=self.max_age_s)

    # What is shown, as bare columns

    @property
    def is_of_missed(self) -> bool:
        return self.tab == MISSED

    @property
    def is_of_drafts(self) -> bool:
        return self.tab == MINE

    @property
    def is_narrowed(self) -> bool:
        """Tells whether only some of the runs that wait are shown."""
        return self.is_of_drafts or bool(self.scope.function)

    @property
    def most(self) -> int:
        return MAX_LOOKED_AT if self.is_narrowed else MAX_ROWS

    @cached_property
    def looked_at(self) -> list[InboxRow]:
        key = self.scope.connection.pk if self.scope.connection else None
        if self.is_of_missed:
            return missed_rows(key, looked_at=MISSED_WALK, most=MAX_MISSED + 1)
        now = timezone.now()
        old, soon = now - timedelta(seconds=self.max_age_s), now + timedelta(seconds=SOON_S)
        return unanswered_rows(key, shown=self.shown_keys, most=self.most + 1, now=now, soon=soon, old=old)

    @cached_property
    def read(self) -> list[InboxRow]:
        """Returns the rows that are meant; one that the reader's page shows stays until they look anew."""
        if self.is_of_missed:
            return self.looked_at[:MAX_MISSED]
        if not self.is_narrowed:
            return self.looked_at
        kept = set(self.shown_keys)
        return [row for row in self.looked_at if row.id in kept or self.is_meant(row)]

    def is_meant(self, row: InboxRow) -> bool:
        has_draft = not self.is_of_drafts or row.id in self.drafted
        return has_draft and (not self.scope.function or self.scope.asks_for(row.calls))

    @cached_property
    def waiting(self) -> list[InboxRow]:
        return [row for row in self.read if row.standing == WAITS]

    @cached_property
    def past_deadline(self) -> list[InboxRow]:
        return [row for row in reversed(self.read) if row.standing == IS_LATE]

    @cached_property
    def order(self) -> list[int]:
        """Returns keys in the reader's order: nothing moves under a pointer, and none leaves before the next look."""
        there, kept = {row.id for row in self.read}, set(self.shown_keys)
        new = [row.id for row in self.waiting[:MAX_ROWS] if row.id not in kept]
        return [*(key for key in self.shown_keys if key in there), *new]

    @cached_property
    def is_out_of_order(self) -> bool:
        """Tells whether a fresh look would show other rows, or the same ones in another order."""
        return self.order != [row.id for row in self.waiting[:MAX_ROWS]]

    @cached_property
    def count(self) -> int:
        if self.is_narrowed or len(self.waiting) <= MAX_ROWS:
            return len(self.waiting)
        return Run.objects.of(self.scope.connection).waiting(timezone.now()).count()

    @property
    def count_label(self) -> str:
        return f"{self.count:,}{'+' if self.is_narrowed and self.is_cut else ''}"

    @cached_property
    def all_waiting(self) -> list[InboxRow]:
        """Returns what waits whatever the page is narrowed to, as far as it was looked at."""
        return [row for row in self.looked_at if row.standing == WAITS and not self.is_of_missed]

    @property
    def is_cut(self) -> bool:
        """Tells whether there may be more of them."""
        return len(self.all_waiting) > self.most

    @cached_property
    def people(self) -> dict[RunIds, list[PersonAt]]:
        return {} if self.is_of_missed else people_at([(row.connection_id, row.upstream_id) for row in self.looked_at])

    @cached_property
    def drafted(self) -> set[int]:
        """Returns the keys of runs that the reader has a draft for."""
        return {
            row.id
            for row in self.looked_at
            if any(one.user.pk == self.reader.pk and not one.is_answering for one in self.people.get(row[2:4], ()))
        }

    # Rows

    @property
    def names_customers(self) -> bool:
        return any(one.customer_key for one in self.shell.connections)

    @cached_property
    def found(self) -> dict[int, Row]:
        """Returns all that is shown, by the key of its run."""
        keys = [row.id for row in self.read]
        return rows_of(keys, among=self.shell.connections, people=self.people, reader=self.reader)

    @cached_property
    def rows(self) -> list[Row]:
        return self.of_keys(self.order)

    @cached_property
    def late(self) -> list[Row]:
        """Returns runs past their deadline that still wait by the upstream's word, but for those in `rows`."""
        return self.of_keys([row.id for row in self.past_deadline[:MAX_ROWS] if row.id not in self.shown_keys])

    @property
    def ran_out_unseen(self) -> bool:
        """Tells whether a deadline passed during an outage, so that not even an empty inbox was empty before."""
        seen_until = self.shell.seen_until
        return any(run.expires_at and seen_until and run.expires_at > seen_until for run, _ in self.late)

    @cached_property
    def missed(self) -> list[tuple[Run, AboutRun, datetime | None]]:
        """Returns each run that was missed with when it expired, newest first."""
        rows = [
            (run, about, run.ended_at or run.status_since) for run, about in self.of_keys([row.id for row in self.read])
        ]
        return sorted(rows, key=lambda row: row[2] or row[0].created_at, reverse=True)

    def of_keys(self, keys: Sequence[int]) -> list[Row]:
        return [self.found[key] for key in keys if key in self.found]

    # Asking again

    @cached_property
    def interval_s(self) -> int:
        return poll_intervals.inbox_interval_s(is_soon=any(row.is_soon for row in self.waiting))

    @cached_property
    def poll(self) -> Poll:
        rows = "" if self.is_of_missed else ".".join(map(str, self.order))
        query = urlencode(self.scope.inbox_params | given(tab=self.tab, rows=rows) | {"every": self.interval_s})
        return Poll(url=f"{reverse('needs_action_live')}?{query}", interval_s=self.interval_s, tag=self.version)

    @property
    def address(self) -> str:
        """Returns the address of a fresh look."""
        query = urlencode(self.scope.inbox_params | given(tab=self.tab))
        return f"{reverse('needs_action')}{query and '?'}{query}"

    @cached_property
    def version(self) -> str:
        """Makes the tag of what the page shows, out of bare columns: whatever a row or its frame shows is in here."""
        shell, rows = self.shell, sorted(row.shown for row in self.read)
        servers = [(one.pk, one.slug, one.lack_of("cancel_run") is None) for one in shell.connections]
        who = [
            (run, [(one.user.pk, one.user.username, one.user.initials, one.is_answering) for one in there])
            for run, there in self.people.items()
        ]
        order = self.order, self.is_out_of_order, self.count, self.interval_s
        frame = bool(shell.outages), shell.seen_until, shell.can_act, shell.waiting_count, self.names_customers
        beside = [(row.id, row.pending_calls) for row in self.looked_at] if self.is_narrowed else ()
        return list_tag(rows, who, order, servers, frame, beside, pill=shell.freshness_tag)
