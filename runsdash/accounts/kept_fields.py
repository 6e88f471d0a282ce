"""Keeps what a form posted when it could not be taken: nobody was signed in, or its security token was old.

The fields travel in the pages themselves, as hidden inputs, so that nothing of an anonymous visitor is stored.
Passwords and keys are never among them. A person sends the fields again with one click; nothing sends them by itself.
"""

import json
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

FIELD = "kept"
MAX_BYTES = 4 * 1024 * 1024  # half of what a form may be, since JSON adds to it
OURS = {"csrfmiddlewaretoken", FIELD}
SECRETS = {"password", "password1", "password2", "oldpassword", "api_key"}
UNSEEN = {"token", "seen", "next", "kept_key"}  # what a form holds for itself


@dataclass(frozen=True, kw_only=True)
class KeptFields:
    """Describes a post that was not taken: its address, its fields, and the names of what has to be given again."""

    path: str
    fields: list[tuple[str, str]]
    secrets: list[str]
    files: list[str]
    origin: str  # the page with the form

    @property
    def text(self) -> str:
        """Returns all of it as the value of one hidden input; "" when it is too long."""
        text = json.dumps(vars(self), ensure_ascii=False)
        return text if len(text.encode("utf-8", "replace")) <= MAX_BYTES else ""

    @property
    def shown(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.fields if value and name not in UNSEEN]

    @property
    def unseen(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.fields if not value or name in UNSEEN]


def is_ours(request: HttpRequest, address: str) -> bool:
    return "//" in address and url_has_allowed_host_and_scheme(
        address, {request.get_host()}, require_https=request.is_secure()
    )


def is_from_our_page(request: HttpRequest) -> bool:
    """Tells whether a browser says that the form stood on a page of ours; another site must not offer text."""
    return is_ours(request, request.headers.get("Origin") or request.headers.get("Referer", ""))


def kept_fields(request: HttpRequest) -> KeptFields | None:
    """Returns what was posted; None when another site sent it or it is too long to be carried along."""
    if request.method != "POST" or not is_from_our_page(request):
        return None
    if request.path == resolve_url(settings.LOGIN_URL):
        return carried_fields(request.POST)
    names = [name for name in request.POST if name not in OURS]
    kept = KeptFields(
        path=request.get_full_path(),
        fields=[(name, value) for name in names if name not in SECRETS for value in request.POST.getlist(name)],
        secrets=[name for name in names if name in SECRETS],
        files=list(request.FILES),
        origin=page_before(request),
    )
    return kept if kept.text else None


def carried_fields(posted: QueryDict) -> KeptFields | None:
    """Reads what the sign-in page carried along; None when there is nothing, or nothing that we wrote."""
    try:
        kept = KeptFields(**json.loads(posted.get(FIELD, ""), parse_constant=str))
        are_ours = all(url_has_allowed_host_and_scheme(one, None) for one in (kept.path, kept.origin))
        fields = [(str(name), str(value)) for name, value in kept.fields]
        kept.text.encode()  # refuses halves of characters
    except (ValueError, TypeError, AttributeError):
        return None
    return KeptFields(**vars(kept) | {"fields": fields}) if are_ours else None


def page_before(request: HttpRequest) -> str:
    """Returns where a form was sent from: an address of ours that can be read again, else the first page."""
    sent_from = request.headers.get("Referer", "")
    return without_host(sent_from if is_ours(request, sent_from) else "")


def without_host(address: str) -> str:
    """Returns the path and query of an address; the first page's when there is none."""
    return urlsplit(address)._replace(scheme="", netloc="").geturl() or resolve_url(settings.LOGIN_REDIRECT_URL)


def sign_in_page(request: HttpRequest, kept: KeptFields) -> HttpResponse:
    """Answers 401 with the sign-in page, which carries the fields along."""
    context = {"kept": kept.text, "redirect_field_name": "next", "redirect_field_value": kept.origin}
    return render(request, "account/login.html", context, status=401)


class Explained(Protocol):
    """Says on a page why it is shown."""

    @property
    def status(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def advice(self) -> str: ...


def send_again_page(
    request: HttpRequest, kept: KeptFields, *, status: int = 200, problem: Explained | None = None
) -> HttpResponse:
    """Shows the fields in a form that sends them to where they were going. `problem` says why, if not the sign-in."""
    return render(request, "account/send_again.html", {"kept": kept, "problem": problem}, status=status)
