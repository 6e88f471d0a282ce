"""Turns an error into a problem page, or for htmx into a message in #problem, with the fitting status."""

import logging
import sys
from dataclasses import dataclass, replace

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string

from runsdash.accounts.kept_fields import kept_fields, send_again_page, sign_in_page
from runsdash.index.keeping.overwrite import remains_of
from runsdash.index.keeping.purge import Purged
from runsdash.index.storage.unwritable import AWAY, NotRecorded, why_unwritable
from runsdash.service import errors

from .lookup import NoConnection, SeveralConnections

MESSAGE_CHARS = 500
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Describes a failure. `status` is ours, `upstream_status` the upstream's; `message` may be hostile text."""

    status: int
    title: str
    message: str = ""
    advice: str = ""
    upstream_status: int | None = None
    request_id: str = ""


NOT_FOUND = Problem(
    status=404,
    title="Not found",
    message="There is no page at this address.",
    advice="The search field at the top finds threads, runs, steps, messages and assistants by id.",
)
FORBIDDEN = Problem(status=403, title="Not allowed", message="Your account may not do this.")
NOT_ALLOWED = Problem(
    status=405,
    title="There is no page to look at here",
    message="This address only takes what a form sends.",
    advice="Go back to the page with the form, or start from the overview.",
)
NO_CONNECTION = Problem(
    status=404,
    title="There is no connection",
    message="RunsDash has no upstream to ask.",
    advice="An administrator can add one on the connections page, or set RUNSDASH_API_BASE_URL.",
)
FORM_EXPIRED = Problem(
    status=403,
    title="The form is no longer valid",
    message="Its security token is missing or old. Nothing was sent.",
    advice="Copy what you typed, reload the page and send it again. If it goes on, allow cookies.",
)
FORM_RENEWED = Problem(
    status=403,
    title="You signed in again since this page was opened",
    message="Nothing was sent, and what you typed is still here.",
    advice="Send it once more. If it goes on, allow cookies.",
)
SERVER_ERROR = Problem(
    status=500,
    title="RunsDash failed",
    message="This is an error in RunsDash itself; it is in the server's log.",
    advice="Reload to try again.",
)
UNWRITABLE = Problem(
    status=503,
    title="RunsDash can only read at the moment",
    advice="Pages stay readable. An administrator has to make room, or let the database write again.",
)
NO_DATABASE = "The database does not answer"
FAILED = "The database failed."
NOT_STORED = " This was not stored."
OUTCOME_OPEN = (
    " It may have been sent, and what came of it could not be stored. That is found out by reading once the database "
    "takes writes again; do not send it a second time."
)
PURGED = Problem(
    status=410,
    title="This thread was purged from RunsDash",
    message="All that was known of it is gone, and it is not fetched again until somebody adds it.",
)

# The first line that fits wins: (error, status, title, advice).
UPSTREAM_PROBLEMS: list[tuple[type[errors.ServiceError], int, str, str]] = [
    (errors.NotFound, 404, "The upstream does not know this id",
     "Check the id, and whether it belongs to another connection. RunsDash has no copy of it."),
    (errors.Unauthorized, 502, "The upstream refused the key",
     "An administrator can put in a new key on the connections page, or in the environment of RunsDash."),
    (errors.RateLimited, 502, "The upstream limits requests",
     "RunsDash sent too many requests. Wait a little, then reload."),
    (errors.NotSupported, 502, "The upstream does not offer this",
     "This server speaks only a part of the API."),
    (errors.ServiceError, 502, "The upstream failed",
     "Try again in a moment. What RunsDash has seen before stays readable."),
]  # fmt: skip


def problem_for(error: Exception) -> Problem | None:
    """Returns what to show for an error that a view let rise; None when it is not one of ours."""
    if isinstance(error, errors.ServiceError):
        return upstream_problem(error)
    if isinstance(error, Http404):
        return replace(NOT_FOUND, message=str(error) or NOT_FOUND.message)
    if isinstance(error, PermissionDenied):
        return replace(FORBIDDEN, message=str(error) or FORBIDDEN.message)
    if isinstance(error, NoConnection):
        return NO_CONNECTION
    return unwritable_problem(error)


