"""Shows the overview: what is so now, how runs end, what they use, how long they take, and what changed."""

import time
from dataclasses import dataclass
from weakref import proxy

from django.core.cache import caches
from django.http import HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.runs.saved_views import overviews_in_menu
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.page_types import Context
from runsdash.dashboard.shell.poll_tags import Poll, state_tag
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.totals import rollups, span_reads
from runsdash.index.totals.hour_spans import Span

from .csv_tables import csv_response
from .page import OverviewPage
from .query import overview_query
from .time_range import RANGES

VIEWS_SHOWN = 12
SUMS_EVERY_S = 15  # sums are drawn anew at most this often, however fast runs end
FIRST_COUNT_S, COUNT_S = 0.1, 0.5  # of counting runs: when a page is opened, and with each of its polls
COUNTING = "counting"  # in an address: the page waits for sums, so some are made before it is answered


@viewer_required
@require_safe
def overview(request: UserRequest) -> HttpResponse:
    shell = Shell(request)
    if not shell.connections:
        return render(request, "overview/no_connection.html")
    page = page_of(request, shell)
    count_more(request, page)
    version = span_reads.version()  # before anything is read: what changes meanwhile is news for the first poll
    if request.GET.get("format") == "csv":
        return csv_response(page, request.GET.get("table", ""))
    state = PollState.now(page, version, shell)
    is_counting = bool(caches["fragments"].get_or_set(f"overview-counting-{state.sums}", lambda: page.is_counting))
    context = shown_by(page) | {"shell": shell, "drawn": state.sums, "is_counting": is_counting}
    context["poll"] = poll(page, state, is_counting=is_counting)
    context["views"] = overviews_in_menu(request.user, page.query, most=VIEWS_SHOWN)
    return render(request, "overview/overview.html", context)


@viewer_required
@require_safe
def live(request: UserRequest) -> HttpResponse:
    """Renders the parts that differ from what the page shows; nothing when none does."""
    shell = Shell(request)
    page = page_of(request, shell)
    count_more(request, page)
    version = span_reads.version()
    shown = PollState.shown(request.headers.get("HX-PTag", ""))
    state = PollState.now(page, version, shell).after(shown, is_waiting=COUNTING in request.GET)
    if state == shown:
        return HttpResponseNotModified()
    context = shown_by(page) | {"shell": shell, "shown": shown, "state": state}
    response = render(
        request, "overview/live.html", context | {"poll": poll(page, state, is_counting=page.is_counting)}
    )
    response["HX-PTag"] = str(state)
    return response


def count_more(request: UserRequest, page: OverviewPage) -> None:
    """Counts for a page that waits for it, for a bounded time: without a worker nobody else would."""
    is_waiting = COUNTING in request.GET
    if is_waiting:
        rollups.roll_up(span=Span(page.figures.before.first, page.range.span.end))
    if page.is_counted and not page.counts.is_complete:
        page.counts.count(within_s=COUNT_S if is_waiting else FIRST_COUNT_S)


@dataclass(frozen=True)
class PollState:
    """Says what a page shows, as its tag: the present, sums and when they were drawn, the sync pill."""

    present: str
    sums: str
    slot: int
    pill: str

    @classmethod
    def now(cls, page: OverviewPage, version: tuple[int, int], shell: Shell) -> "PollState":
        slot = int(time.time()) // SUMS_EVERY_S
        present = page.now.tag(shell.waiting_count, page.is_old, page.seen_until)
        return cls(present, state_tag(version, page.tag), slot, state_tag(shell.freshness_tag))

    @classmethod
    def shown(cls, tag: str) -> "PollState":
        present, drawn, slot, pill = (tag.split("-") + [""] * 4)[:4]
        return cls(present, drawn, int(slot) if slot.isdecimal() and len(slot) < 15 else 0, pill)

    def after(self, shown: "PollState", *, is_waiting: bool) -> "PollState":
        """Returns the state to show next: sums stay when nothing changed, or when they were drawn just now."""
        if self.sums == shown.sums or (self.slot == shown.slot and not is_waiting):
            return PollState(self.present, shown.sums, shown.slot, self.pill)
        return self

    def __str__(self) -> str:
        return f"{self.present}-{self.sums}-{self.slot}-{self.pill}"


def page_of(request: UserRequest, shell: Shell) -> OverviewPage:
    slug = request.GET.get("connection")
    connection = connection_named(slug, among=shell.connections) if slug else None
    query = overview_query(request.GET, connection=connection)
    return OverviewPage(query, among=shell.connections, is_old=bool(shell.outages), seen_until=shell.seen_until)


def shown_by(page: OverviewPage) -> Context:
    """Returns what templates see of a page, as long as the view holds it.

    Django's contexts refer to themselves: what they hold stays until the collector of garbage comes, and of a month
    that is so much that each tenth page waited for it.
    """
    return {"page": proxy(page), "ranges": ranges(page)}


def ranges(page: OverviewPage) -> list[Context]:
    return [
        {"name": words, "query": page.query.in_range(name), "is_on": name == page.range.name}
        for name, words in RANGES.items()
    ]


def poll(page: OverviewPage, state: PollState, *, is_counting: bool) -> Poll:
    address = page.counting_address if is_counting else page.query.address()
    interval_s = poll_intervals.FAST_S if is_counting else poll_intervals.OVERVIEW_S
    return Poll(url=f"{reverse('overview_live')}{address}", interval_s=interval_s, tag=str(state))
