"""Keeps sessions in a table of ours, ends them by their limits, and lists and ends those of a person.

Every request reads its session by a statement that is kept: Django spends more time on making it than the database on
answering.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.db import DatabaseError
from django.db.models import QuerySet, TextField
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from runsdash.prepared import Prepared

from .models import User, UserSession
from .teams import hidden_sql

NOTED_EVERY = timedelta(minutes=1)  # the last use is written no more often
POLLS = ("/live/", "/frame/", "/imports/", "/deliveries/")  # a page that is left open asks for these by itself
CAME_FROM, MADE_AT = "came_from", "made_at"
AGENT_CHARS = 200


def with_hidden(session_key: str) -> QuerySet[UserSession]:
    """Finds a session, with what is hidden from its user, so that that costs no statement."""
    listed = RawSQL(hidden_sql("accounts_usersession.user_id"), [], output_field=TextField())
    rows = UserSession.objects.filter(session_key=session_key)
    return rows.annotate(hidden=listed)  # type: ignore[no-redef]  # declared for whoever reads it


WITH_HIDDEN = Prepared(with_hidden, str)


class SessionStore(DatabaseSessions):
    """Stores sessions as Django does, beside them whose each is, since when, and when it was last used."""

    row: UserSession | None = None

    @classmethod
    def get_model_class(cls) -> type[UserSession]:
        return UserSession

    def _get_session_from_db(self) -> UserSession | None:
        self.row = WITH_HIDDEN.first(self.session_key or "")
        if self.row is None or is_over(self.row):
            self._session_key = None
            return None
        return self.row

    def create_model_instance(self, data: dict[str, Any]) -> UserSession:
        return UserSession(
            session_key=self.session_key or "",  # `save` has made one
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
            user_id=data.get("_auth_user_id"),
            made_at=datetime.fromisoformat(data[MADE_AT]) if MADE_AT in data else timezone.now(),
            seen_at=timezone.now(),
        )

    def note_use(self) -> None:
        """Writes that somebody is there, at most once a minute. A page that only reads goes on without it."""
        now = timezone.now()
        if self.row is not None and now - self.row.seen_at >= NOTED_EVERY:
            with contextlib.suppress(DatabaseError):
                UserSession.objects.filter(pk=self.row.pk).update(seen_at=now)


def is_over(row: UserSession) -> bool:
    """Tells whether a session has passed a limit: its whole length, or the time that nobody was there."""
    now = timezone.now()
    idle = timedelta(hours=settings.SESSION_IDLE_HOURS)
    is_idle = bool(idle) and now - row.seen_at > idle
    return row.expire_date <= now or is_idle or now - row.made_at > timedelta(days=settings.SESSION_DAYS)


def begin(request: HttpRequest, address: str) -> None:
    """Notes with a session that has just been signed in where it came from; clears away what has ended."""
    agent = request.headers.get("User-Agent", "")[:AGENT_CHARS]
    request.session[CAME_FROM] = {"agent": agent, "address": address}
    request.session[MADE_AT] = timezone.now().isoformat()
    UserSession.objects.filter(expire_date__lt=timezone.now()).delete()


def sessions_of(user: User) -> QuerySet[UserSession]:
    return UserSession.objects.filter(user=user, expire_date__gt=timezone.now()).order_by("-seen_at")


def end_sessions(user: User, *, but: str | None = None) -> int:
    """Signs a person out everywhere, but in the session with this key; returns how many sessions ended."""
    return UserSession.objects.filter(user=user).exclude(session_key=but or "").delete()[0]


def mark_of(row: UserSession) -> str:
    """Returns what a page names a session by; its key opens it and is shown to nobody."""
    return hashlib.sha256(row.session_key.encode()).hexdigest()[:16]


def noted_use(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Notes that a session was used by a person; what a page asks for by itself does not count."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_poll = request.headers.get("HX-Request") and request.path_info.endswith(POLLS)
        if isinstance(request.session, SessionStore) and not is_poll:
            request.session.note_use()
        return response

    return middleware
