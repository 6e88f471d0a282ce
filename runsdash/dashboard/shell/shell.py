"""Frames every page: connections, rights, inbox badge and sync pill. Reads only what a template asks for."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import get_script_prefix, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import sign_in_first
from runsdash.accounts.models import User
from runsdash.accounts.roles import Role
from runsdash.dashboard.shell.page_types import Context, TagPart
from runsdash.dashboard.shell.poll_intervals import FRAME_S
from runsdash.dashboard.shell.poll_tags import Poll, poll_answer, state_tag
from runsdash.index.connections import connections_and_waiting
from runsdash.index.models import Connection
from runsdash.sync.budget.process_budget import is_paused
from runsdash.sync.worker_beat import is_lost, worker_seen_at

from .frame_parts import Frame, FrameConnection
from .outage import Outage, is_failing, outage_tag, outages, seen_until
from .retiring import Retiring, retiring

CONNECTION_PAGES = {"overview", "connections", "connection_new", "connection"}
ADMINS_NAMED = 5
# Pages whose rows come from what was seen: an outage is said on them.
OUTAGE_PAGES = {
    "overview": "figures", "overview_live": "figures", "needs_action": "inbox", "needs_action_live": "inbox",
    "runs": "list", "runs_live": "list", "threads": "list", "search": "list", "assistant": "list",
}  # fmt: skip
# Pages whose rows `?connection=` filters; elsewhere it says which upstream the subject belongs to.
FILTERED_PAGES = {"overview", "needs_action", "functions", "runs", "threads", "audit"}
MAX_BADGE = 99
PILL_STEP_S = 15  # the sync pill alone makes a poll answer at most this often
FRAME_STEP_S = 60  # there the pill is not what people look at


@dataclass(frozen=True)
class Freshness:
    """Holds what the sync pill says, and the moment it speaks of."""

    tone: str
    words: str
    at: datetime | None = None


class Shell:
    """Holds the connections, the one chosen by `?connection=`, and what the reader may do here."""

    version = settings.VERSION

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @property
    def connections(self) -> list[Connection]:
        return frame_rows(self.request)[0]

    @property
    def is_read_only(self) -> bool:
        return bool(settings.RUNSDASH_READ_ONLY)

    @property
    def sso_host(self) -> str:
        """Returns where single sign-on leads to; "" where there is none."""
        return urlsplit(settings.OIDC_ISSUER).netloc

    @property
    def has_mail(self) -> bool:
        return settings.HAS_MAIL_SERVER

    @property
    def has_local_sign_in(self) -> bool:
        return settings.LOCAL_SIGN_IN

    @cached_property
    def can_act(self) -> bool:
        user = self.request.user
        return user.is_authenticated and user.can_act and not self.is_read_only

    @cached_property
    def can_manage(self) -> bool:
        user = self.request.user
        return user.is_authenticated and user.can_manage and not self.is_read_only

    @cached_property
    def page(self) -> str:
        """Returns the name of the page's URL, "" on problem pages."""
        match = self.request.resolver_match
        return (match.url_name or "") if match else ""

    @cached_property
    def chosen(self) -> Connection | None:
        slug = self.request.GET.get("connection")
        return next((one for one in self.connections if slug and one.slug == slug), None)

    @property
    def carried(self) -> str:
        """Returns the query that navigation links keep, so that a chosen connection stays chosen."""
        return f"?{urlencode({'connection': self.chosen.slug})}" if self.chosen else ""

    @property
    def is_filtered_page(self) -> bool:
        return self.page in FILTERED_PAGES

    # What cannot be seen

    @property
    def asked(self) -> list[Connection]:
        """Returns the connections that the page is about."""
        return [self.chosen] if self.chosen else self.connections

    @cached_property
    def outages(self) -> list[Outage]:
        return outages(self.asked)

    @cached_property
    def retiring(self) -> list[Retiring]:
        return retiring(self.asked)

    @property
    def outage_page(self) -> str:
        """Returns what an outage makes old on this page: figures, inbox, list; "" where nothing is said of it."""
        return OUTAGE_PAGES.get(self.page, "")

    @cached_property
    def seen_until(self) -> datetime | None:
        """Returns up to when everything was seen, during an outage."""
        return seen_until(self.outages)

    @property
    def says_no_connection(self) -> bool:
        """Tells whether the page leads to adding the first connection; some pages say it themselves."""
        return not self.connections and self.page not in CONNECTION_PAGES

    @property
    def administrators(self) -> list[str]:
        """Names who can add a connection."""
        admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("username")
        return list(admins.values_list("username", flat=True)[:ADMINS_NAMED])

    @cached_property
    def freshness(self) -> Freshness:
        return freshness(self.asked)

    @property
    def freshness_tag(self) -> tuple[TagPart, ...]:
        """Returns parts of a polling tag: badge, outages, tone, and a few times a minute the moment."""
        fresh = self.freshness
        at = fresh.at.timestamp() // PILL_STEP_S if fresh.at else None
        return fresh.tone, fresh.words, at, self.waiting_count, outage_tag(self.outages)

    @property
    def frame_poll(self) -> Poll:
        """Returns the small poll of a page without one of its own: it keeps badge and pill true."""
        fresh = self.freshness
        at = fresh.at.timestamp() // FRAME_STEP_S if fresh.at else None
        tag = state_tag(fresh.tone, fresh.words, at, self.waiting_count, outage_tag(self.outages))
        return Poll(url=f"{reverse('frame')}{self.carried}", interval_s=FRAME_S, tag=tag)

    @property
    def waiting_count(self) -> int:
        """Counts runs that wait for a person and can still be answered, no further than it is shown."""
        return frame_rows(self.request)[1]

    @property
    def waiting_label(self) -> str:
        return str(self.waiting_count) if self.waiting_count <= MAX_BADGE else f"{MAX_BADGE}+"

    @cached_property
    def frame(self) -> Frame:
        user, is_read_only = getattr(self.request, "user", None), self.is_read_only  # probes ask before sign-in
        person = (
            {
                "username": user.username,
                "role": user.role if user.can_see else "",
                "initials": user.initials,
                "theme": user.theme,
                "time_zone": user.time_zone,
                "has_single_key_shortcuts": user.has_single_key_shortcuts,
                "can_act": user.can_act and not is_read_only,
                "can_manage": user.can_manage,
            }
            if user and user.is_authenticated
            else {}
        )
        return Frame(
            **person,
            is_read_only=is_read_only,
            prefix=get_script_prefix(),
            page=self.page,
            is_filtered_page=self.is_filtered_page,
            chosen=self.chosen.slug if self.chosen else "",
            carried=self.carried,
            connections=tuple(
                FrameConnection(one.slug, one.get_kind_display(), one.is_enabled) for one in self.connections
            )
            if person
            else (),
        )


