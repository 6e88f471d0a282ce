"""Gathers the inbox: runs that wait for a person, those past their deadline, and those that were missed.

Reads the index; it asks an upstream only through `sync.recheck_runs`, and only about runs it is about to show.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from runsdash.accounts.models import User
from runsdash.actions.outputs.claims import claims
from runsdash.actions.outputs.drafts import people_with_drafts
from runsdash.dashboard.runs.rows import COLUMNS, complete_rows
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.formats import expired_at
from runsdash.dashboard.shell.links import mark_ambiguous
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.poll_tags import Poll, list_tag, rows_state
from runsdash.dashboard.shell.shell import Shell
from runsdash.index import run_states
from runsdash.index.models import ChildRun, Connection, Run, StatusSeen, ThreadMetadata
from runsdash.sync.recheck_runs import MOST_AT_ONCE, recheck_runs

MAX_ROWS = 100
MAX_MISSED = 50
MISSED_WALK = 400  # expired runs that are looked at for those that were waiting
POLL_WAIT_S = 0.4
TABS = {"": "Needs an answer", "missed": "Missed"}


@dataclass(kw_only=True)
class Inbox:
    """Shows one reader's inbox. `shown_keys`: the rows on the reader's page, in their order; new ones follow."""

    shell: Shell
    connection: Connection | None = None
    tab: str = ""
    shown_keys: list[int] = field(default_factory=list)

    @classmethod
    def of_request(cls, request: HttpRequest) -> "Inbox":
        slug = request.GET.get("connection")
        keys = [int(key) for key in request.GET.get("rows", "").split(".") if key.isdecimal() and len(key) < 20]
        return cls(
            shell=Shell(request),
            connection=connection_named(slug) if slug else None,
            tab="missed" if request.GET.get("tab") == "missed" else "",
            shown_keys=keys[:MAX_ROWS],
        )

    def verify(self, *, wait_s: float, max_age_s: float) -> int:
        """Asks the upstream whether the soonest runs, and those past their deadline, still wait.

        Returns how many it asked about.
        """
        soonest = list(whole(self.waiting)[:MOST_AT_ONCE])
        late = list(whole(self.past_deadline)[:MOST_AT_ONCE])
        return recheck_runs([*soonest, *late], wait_s=wait_s, max_age_s=max_age_s)

    @property
    def waiting(self) -> QuerySet[Run]:
        return Run.objects.of(self.connection).waiting(timezone.now())

    @property
    def past_deadline(self) -> QuerySet[Run]:
        late = Run.objects.of(self.connection).unanswered().filter(run_states.past_deadline(timezone.now()))
        return late.order_by("-expires_at", "-pk")

    # Rows

    @property
    def names_customers(self) -> bool:
        return any(one.customer_key for one in self.shell.connections)

    @cached_property
    def soonest(self) -> list[Run]:
        return list(shown(self.waiting)[:MAX_ROWS])

    @cached_property
    def rows(self) -> Sequence[Run]:
        """Returns runs in the reader's order: nothing moves under a pointer, and none leaves before the next look."""
        there = {run.pk: run for run in self.soonest}
        if left := [pk for pk in self.shown_keys if pk not in there]:
            there |= {run.pk: run for run in shown(Run.objects.filter(pk__in=left))}
        stay = [there[pk] for pk in self.shown_keys if pk in there]
        return self.completed([*stay, *(run for run in self.soonest if run.pk not in self.shown_keys)])

    @property
    def is_out_of_order(self) -> bool:
        """Tells whether a fresh look would show other rows, or the same ones in another order."""
        return [run.pk for run in self.rows] != [run.pk for run in self.soonest]

    @cached_property
    def late(self) -> Sequence[Run]:
        """Returns runs past their deadline that still wait by the upstream's word, but for those in `rows`."""
        late = shown(self.past_deadline)[:MAX_ROWS]
        return self.completed([run for run in late if run.pk not in self.shown_keys])

    @cached_property
    def count(self) -> int:
        return len(self.soonest) if len(self.soonest) < MAX_ROWS else self.waiting.count()

    @cached_property
    def missed(self) -> Sequence[Run]:
        return self.completed(missed_runs(self.connection))

    def completed(self, runs: Sequence[Run]) -> Sequence[Run]:
        among = self.shell.connections
        runs = with_parents(with_customers(complete_rows(runs, among=among)), among=among)
        return with_people(runs, reader=self.shell.request.user)

    # Asking again

    @property
    def interval_s(self) -> int:
        return poll_intervals.inbox_interval_s(self.soonest, now=timezone.now())

    @cached_property
    def poll(self) -> Poll:
        query = {"connection": self.connection.slug if self.connection else "", "tab": self.tab}
        query["rows"] = ".".join(str(run.pk) for run in self.rows) if not self.tab else ""
        given = urlencode({name: value for name, value in query.items() if value})
        return Poll(url=f"{reverse('needs_action_live')}?{given}", interval_s=self.interval_s, tag=self.version)

    @cached_property
    def version(self) -> str:
        rows = self.missed if self.tab else [*self.rows, *self.late]
        state = [(run.waits_for, str(run.pending_calls), bool(run.trouble), run.people, run.parent) for run in rows]
        order = [run.pk for run in rows], self.is_out_of_order if not self.tab else ""
        pill = self.shell.freshness_tag
        return list_tag(rows_state(rows), state, order, self.interval_s, pill=pill)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Says who is at a run: answering it, or with a draft for it. `is_reader`: it is whoever looks."""

    name: str
    initials: str
    is_answering: bool
    is_reader: bool


def with_people(runs: Sequence[Run], *, reader: User) -> Sequence[Run]:
    """Sets `people` on each run. Two queries for any number of runs; none for no run."""
    answering, drafts = (claims(), people_with_drafts(runs)) if runs else ({}, {})
    for run in runs:
        key = run.connection_id, run.upstream_id
        run.people = [
            *(person(claim.user, reader=reader, is_answering=True) for claim in answering.get(key, [])),
            *(person(user, reader=reader, is_answering=False) for user in drafts.get(key, [])),
        ]
    return runs


def with_customers(runs: Sequence[Run]) -> Sequence[Run]:
    """Sets `customer` on each run: its thread's value of the key that an admin named. No query where none is named."""
    keys = {run.connection.customer_key for run in runs} - {""}
    threads = [run.thread_id for run in runs] if keys else []
    pairs = ThreadMetadata.objects.filter(thread_id__in=threads, key__in=keys) if keys else ()
    found = {(pair.thread_id, pair.key): pair.value for pair in pairs}
    for run in runs:
        run.customer = found.get((run.thread_id, run.connection.customer_key), "")
    return runs


