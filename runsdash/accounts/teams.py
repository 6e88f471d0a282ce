"""Says which connections somebody does not see, and narrows what is read while they are answered.

Connections that belong to no team are seen by all who have a role, those of teams by their members and administrators.
How reading is narrowed stands in runsdash/row_access.py.
"""

from collections.abc import Callable, Iterator

from django.db import connection
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from runsdash.row_access import Hidden, everything, hidden, hiding

from .models import TeamConnection, User, UserSession

OTHERS = (
    "(SELECT {} FROM accounts_teamconnection t WHERE NOT EXISTS (SELECT 1 FROM accounts_teamconnection o"
    " JOIN accounts_team_members m ON m.team_id = o.team_id"
    " WHERE o.connection_id = t.connection_id AND m.user_id = {}))"
)


def hidden_sql(user_id: str) -> str:
    """Returns an expression for the connections of teams that a user is in none of: keys by commas; null for none."""
    keys = "t.connection_id"
    listed = f"group_concat({keys})" if connection.vendor == "sqlite" else f"string_agg({keys}::text, ',')"
    return OTHERS.format(listed, user_id)


def hidden_in(text: str | None) -> Hidden:
    return tuple(sorted({int(key) for key in text.split(",")})) if text else ()


def hidden_from(user: User | None) -> Hidden:
    """Returns the connections that a user does not see; without one, those of all teams."""
    if user is not None and user.can_manage:
        return ()
    with everything():
        rows = TeamConnection.objects.order_by()
        if user is not None:
            own = TeamConnection.objects.filter(connection=OuterRef("connection"), team__members=user)
            rows = rows.exclude(Exists(own))
        return tuple(sorted(set(rows.values_list("connection_id", flat=True))))


def hidden_from_name(name: str) -> Hidden:
    """Returns the same for whoever has this name now."""
    return hidden_from(User.objects.filter(username=name).first())


def hidden_from_visitor(request: HttpRequest) -> Hidden:
    """Returns the same for whoever is signed in: it came with their session."""
    if not request.user.is_authenticated or request.user.can_manage:
        return ()
    row: UserSession | None = getattr(request.session, "row", None)  # as sessions.SessionStore has it
    return hidden_in(row.hidden) if row is not None else hidden_from(request.user)


def seen(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Narrows what is read for each request, and while its answer is streamed."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with hiding(hidden_from_visitor(request)):
            response = get_response(request)
            if isinstance(response, StreamingHttpResponse) and hidden():
                response.streaming_content = streamed(iter(response), hidden())
            return response

    return middleware


def streamed(pieces: Iterator[bytes], connections: Hidden) -> Iterator[bytes]:
    """Makes each piece of an answer under the same limits as its beginning."""
    while True:
        with hiding(connections):
            try:
                piece = next(pieces)
            except StopIteration:
                return
        yield piece
