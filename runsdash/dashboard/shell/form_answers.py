"""Answers write forms: a status and a sentence for what became of them, as a page or as htmx partials."""

from urllib.parse import unquote, urlsplit

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_htmx.http import trigger_client_event

from runsdash.accounts.guards import UserRequest
from runsdash.audit.trail import AuditedAction, TokenUsed, action_of
from runsdash.dashboard.shell.page_types import Context
from runsdash.service import (
    Conflict,
    InvalidRequest,
    NoAnswer,
    NotFound,
    NotSupported,
    Refused,
    ServiceError,
    Unauthorized,
)
from runsdash.sync.parallel_reads import until

FIRST_RESULT_WAIT_S = 5.0  # a second post of a form waits this long for the first one's result


def status_of(error: ServiceError) -> int:
    """Returns 422 when the input was refused, 504 when it may have arrived, else 502."""
    if isinstance(error, InvalidRequest | Refused | NotFound | NotSupported | Conflict):
        return 422
    return 504 if isinstance(error, NoAnswer) and error.outcome_unclear else 502


def sentence_of(error: ServiceError) -> str:
    if isinstance(error, NoAnswer) and error.outcome_unclear:
        return (
            "The upstream did not answer after the request was sent. "
            "The outcome is being checked; nothing is sent again."
        )
    if isinstance(error, NoAnswer):
        return f"The upstream could not be reached, nothing was sent. {error.message}"
    if error.outcome_unclear and error.status and error.status < 300:
        return (
            f"The upstream took the request, but its answer is of no use: {error.message} The outcome is being checked."
        )
    if error.outcome_unclear:
        return f"The upstream failed while it had the request ({error.message}). The outcome is being checked."
    if isinstance(error, NotSupported):
        return f"This server does not offer it: {error.message}"
    if isinstance(error, Unauthorized):
        return f"The upstream refused the key: {error.message}"
    return error.message


def form_answer(
    request: UserRequest,
    *,
    page: str,
    fragment: str,
    root: str,
    context: Context,
    status: int = 200,
    dialog: str = "",
) -> HttpResponse:
    """Renders the form as a page; for htmx its fragment, in a dialog titled `dialog` if that is given.

    With an error status the fragment comes as a partial for `root`: what was typed stays, and the error is in it.
    """
    if not request.htmx:
        return render(request, page, context, status=status)
    context = {**context, "is_dialog": bool(dialog), "fragment": fragment, "title": dialog}
    if status == 200:
        return render(request, "run_actions/_dialog.html" if dialog else fragment, context)
    html = render_to_string(fragment, context, request=request)
    return HttpResponse(partial(f"#{root}", html, swap="outerMorph"), status=status)


def partial(target: str, html: str | SafeString, *, swap: str = "innerHTML") -> SafeString:
    return format_html('<hx-partial hx-target="{}" hx-swap="{}">{}</hx-partial>', target, swap, html)


CLOSE_DIALOG = (partial("#run-dialog", ""),)


def toast(request: UserRequest, text: str, *, tone: str = "good", url: str = "", link: str = "") -> SafeString:
    context = {"text": text, "tone": tone, "url": url, "link": link}
    return partial("#toasts", render_to_string("shell/_toast.html", context, request=request), swap="beforeend")


def done(
    request: UserRequest,
    *,
    url: str,
    text: str,
    tone: str = "good",
    partials: tuple[SafeString, ...] = (),
    more: tuple[str, str] | None = None,
) -> HttpResponse:
    """Leads back to the page with a message; for htmx sends a toast, the changed parts and `run-changed`.

    `more`: address and words of a link in the toast. A form alone on its page has no parts to change there.
    """
    if not request.htmx or is_alone(request):
        level = {"good": messages.SUCCESS, "warn": messages.WARNING}.get(tone, messages.ERROR)
        messages.add_message(request, level, text)
        return HttpResponse(headers={"HX-Redirect": url}) if request.htmx else HttpResponseRedirect(url)
    link_url, link = more or ("", "")
    response = HttpResponse("".join([*partials, toast(request, text, tone=tone, url=link_url, link=link)]))
    return trigger_client_event(response, "run-changed", {})


def is_alone(request: UserRequest) -> bool:
    """Tells whether htmx sent the form from the form's own page, not from the page that it is about."""
    return unquote(urlsplit(request.headers.get("HX-Current-URL", "")).path) == request.path


def first_result(error: TokenUsed) -> AuditedAction:
    """Returns what became of the form's first post; waits a little while it is still under way."""
    audited = action_of(error.intent)
    if audited.last is None:
        until(lambda: action_of(error.intent).last, seconds=FIRST_RESULT_WAIT_S)
        audited = action_of(error.intent)
    return audited


def sent_before(
    request: UserRequest, error: TokenUsed, *, url: str, partials: tuple[SafeString, ...] = ()
) -> HttpResponse:
    """Answers a second post of the same form."""
    audited = first_result(error)
    said = (
        f" The upstream said: {audited.last.upstream_message}" if audited.last and audited.last.upstream_message else ""
    )
    text = f"This form was sent before; nothing was sent again. Its result: {audited.result_label}.{said}"
    return done(request, url=url, text=text, tone="warn", partials=partials)
