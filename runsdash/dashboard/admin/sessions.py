"""Lists and ends the reader's own sessions."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.accounts.models import UserSession
from runsdash.accounts.sessions import CAME_FROM, is_over, mark_of, sessions_of
from runsdash.actions.sessions import sign_out

# What a User-Agent is called by: the first that it names, since most name others as well.
BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS": "macOS"}
SYSTEMS |= {"CrOS": "ChromeOS", "Linux": "Linux"}


@dataclass(frozen=True)
class SessionRow:
    """Shows one session; its key stays unseen."""

    mark: str
    agent: str  # as it was sent
    address: str
    made_at: datetime
    seen_at: datetime
    is_this: bool

    @property
    def browser(self) -> str:
        """Says browser and system as people know them; the start of what was sent where neither is known."""
        words = [next((word for sign, word in of.items() if sign in self.agent), "") for of in (BROWSERS, SYSTEMS)]
        return " on ".join(filter(None, words)) or self.agent[:40]


def own_sessions(request: UserRequest) -> list[UserSession]:
    return [row for row in sessions_of(request.user) if not is_over(row)]


def session_rows(request: UserRequest) -> list[SessionRow]:
    rows = []
    for row in own_sessions(request):
        came_from = row.get_decoded().get(CAME_FROM) or {}
        is_this = row.session_key == request.session.session_key
        agent, address = came_from.get("agent") or "unknown", came_from.get("address") or "unknown"
        rows.append(SessionRow(mark_of(row), agent, address, row.made_at, row.seen_at, is_this))
    return rows


@viewer_required
@require_POST
def end(request: UserRequest) -> HttpResponse:
    """Ends the session that `session` names; without it all but this one."""
    mark = request.POST.get("session", "")
    others = [row for row in own_sessions(request) if row.session_key != request.session.session_key]
    chosen = [row for row in others if not mark or mark_of(row) == mark]
    if chosen:
        sign_out(actor=request.user, rows=chosen)
        messages.success(request, f"Signed out in {len(chosen)} other session{'s' if len(chosen) > 1 else ''}.")
    else:
        messages.info(request, "There is no such session any more.")
    return HttpResponseRedirect(reverse("profile"))