def with_parents(runs: Sequence[Run], *, among: Sequence[Connection]) -> Sequence[Run]:
    """Sets `parent` on each run: the one whose call started it, or None. No query where none was started so."""
    keys = {run.parent_key for run in runs} - {None}
    parents = {run.pk: run for run in shown(Run.objects.filter(pk__in=keys))} if keys else {}
    for run in runs:
        run.parent = parents.get(run.parent_key)
        if run.parent is not None:
            run.parent.connection = run.connection
    mark_ambiguous(parents.values(), among=among)
    return runs


def person(user: User, *, reader: User, is_answering: bool) -> Person:
    return Person(
        name=user.get_username(), initials=user.initials, is_answering=is_answering, is_reader=user.pk == reader.pk
    )


def shown(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Reads what a row needs, in the order `runs` has."""
    asked = ChildRun.objects.filter(connection_id=OuterRef("connection_id"), upstream_id=OuterRef("upstream_id"))
    parent = Subquery(asked.order_by().values("parent_id")[:1])
    rows = runs.select_related("thread").annotate(parent_key=parent)
    return rows.only(*COLUMNS, "trouble", "status_since", "question")


def whole(runs: QuerySet[Run]) -> QuerySet[Run]:
    return runs.select_related("thread", "connection")


def missed_runs(connection: Connection | None) -> list[Run]:
    """Returns runs that expired while they waited for a person, newest first."""
    expired = Run.objects.of(connection).filter(status=run_states.EXPIRED).order_by("-pk")
    keys = [pk for pk, calls in expired.values_list("pk", "pending_calls")[:MISSED_WALK] if calls]
    moved_on = answered_before(keys)
    runs = list(shown(Run.objects.filter(pk__in=[pk for pk in keys if pk not in moved_on][:MAX_MISSED])))
    for run in runs:
        run.missed_at = expired_at(run)
    return sorted(runs, key=lambda run: run.missed_at or run.created_at, reverse=True)


def answered_before(keys: Sequence[int]) -> set[int]:
    """Returns those that were seen going on after they had waited, so somebody had answered."""
    before: dict[int, str] = {}
    seen = StatusSeen.objects.filter(run_id__in=keys).exclude(status=run_states.EXPIRED)
    for key, status in seen.order_by("run_id", "seen_at", "id").values_list("run_id", "status"):
        before[key] = status
    return {key for key, status in before.items() if status != run_states.WAITING}
