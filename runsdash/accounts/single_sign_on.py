"""Decides who comes in by single sign-on, as whom and with which role. Pages: sign in, the way there, the way back."""

import re
import secrets
from typing import Any, NoReturn
from urllib.parse import urlsplit

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from runsdash.audit.trail import record_done, record_refusal

from .models import User
from .openid import Callback, CheckedOpenID, Claims, provider_for
from .roles import Role
from .sessions import end_sessions

ACTOR = "single sign-on"
LADDER = [Role.NONE, Role.VIEWER, Role.OPERATOR, Role.ADMIN]
UNUSABLE = re.compile(r"[^\w.@+-]+")


def refuse(request: HttpRequest, sentence: str, *, actor: str = ACTOR, status: int = 403) -> NoReturn:
    """Turns somebody away, on the record."""
    record_refusal(message=sentence, action="sign_in", actor=actor)
    raise ImmediateHttpResponse(refused_page(request, sentence, status=status))


def refused_page(request: HttpRequest, sentence: str, *, status: int) -> HttpResponse:
    return render(request, "account/sso_refused.html", {"sentence": sentence}, status=status)


def claim_at(claims: Claims, path: str) -> list[str]:
    """Returns the values of a claim as texts; dots lead into objects, as in `realm_access.roles`."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
    return [str(one) for one in (found if isinstance(found, list) else [found]) if one is not None]


def role_of(claims: Claims) -> Role | None:
    """Returns the highest role that the claims give; None where OIDC_ROLES leaves roles to administrators."""
    if not settings.OIDC_ROLES:
        return None
    values = claim_at(claims, settings.OIDC_ROLE_CLAIM)
    given = [Role(settings.OIDC_ROLES[value]) for value in values if value in settings.OIDC_ROLES]
    return max(given, key=LADDER.index, default=Role.NONE)


def name_of(claims: Claims) -> str:
    wanted = claims.get("preferred_username") or claims.get("email") or claims["sub"]
    return UNUSABLE.sub("-", str(wanted))[:100]


def is_of_allowed_domain(claims: Claims) -> bool:
    domain = str(claims.get("email", "")).rpartition("@")[2].lower()
    return not settings.OIDC_DOMAINS or (domain in settings.OIDC_DOMAINS and claims.get("email_verified") is True)


class Doorkeeper(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Lets in whom the identity provider knows, within what the environment allows."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        **_: Any,
    ) -> None:
        if isinstance(exception, OSError):
            reason = "The identity provider did not answer."
        else:
            reason = (
                str(exception)[:300]
                if isinstance(exception, OAuth2Error)
                else "The identity provider did not let you in."
            )
        refuse(request, reason, status=401)

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        claims = sociallogin.claims
        if not is_of_allowed_domain(claims):
            refuse(request, "Your e-mail address is of no domain that may sign in here.", actor=name_of(claims))
        if sociallogin.state.get("process") == "connect":
            raise ImmediateHttpResponse(connected(request, sociallogin))
        if sociallogin.is_existing:
            refresh_known(request, sociallogin.user, claims)
        else:
            prepare_new(request, sociallogin.user, claims)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Form | None = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        record_done(action="user_added", actor=ACTOR, after={"username": user.username, "role": user.role})
        return user


def refresh_known(request: HttpRequest, user: User, claims: Claims) -> None:
    """Gives a known person the role that their claims say today."""
    if not user.is_active:
        refuse(request, f"The account {user.username} is turned off.", actor=user.username)
    role = role_of(claims)
    if role is not None and role != user.role and user.username != settings.BREAK_GLASS_USER:
        before, user.role = {"role": user.role}, role
        user.save(update_fields=["role"])
        end_sessions(user)
        record_done(action="user_changed", actor=ACTOR, before=before, after={"username": user.username, "role": role})


def prepare_new(request: HttpRequest, user: User, claims: Claims) -> None:
    """Names a new account. One that is there already is never taken over by its name."""
    name = name_of(claims)
    if User.named(name):
        refuse(
            request,
            f"There is an account {name} here already. Sign in to it with its password and connect single sign-on on "
            "the profile page, or let an administrator rename it.",
            actor=name,
        )
    user.username, user.role = name, role_of(claims) or Role.NONE
    user.email = str(claims.get("email", ""))[:254] if claims.get("email_verified") is True else ""
    user.first_name = user.last_name = ""
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        refuse(request, f"No account can be made of what the identity provider says: {' '.join(error.messages)}")


def connected(request: HttpRequest, sociallogin: SocialLogin) -> HttpResponse:
    """Connects the account of whoever is signed in with the person that the identity provider named."""
    user = request.user
    if not user.is_authenticated:
        refuse(request, "You were signed out on the way. Sign in and connect again.")
    if sociallogin.is_existing and sociallogin.user != user:
        refuse(request, "The identity provider's account belongs to another account here.", actor=user.username)
    if not sociallogin.is_existing:
        sociallogin.user = user
        sociallogin.save(request, connect=True)
        record_done(action="single_sign_on_connected", actor=user.username, after={"username": user.username})
    messages.success(request, "Single sign-on is connected with your account.")
    return redirect("profile")


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Sends somebody to the identity provider. By a page, since the policy of forms allows no redirect elsewhere."""
    if not settings.OIDC_ISSUER:
        raise Http404("There is no single sign-on here.")
    is_connecting = request.user.is_authenticated and request.POST.get("process") == "connect"
    back = request.POST.get("next", "")
    next_url = back if url_has_allowed_host_and_scheme(back, {request.get_host()}) else None
    nonce = secrets.token_urlsafe(24)
    try:
        going = provider_for(request).redirect(
            request, "connect" if is_connecting else "login", next_url, auth_params={"nonce": nonce}, nonce=nonce
        )
    except (OSError, OAuth2Error) as error:
        reason = str(error) if isinstance(error, OAuth2Error) else "The identity provider did not answer."
        return refused_page(request, reason, status=502)
    context = {"url": going["Location"], "host": urlsplit(settings.OIDC_ISSUER).netloc}
    return render(request, "account/sso_leave.html", context)


@require_safe
def callback(request: HttpRequest) -> HttpResponse:
    if not settings.OIDC_ISSUER:
        raise Http404("There is no single sign-on here.")
    answer: HttpResponse = Callback.adapter_view(CheckedOpenID(request))(request)
    return answer
