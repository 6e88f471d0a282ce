"""What happens around every view: the health answer, cache headers, the time zone, problem pages."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from runsdash.index.purge import Purged

from .subject import SeveralConnections
from .views.problems import problem_response, purged_response, several_response

Next = Callable[[HttpRequest], HttpResponse]
HEALTH_PATH = "/healthz"


def health(get_response: Next) -> Next:
    """Answers that the process is alive before sessions, host checks or the database are touched."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info == HEALTH_PATH:
            return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})
        return get_response(request)

    return middleware


def fragments(get_response: Next) -> Next:
    """One URL answers pages and fragments, so caches must tell them apart; and no fragment is ever kept."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        patch_vary_headers(response, ["HX-Request"])
        if request.headers.get("HX-Request"):
            response["Cache-Control"] = "no-store"
        else:
            response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    return middleware


def time_zone(get_response: Next) -> Next:
    """Times are shown in the zone of the user's profile."""

    def middleware(request: HttpRequest) -> HttpResponse:
        name = request.user.time_zone if request.user.is_authenticated else "UTC"
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            zone = ZoneInfo("UTC")
        with timezone.override(zone):
            return get_response(request)

    return middleware


def problems(get_response: Next) -> Next:
    """Errors that views let rise become a problem page; for htmx a message in #problem, same status."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, SeveralConnections):
            return several_response(request, error)
        if isinstance(error, Purged):
            return purged_response(request, error)
        return problem_response(request, error)

    middleware.process_exception = process_exception
    return middleware
