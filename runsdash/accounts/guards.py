"""Guards views: decorators that ask for a role, and decide nothing else."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, NoReturn, ParamSpec, TypeGuard, TypeVar

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils.http import urlencode
from django_htmx.middleware import HtmxDetails

from runsdash.audit.trail import record_refusal

from .kept_fields import kept_fields, page_before, sign_in_page, without_host
from .models import User
from .second_factor import lacks_factor

READ_ONLY = "This server is set to read-only: RUNSDASH_READ_ONLY is on."
SAFE = ("GET", "HEAD", "OPTIONS")
P = ParamSpec("P")
Answer = TypeVar("Answer", bound=HttpResponseBase)


class UserRequest(HttpRequest):
    """Says for annotations what a request has behind a guard; none is ever made."""

    user: User
    htmx: HtmxDetails


View = Callable[Concatenate[UserRequest, P], Answer]
GuardedView = Callable[Concatenate[HttpRequest, P], Answer | HttpResponse]


def is_signed_in(request: HttpRequest) -> TypeGuard[UserRequest]:
    return request.user.is_authenticated


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """Redirects to the sign-in page; answers htmx 401 with HX-Redirect, as it would put a redirect into a fragment.

    What a form of ours posted goes along with the sign-in page.
    """
    if request.headers.get("HX-Request"):
        back = without_host(request.headers.get("HX-Current-URL", ""))
        sign_in = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': back})}"
        return HttpResponse(status=401, headers={"HX-Redirect": sign_in})
    if request.method in ("GET", "HEAD"):
        return redirect_to_login(request.get_full_path())
    if kept := kept_fields(request):
        return sign_in_page(request, kept)
    messages.warning(
        request, "You had been signed out, so nothing was sent. What was typed may be in the page before this one."
    )
    return redirect_to_login(page_before(request))


def add_factor_first(request: HttpRequest) -> HttpResponse:
    """Leads whoever needs a second factor to the page that adds one."""
    url = resolve_url("mfa_index")
    return (
        HttpResponse(status=401, headers={"HX-Redirect": url}) if request.headers.get("HX-Request") else redirect(url)
    )


def refuse_read_only(request: HttpRequest) -> NoReturn:
    """Turns down, on the record, what would change something shared; a viewer's own things go on changing."""
    named = request.resolver_match
    given = named.kwargs if named else {}
    ids = {name: given[name][:200] for name in ("thread_id", "run_id") if name in given}
    record_refusal(message=READ_ONLY, action=named.url_name if named else "", actor=request.user.get_username(), **ids)
    raise PermissionDenied(READ_ONLY)


def guard(*, right: str, sentence: str) -> Callable[[View[P, Answer]], GuardedView[P, Answer]]:
    """Makes a decorator that lets in users whose `right` (an attribute of User) is true."""

    def decorate(view: View[P, Answer]) -> GuardedView[P, Answer]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> Answer | HttpResponse:
            if not is_signed_in(request):
                return sign_in_first(request)
            if not getattr(request.user, right):
                raise PermissionDenied(sentence)
            if lacks_factor(request):
                return add_factor_first(request)
            if settings.RUNSDASH_READ_ONLY and right != "can_see" and request.method not in SAFE:
                refuse_read_only(request)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


viewer_required = guard(right="can_see", sentence="Your account has no role yet. An administrator can give you one.")
operator_required = guard(right="can_act", sentence="This needs the role operator. Your role lets you look, not act.")
admin_required = guard(right="can_manage", sentence="This needs the role admin.")