def unwritable_problem(error: BaseException | None) -> Problem | None:
    """Describes a full disk, or a database that takes no writes; None for every other error."""
    why = why_unwritable(error) or (FAILED if isinstance(error, NotRecorded) else "")
    if not why:
        return None
    title = NO_DATABASE if why == AWAY else UNWRITABLE.title
    return replace(
        UNWRITABLE, title=title, message=why + (OUTCOME_OPEN if isinstance(error, NotRecorded) else NOT_STORED)
    )


def upstream_problem(error: errors.ServiceError) -> Problem:
    status, title, advice = next(
        (status, title, advice) for kind, status, title, advice in UPSTREAM_PROBLEMS if isinstance(error, kind)
    )
    if isinstance(error, errors.NoAnswer):
        status = 504 if error.timed_out else 502
        title = "The upstream did not answer in time" if error.timed_out else "The upstream does not answer"
    if isinstance(error, errors.InvalidRequest) and (error.param or "").endswith("_id"):
        status, title, advice = 404, "This cannot be an id", "Check the address; ids are copied whole."
    return Problem(
        status=status,
        title=title,
        message=error.message[:MESSAGE_CHARS],
        advice=advice,
        upstream_status=error.status,
        request_id=error.request_id or "",
    )


def rendered(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Renders the page, or the partial for htmx."""
    template = "shell/problems/_problem.html" if request.headers.get("HX-Request") else "shell/problems/problem.html"
    return render(request, template, {"problem": problem}, status=problem.status)


def problem_response(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """Answers an error that a view let rise; None when it is of no known kind."""
    if isinstance(error, SeveralConnections):
        return several_response(request, error)
    if isinstance(error, Purged):
        return purged_response(request, error)
    problem = problem_for(error)
    if problem is None or problem.title == NO_DATABASE:  # a page of ours would ask it again
        return None
    return unwritable_response(request, problem) if problem.status == UNWRITABLE.status else rendered(request, problem)


def unwritable_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Answers 503, and gives what was typed back to be sent later, unless it may have arrived."""
    log.error("%s %s was refused: %s", request.method, request.path, problem.message)
    is_open = problem.message.endswith(OUTCOME_OPEN)
    kept = None if is_open or request.headers.get("HX-Request") else kept_fields(request)
    return send_again_page(request, kept, status=503, problem=problem) if kept else rendered(request, problem)


def several_response(request: HttpRequest, error: SeveralConnections) -> HttpResponse:
    """Answers 300 with the page that lists the connections that know the id."""
    query = request.GET.copy()
    choices = []
    for connection in error.connections:
        query["connection"] = connection.slug
        choices.append((connection, f"{request.path}?{query.urlencode()}"))
    context = {"upstream_id": error.upstream_id, "choices": choices}
    return render(request, "shell/problems/several.html", context, status=300)


def purged_response(request: HttpRequest, error: Purged) -> HttpResponse:
    """Answers 410: the thread was purged here, and an operator may add it again."""
    if request.headers.get("HX-Request"):
        return rendered(request, PURGED)
    slug = request.GET.get("connection", "")
    context = {"problem": PURGED, "purge": error.purge, "slug": slug, "remains": remains_of(error.purge)}
    return render(request, "shell/problems/purged.html", context, status=410)


def not_allowed_response(request: HttpRequest, refused: HttpResponseNotAllowed) -> HttpResponse:
    """Answers 405 as a page: people come to a form's address by going back, or after signing in again."""
    response = rendered(request, NOT_ALLOWED)
    response["Allow"] = refused["Allow"]
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers addresses that no view has. The resolver's own words are not for people."""
    return rendered(request, NOT_FOUND)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return rendered(request, replace(FORBIDDEN, message=str(exception) or FORBIDDEN.message))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    message = str(exception) if isinstance(exception, BadRequest) else "The request could not be read."
    return rendered(request, Problem(status=400, title="Bad request", message=message))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answers a form whose token is old, as after signing in elsewhere: a page of ours gets its text back to send."""
    if request.headers.get("HX-Request"):
        return rendered(request, FORM_RENEWED)
    if kept := kept_fields(request):
        return (
            send_again_page(request, kept, status=403) if request.user.is_authenticated else sign_in_page(request, kept)
        )
    return rendered(request, FORM_EXPIRED)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answers 500 when nothing else works: without database and context processors."""
    problem = unwritable_problem(sys.exception()) or SERVER_ERROR
    is_fragment = request.headers.get("HX-Request")
    template = "shell/problems/_problem.html" if is_fragment else "shell/problems/500.html"
    return HttpResponse(render_to_string(template, {"problem": problem}), status=problem.status)