def frame_rows(request: HttpRequest) -> tuple[list[Connection], int]:
    """Returns all connections and the number of the badge, read once a request: views and templates have a shell each.

    `?connection=` narrows the badge.
    """
    found: tuple[list[Connection], int] | None = request.__dict__.get("frame_rows")
    if found is None:
        slug = request.GET.get("connection", "")
        found = connections_and_waiting(slug, now=timezone.now(), most=MAX_BADGE + 1)
        if slug and not any(one.slug == slug for one in found[0]):  # it names none, so it narrows nothing
            found = connections_and_waiting("", now=timezone.now(), most=MAX_BADGE + 1)
        request.__dict__["frame_rows"] = found
    return found


def freshness(shown: list[Connection]) -> Freshness:
    """Returns what the sync pill says of some connections. A failing one comes first."""
    shown = [one for one in shown if one.is_asked]
    failing = [one for one in shown if is_failing(one)]
    paused = [one for one in shown if is_paused(one)]
    if paused:
        name = paused[0].slug if len(shown) > 1 else "Upstream"
        return Freshness("bad", f"{name} asked to wait", paused[0].last_success_at)
    if failing:
        name = failing[0].slug if len(shown) > 1 else "Upstream"
        return Freshness("bad", f"{name} failed", failing[0].last_failure_at)
    if shown and is_lost(seen_at := worker_seen_at(shown)):
        return Freshness("bad", "No worker since" if seen_at else "No worker yet", seen_at)
    answered = [one.last_success_at for one in shown if one.last_success_at]
    if answered:
        return Freshness("good", "Synced", max(answered))
    return Freshness("", "Not asked yet" if shown else "No connection")


def shell(request: HttpRequest) -> Context:
    return {"shell": Shell(request)}


@require_safe
def frame(request: HttpRequest) -> HttpResponse:
    """Renders badge and pill again; nothing for whoever has no role."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    if not request.user.can_see:
        return HttpResponse(status=204)
    return poll_answer(request, "shell/_frame.html", {}, tag=Shell(request).frame_poll.tag)
