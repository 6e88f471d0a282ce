"""Adds a second factor to signing in: an app's codes, passkeys, and recovery codes for the day when both are lost.

allauth knows the factors. Here stands how they are kept, who needs one, and that each change is in the trail.
"""

import base64
import re
import secrets
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.views import AuthenticateView, IndexView, ReauthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy

from runsdash.audit.trail import record_done, record_refusal

from .models import User
from .sealing import seal_for, unseal_for
from .sign_in import RefusedWith422

PURPOSE = "runsdash second factors"
MAIN = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
HAS_FACTOR = "has_second_factor"  # noted in a session, so that a page does not ask for it
SEALED_FIELDS = ("secret", "seed")


class Factors(DefaultMFAAdapter):  # type: ignore[misc]
    """Keeps secrets sealed, and does not let go of a factor that a role needs."""

    def encrypt(self, text: str) -> str:
        return seal_for(PURPOSE, text)

    def decrypt(self, encrypted_text: str) -> str:
        """Opens a secret. One that no key opens becomes a random one, so that no code fits it."""
        return unseal_for(PURPOSE, encrypted_text) or base64.b32encode(secrets.token_bytes(20)).decode()

    def build_totp_svg(self, url: str) -> str:
        return re.sub(r"^<\?xml[^>]*>\s*", "", super().build_totp_svg(url))

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        others = Authenticator.objects.filter(user=authenticator.user, type__in=MAIN).exclude(pk=authenticator.pk)
        return not needs_factor(authenticator.user) or others.exists()


def needs_factor(user: User) -> bool:
    return user.role in settings.MFA_REQUIRED_ROLES


def lacks_factor(request: HttpRequest) -> bool:
    """Tells whether somebody has to add a factor first. Whoever came by single sign-on has shown theirs there."""
    if not request.user.is_authenticated or not needs_factor(request.user) or request.session.get(HAS_FACTOR):
        return False
    records = request.session.get("account_authentication_methods", [])
    has_one = any(one.get("method") == "socialaccount" for one in records)
    has_one = has_one or Authenticator.objects.filter(user=request.user, type__in=MAIN).exists()
    if has_one:
        request.session[HAS_FACTOR] = True
    return not has_one


def remove_factors(user: User) -> int:
    """Takes all factors of somebody away, for whoever lost them; returns how many there were."""
    removed: int = Authenticator.objects.filter(user=user).delete()[0]
    return removed


def reseal_factors() -> tuple[int, list[str]]:
    """Seals all secrets with the SECRET_KEY of today; returns how many, and whose no key opens."""
    done, lost = 0, []
    for row in Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).select_related("user"):
        for field in SEALED_FIELDS:
            if not (sealed := row.data.get(field)):
                continue
            secret = unseal_for(PURPOSE, sealed)
            if secret is None:
                lost.append(f"second factor of {row.user}")
                continue
            row.data[field] = seal_for(PURPOSE, secret)
            row.save(update_fields=["data"])
            done += 1
    return done, lost


class Recorded(RefusedWith422):
    """Puts what a form has changed into the audit trail."""

    action = ""

    def form_valid(self, form: forms.Form) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        self.request.session.pop(HAS_FACTOR, None)
        record_done(action=self.action, actor=self.request.user.username)
        return answer


class Authenticate(AuthenticateView):  # type: ignore[misc]
    def form_invalid(self, form: forms.Form) -> HttpResponse:
        record_refusal(message="The second factor is wrong.", action="sign_in", actor=self.stage.login.user.username)
        answer: HttpResponse = super().form_invalid(form)
        answer.status_code = 422
        return answer


class Factor(IndexView):  # type: ignore[misc]
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = {"is_needed": needs_factor(self.request.user), "lacks_factor": lacks_factor(self.request)}
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | more


class ActivateTotp(Recorded, ActivateTOTPView):  # type: ignore[misc]
    action = "second_factor_added"


class DeactivateTotp(Recorded, DeactivateTOTPView):  # type: ignore[misc]
    action = "second_factor_removed"


class AddPasskey(Recorded, AddWebAuthnView):  # type: ignore[misc]
    action = "passkey_added"


class RemovePasskey(Recorded, RemoveWebAuthnView):  # type: ignore[misc]
    action = "passkey_removed"
    success_url = reverse_lazy("mfa_index")

    def form_valid(self, form: forms.Form) -> HttpResponse:
        if not Factors().can_delete_authenticator(self.get_object()):
            form.add_error(None, "Your role needs a second factor. Add another one first.")
            return self.form_invalid(form)
        return super().form_valid(form)


class NewCodes(Recorded, GenerateRecoveryCodesView):  # type: ignore[misc]
    action = "recovery_codes_made"


class Again(RefusedWith422, ReauthenticateView):  # type: ignore[misc]
    """Asks for a code before a factor is changed."""


index, authenticate = Factor.as_view(), Authenticate.as_view()
activate_totp, deactivate_totp = ActivateTotp.as_view(), DeactivateTotp.as_view()
add_passkey, remove_passkey = AddPasskey.as_view(), RemovePasskey.as_view()
codes, new_codes = ViewRecoveryCodesView.as_view(), NewCodes.as_view()
reauthenticate, reauthenticate_webauthn = Again.as_view(), ReauthenticateWebAuthnView.as_view()
