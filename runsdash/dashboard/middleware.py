"""Wraps every view: packs pages, keeps NUL out, sets caching and time zone, shows hidden characters, tells problems."""

import contextlib
import io
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from isal.igzip import IGzipFile

from runsdash.dashboard.rendering.visible import visible_page
from runsdash.dashboard.shell import health
from runsdash.dashboard.shell.problems import not_allowed_response, problem_response
from runsdash.index.reader_days import zone_named
from runsdash.index.storage.storable_text import REPLACEMENT, storable
from runsdash.json_logs import logged_as

Next = Callable[[HttpRequest], HttpResponse]
PROBES: dict[str, Next] = {"/healthz": health.healthz, "/readyz": health.readyz, "/metrics": health.metrics}
NUL = "\x00"
PACKED_FROM = 500  # bytes; less would not get smaller by more than its own head
PACKING = 2  # of isal's levels: a tenth of the time of zlib's 6, and a quarter larger
DEVICES = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer", "microphone",
    "midi", "payment", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
OWN = ("clipboard-write", "fullscreen", "publickey-credentials-create", "publickey-credentials-get")
PERMISSIONS = ", ".join([*(f"{name}=()" for name in DEVICES), *(f"{name}=(self)" for name in OWN)])
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,100}")
PADDING_MAX = 100  # as in Django's own GZipMiddleware


def packed(get_response: Next) -> Next:
    """Packs pages and fragments. Files, exports and streams go as they are.

    Each has a name of random length in its head, so that its size tells nothing of a secret in it (BREACH).
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        if len(response.content) >= PACKED_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
            response.content = gzip(response.content)
            response["Content-Encoding"] = "gzip"
            response["Content-Length"] = str(len(response.content))
        return response

    return middleware


def gzip(content: bytes) -> bytes:
    name = "a" * secrets.randbelow(PADDING_MAX + 1)
    target = io.BytesIO()
    new: Any = IGzipFile  # which has no types
    with new(filename=name, mode="wb", compresslevel=PACKING, fileobj=target, mtime=0) as file:
        file.write(content)
    return target.getvalue()


def no_nul(get_response: Next) -> Next:
    """Replaces NUL in addresses, cookies and fields, since PostgreSQL takes none in any statement.

    It becomes the sign for unreadable: what Django makes of bytes that are no UTF-8, and what browsers show for a NUL.
    It stands before whatever reads these.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if NUL in request.path_info:
            request.path_info, request.path = storable(request.path_info), storable(request.path)
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query:
            request.META["QUERY_STRING"] = query.replace("%00", quote(REPLACEMENT))
        if any(NUL in value for value in request.COOKIES.values()):
            request.COOKIES = {name: storable(value) for name, value in request.COOKIES.items()}
        return get_response(request)

    def process_view(request: HttpRequest, *_: Any) -> None:
        with contextlib.suppress(UnreadablePostError):  # the check of the form's token refuses it
            if any(NUL in text for name, values in request.POST.lists() for text in (name, *values)):
                request.POST = storable_fields(request.POST)  # type: ignore[assignment]  # a QueryDict, too

    middleware.process_view = process_view  # type: ignore[attr-defined]  # where Django looks for it
    return middleware


def storable_fields(given: QueryDict) -> QueryDict:
    fields = QueryDict(mutable=True, encoding=given.encoding)
    for name, values in given.lists():
        fields.setlist(storable(name), [storable(value) for value in values])
    return fields


def probes(get_response: Next) -> Next:
    """Answers probes before sessions and the check of the host, since they ask an address and not a name."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path_info, get_response)(request)

    return middleware


def numbered(get_response: Next) -> Next:
    """Gives each request an id, the proxy's if it sent one, which log lines and the answer carry."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        with logged_as(request_id=request_id):
            response = get_response(request)
        if response.status_code != 304:  # most polls; they stay small
            response["X-Request-ID"] = request_id
        return response

    return middleware


def isolated(get_response: Next) -> Next:
    """Keeps what is served from other sites, and devices from what is served: no page of ours needs one."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if not request.headers.get("HX-Request"):  # a page's rules hold for the parts that come later
            response["Permissions-Policy"] = PERMISSIONS
        return response

    return middleware


def unlisted(get_response: Next) -> Next:
    """Tells search engines to list no page, not even the sign-in."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return middleware


def fragments(get_response: Next) -> Next:
    """Tells caches that one URL answers pages and fragments, and that no fragment may be stored."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        patch_vary_headers(response, ["HX-Request"])
        if request.headers.get("HX-Request"):
            response["Cache-Control"] = "no-store"
        else:
            response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    return middleware


def deceiving_characters(get_response: Next) -> Next:
    """Writes out, wherever a page shows outside text, characters that would turn its direction or hide."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not response.streaming and response.get("Content-Type", "").startswith("text/html"):
            response.content = visible_page(response.content)
        return response

    return middleware


def time_zone(get_response: Next) -> Next:
    """Shows times in the zone of the user's profile."""

    def middleware(request: HttpRequest) -> HttpResponse:
        name = request.user.time_zone if request.user.is_authenticated else "UTC"
        with timezone.override(zone_named(name)):
            return get_response(request)

    return middleware


def problems(get_response: Next) -> Next:
    """Turns errors that views let rise into a problem page; for htmx into a message in #problem."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        return not_allowed_response(request, response) if isinstance(response, HttpResponseNotAllowed) else response

    middleware.process_exception = problem_response  # type: ignore[attr-defined]  # where Django looks for it
    return middleware
