"""Shows the overview: what needs a person, what is overdue, how runs end, what they use, how long they take."""

import time
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.poll_tags import Poll, state_tag
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.totals import span_reads

from .page import OverviewPage
from .time_range import RANGES, time_range_of
from .usage import BY

SUMS_EVERY_S = 15  # sums are drawn anew at most this often, however fast runs end


@viewer_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    shell = Shell(request)
    if not shell.connections:
        return render(request, "overview/no_connection.html")
    version = span_reads.version()  # before anything is read: what changes meanwhile is news for the first poll
    page = page_of(request, shell)
    state = PollState.now(page, version, shell)
    context = {"page": page, "shell": shell, "ranges": ranges(request, page), "ways": ways(request, page)}
    context |= {"drawn": drawn(page, version), "poll": poll(request, page, state)}
    return render(request, "overview/overview.html", context)


@viewer_required
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Renders the parts that differ from what the page shows; nothing when none does."""
    version, shell = span_reads.version(), Shell(request)
    page = page_of(request, shell)
    shown = PollState.shown(request.headers.get("HX-PTag", ""))
    state = PollState.now(page, version, shell).after(shown)
    if state == shown:
        return HttpResponseNotModified()
    context = {"page": page, "shell": shell, "shown": shown, "state": state, "ways": ways(request, page)}
    response = render(request, "overview/live.html", context | {"poll": poll(request, page, state)})
    response["HX-PTag"] = str(state)
    return response


@dataclass(frozen=True)
class PollState:
    """Says what a page shows, as its tag: the present, sums and when they were drawn, the sync pill."""

    present: str
    sums: str
    slot: int
    pill: str

    @classmethod
    def now(cls, page: OverviewPage, version: tuple, shell: Shell) -> "PollState":
        slot = int(time.time()) // SUMS_EVERY_S
        return cls(
            page.now_tag, state_tag(version, page.range.span, page.range.zone), slot, state_tag(shell.freshness_tag)
        )

    @classmethod
    def shown(cls, tag: str) -> "PollState":
        present, drawn, slot, pill = (tag.split("-") + [""] * 4)[:4]
        return cls(present, drawn, int(slot) if slot.isdecimal() and len(slot) < 15 else 0, pill)

    def after(self, shown: "PollState") -> "PollState":
        """Returns the state to show next: sums stay when nothing changed, or when they were drawn just now."""
        if self.sums == shown.sums or self.slot == shown.slot:
            return PollState(self.present, shown.sums, shown.slot, self.pill)
        return self

    def __str__(self) -> str:
        return f"{self.present}-{self.sums}-{self.slot}-{self.pill}"


def page_of(request: HttpRequest, shell: Shell) -> OverviewPage:
    slug, by = request.GET.get("connection"), request.GET.get("by", "")
    connection = connection_named(slug, among=shell.connections) if slug else None
    return OverviewPage(
        time_range_of(request.GET), connection=connection, among=shell.connections, by=by if by in BY else "model"
    )


def drawn(page: OverviewPage, version: tuple) -> str:
    """Names what is drawn from sums: whoever looks at the same state of the same range sees the same.

    Runs are counted anyway, and tell of a purge that left no sums behind.
    """
    shown = page.range, page.range.zone
    return state_tag(version, shown, page.figures.by_status, query_of(page), [one.slug for one in page.among])


def query_of(page: OverviewPage, **changes: object) -> str:
    """Returns `?…` of this page with some values changed."""
    values = {**page.range.query, "by": page.by if page.by != "model" else ""}
    values |= {"connection": page.connection.slug if page.connection else ""} | changes
    return f"?{urlencode({name: value for name, value in values.items() if value})}"


def ranges(request: HttpRequest, page: OverviewPage) -> list[dict[str, object]]:
    unset = {"from": "", "to": ""}
    return [
        {"name": words, "query": query_of(page, **unset, range=name), "is_on": name == page.range.name}
        for name, words in RANGES.items()
    ]


def ways(request: HttpRequest, page: OverviewPage) -> list[dict[str, object]]:
    """Returns what charts can tell apart."""
    return [{"name": words, "query": query_of(page, by=name), "is_on": name == page.by} for name, words in BY.items()]


def poll(request: HttpRequest, page: OverviewPage, state: PollState) -> Poll:
    return Poll(url=f"{reverse('overview_live')}{query_of(page)}", interval_s=poll_intervals.OVERVIEW_S, tag=str(state))
