"""Problem pages: errors as a page, or for htmx as a message in #problem, always with the fitting status."""

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string

from runsdash.index.keeping.purge import Purged

from . import problems
from .lookup import SeveralConnections
from .problems import Problem

PURGED = "All that was known of it is gone, and it is not fetched again until somebody adds it."
FORM_EXPIRED = Problem(
    status=403,
    title="The form is no longer valid",
    message="Its security token is missing or old. Nothing was sent.",
    advice="Copy what you typed, reload the page and send it again. If it goes on, allow cookies.",
)


def rendered(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The page, or the partial for htmx."""
    template = "shell/problems/_problem.html" if request.headers.get("HX-Request") else "shell/problems/problem.html"
    return render(request, template, {"problem": problem}, status=problem.status)


def problem_response(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """The answer for an error that a view let rise, or None when it is not a known kind."""
    problem = problems.problem_for(error)
    return rendered(request, problem) if problem else None


def several_response(request: HttpRequest, error: SeveralConnections) -> HttpResponse:
    """300: the page that lists the connections that know the id."""
    query = request.GET.copy()
    choices = []
    for connection in error.found:
        query["connection"] = connection.slug
        choices.append((connection, f"{request.path}?{query.urlencode()}"))
    context = {"upstream_id": error.upstream_id, "choices": choices}
    return render(request, "shell/problems/several.html", context, status=300)


def purged_response(request: HttpRequest, error: Purged) -> HttpResponse:
    """410: the thread was purged here. An operator may add it again."""
    problem = Problem(status=410, title="This thread was purged from RunsDash", message=PURGED)
    if request.headers.get("HX-Request"):
        return rendered(request, problem)
    context = {"problem": problem, "purge": error.purge, "slug": request.GET.get("connection", "")}
    return render(request, "shell/problems/purged.html", context, status=410)


def not_allowed_response(request: HttpRequest, refused: HttpResponseNotAllowed) -> HttpResponse:
    """405 as a page: people come to the address of a form by going back, or after signing in again."""
    response = rendered(request, problems.not_allowed())
    response["Allow"] = refused["Allow"]
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For addresses that no view answers. The resolver's own words are not for people."""
    return rendered(request, problems.not_found())


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return rendered(request, problems.forbidden(str(exception)))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    message = str(exception) if isinstance(exception, BadRequest) else "The request could not be read."
    return rendered(request, Problem(status=400, title="Bad request", message=message))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return rendered(request, FORM_EXPIRED)


def server_error(request: HttpRequest) -> HttpResponse:
    """Must work when nothing else does: no database, no context processor."""
    is_fragment = request.headers.get("HX-Request")
    template = "shell/problems/_problem.html" if is_fragment else "shell/problems/500.html"
    problem = Problem(
        status=500,
        title="RunsDash failed",
        message="This is an error in RunsDash itself; it is in the server's log.",
        advice="Reload to try again.",
    )
    return HttpResponse(render_to_string(template, {"problem": problem}), status=500)
