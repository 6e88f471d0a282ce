"""Looks for what somebody typed into the one box: runs and threads by words, assistants, saved views and pages by name.

Each kind is one bounded search. What is an id is looked up in `ids`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.utils.text import Truncator

from runsdash.accounts.models import User
from runsdash.dashboard.runs.rows import complete_rows
from runsdash.dashboard.runs.saved_views import seen_by
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.links import assistant_url, list_url, mark_ambiguous, run_url, thread_url, view_url
from runsdash.dashboard.shell.shell import Shell
from runsdash.dashboard.threads import rows as thread_rows
from runsdash.index.fulltext.words import words_of
from runsdash.index.models import Assistant, Connection, Run, Thread
from runsdash.index.search import RunOrder, TimeBudget, run_list_page
from runsdash.index.search.run_filter import RUNS, TEXT, THREADS, Clause, FilterError, RunFilter, parsed
from runsdash.index.search.subjects import Subject
from runsdash.service.statuses import RunStatus, UnknownStatus

from .places import places_for

MAX_WORDS = 20  # of a text that was pasted
# While somebody types: the list must be there before the next key.
WHILE_TYPING = TimeBudget(walk_s=0.1, statement_s=0.15, gathered=5_000)
IN_FULL = TimeBudget(walk_s=0.4, statement_s=0.6)
Row = TypeVar("Row", Run, Thread)
AN_ID_BEGINS = re.compile(r"(run|thread|asst)_[A-Za-z0-9_-]*").fullmatch
RUN_COLUMNS = (
    "upstream_id", "connection", "thread__upstream_id", "thread__connection", "assistant_id", "model", "status",
    "created_at", "error_code", "error_message", "question", "reply", "pending_calls", "waits_for",
)  # fmt: skip


@dataclass(frozen=True)
class Hit:
    """Holds one thing that was found. `status` stands in place of the `icon`; `said` is a line below.

    `run_id` is that of a run, and of nothing else.
    """

    url: str
    label: str
    icon: str = ""
    note: str = ""
    said: str = ""
    at: datetime | None = None
    status: RunStatus | UnknownStatus | None = None
    run_id: str = ""


@dataclass(frozen=True)
class Group:
    """Holds what was found of one kind. `more`: the address of the list with all of them."""

    name: str
    label: str
    hits: list[Hit] = field(default_factory=list)
    more: str = ""
    is_partial: bool = False  # the search was stopped before it came to the end


@dataclass(frozen=True)
class Wanted:
    """Holds what is looked for, among which connections, how many of each kind, and how long."""

    text: str
    shell: Shell
    user: User
    count: int
    budget: TimeBudget

    @property
    def within(self) -> list[Connection]:
        return [self.shell.chosen] if self.shell.chosen else self.shell.connections

    def filter(self, subject: Subject) -> RunFilter:
        """Returns the text as a filter; what is none is looked for as words."""
        try:
            found = parsed(self.text, subject)
        except FilterError:
            words = [word for word in self.text.split() if words_of(word)]
            found = RunFilter(tuple(dict.fromkeys(Clause(TEXT, word) for word in words)), subject)
        return found.of(found.clauses[:MAX_WORDS])


def groups_of(wanted: Wanted) -> list[Group]:
    """Returns what was found, by kind; kinds of which there is nothing are left out."""
    every = [find(wanted) for find in KINDS]
    return [one for one in every if one.hits or one.is_partial]


# Threads and runs


def threads(wanted: Wanted) -> Group:
    begun = beginning(thread_rows.ROWS, "thread", wanted)
    if begun is not None:
        return Group("threads", "Threads", hits_of_threads(begun, wanted))
    thread_filter = wanted.filter(THREADS)
    if not thread_filter:
        return Group("threads", "Threads")
    page = run_list_page(
        thread_filter, order=RunOrder("last_run_at"), rows=thread_rows.ROWS, limit=wanted.count,
        connection=wanted.shell.chosen, budget=wanted.budget,
    )  # fmt: skip
    more = list_url("threads", str(thread_filter), wanted.shell.chosen)
    return Group("threads", "Threads", hits_of_threads(page.rows, wanted), more, page.is_partial)


def hits_of_threads(threads: Sequence[Thread], wanted: Wanted) -> list[Hit]:
    return [hit_of_thread(row) for row in thread_rows.rows_of(threads, among=wanted.shell.connections)]


def hit_of_thread(row: thread_rows.ThreadRow) -> Hit:
    thread = row.thread
    pairs = [f"{key}={value}" for key, value in sorted(thread.metadata.items())[:2]]
    count = f"{thread.run_count} run{'' if thread.run_count == 1 else 's'}"
    return Hit(
        thread_url(thread), named(thread.first_question, thread.upstream_id), icon="thread",
        note=", ".join([*pairs, count, ""]).strip(), said=row.outcome, at=thread.last_run_at,
        status=row.last_run.facts if row.last_run else None,
    )  # fmt: skip


def runs(wanted: Wanted) -> Group:
    rows = Run.objects.select_related("thread").only(*RUN_COLUMNS)
    begun = beginning(rows, "run", wanted)
    if begun is not None:
        return Group("runs", "Runs", [hit_of_run(run) for run in complete_rows(begun, among=wanted.shell.connections)])
    run_filter = wanted.filter(RUNS)
    if not run_filter:
        return Group("runs", "Runs")
    page = run_list_page(
        run_filter, order=RunOrder(), rows=rows, limit=wanted.count, connection=wanted.shell.chosen,
        budget=wanted.budget,
    )  # fmt: skip
    found = [hit_of_run(run) for run in complete_rows(page.rows, among=wanted.shell.connections)]
    return Group("runs", "Runs", found, list_url("runs", str(run_filter), wanted.shell.chosen), page.is_partial)


def hit_of_run(run: Run, *, has_assistant: bool = True) -> Hit:
    """Shows a run by what was asked and what came of it. `has_assistant`: say whose it is."""
    who = f"{run.assistant_name or run.model}," if has_assistant else ""
    return Hit(
        run_url(run), named(run.question, run.upstream_id), note=who, said=outcome_of(run),
        at=run.created_at, status=run.facts, run_id=run.upstream_id,
    )  # fmt: skip


def named(question: str | None, upstream_id: str) -> str:
    return formats.plain_words(question or "") or formats.short_id_text(upstream_id)


def outcome_of(run: Run) -> str:
    """Returns the first words of the reply, or why there is none."""
    if run.reply:
        return formats.plain_words(run.reply)
    if run.waits_for:
        return f"Waits for {formats.pending_names_text(run.pending_calls)}"
    why = ": ".join(filter(None, (run.error_code, run.error_message)))
    return Truncator(why or ("" if run.facts.is_active else run.facts.label)).chars(200)


def beginning(rows: QuerySet[Row], kind: str, wanted: Wanted) -> list[Row] | None:
    """Returns rows whose id begins as the text does; None when it is not the beginning of such an id."""
    match = AN_ID_BEGINS(wanted.text)
    if match is None or match[1] != kind:
        return None
    found: list[Row] = []
    for connection in wanted.within:  # ids are indexed together with their connection
        start = wanted.text
        within = rows.filter(connection=connection, upstream_id__gte=start, upstream_id__lt=f"{start}\uffff")
        found += within.order_by("upstream_id")[: wanted.count]
    return [row for row in found if row.upstream_id.startswith(wanted.text)][: wanted.count]


# What has a name


def assistants(wanted: Wanted) -> Group:
    called = Q(name__icontains=wanted.text) | Q(upstream_id__startswith=wanted.text)
    rows = Assistant.objects.filter(called, connection__in=wanted.within).defer("instructions", "tools")
    found = list(rows.order_by("name", "id")[: wanted.count])
    mark_ambiguous(found, among=wanted.shell.connections)
    hits = [Hit(assistant_url(one), str(one), icon="k-message", note=one.model) for one in found]
    return Group("assistants", "Assistants", hits)


def views(wanted: Wanted) -> Group:
    found = seen_by(wanted.user).filter(Q(name__icontains=wanted.text) | Q(query__icontains=wanted.text))
    hits = [
        Hit(view_url(one), one.name, icon="bookmark", note=f"view of {one.owner.username}", said=one.query[:200])
        for one in found[: wanted.count]
    ]
    return Group("views", "Saved views", hits)


def places(wanted: Wanted) -> Group:
    hits = [Hit(one.url, one.label, one.icon, note=one.key) for one in places_for(wanted.shell, wanted.text)]
    return Group("places", "Pages and actions", hits)


KINDS: tuple[Callable[[Wanted], Group], ...] = (threads, runs, assistants, views, places)
