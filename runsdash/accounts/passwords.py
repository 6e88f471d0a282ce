"""Refuses passwords that are soon guessed, and mails whoever has forgotten theirs a link for a new one."""

import logging
from threading import Thread
from typing import Any

from allauth.core.internal import ratelimit
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import PasswordResetConfirmView
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.views.decorators.http import require_http_methods

from runsdash.audit.trail import record_done
from runsdash.json_logs import carrying_ids

from .models import MAX_NAME_CHARS, User
from .names import name_key
from .sessions import end_sessions
from .sign_in import RefusedWith422

FEW_CHARACTERS = 5
log = logging.getLogger(__name__)


class NotRepeated:
    """Refuses few characters over and over, a piece said twice or more, and the password that somebody has already."""

    def validate(self, password: str, user: User | None = None) -> None:
        is_a_piece_again = password in (password + password)[1:-1]
        if len(set(password.casefold())) < FEW_CHARACTERS or is_a_piece_again:
            raise ValidationError(
                "This password repeats itself. A few words that have nothing to do with each other are good."
            )
        if user is not None and user.pk and User.objects.get(pk=user.pk).check_password(password):
            raise ValidationError("This is the password that there is already. Take another one.")

    def get_help_text(self) -> str:
        return "It does not repeat itself, and it is not the one before."


class ForgottenForm(forms.Form):
    name = forms.CharField(label="User name", max_length=MAX_NAME_CHARS)


def refuse_without_mail() -> None:
    if not settings.HAS_MAIL_SERVER:
        raise Http404("This server sends no mail. An administrator sets a new password.")


@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Asks for the name and says the same whoever it is, so that nobody learns which accounts there are."""
    refuse_without_mail()
    form = ForgottenForm(request.POST or None)
    if not form.is_valid():
        return render(request, "account/forgotten.html", {"form": form}, status=422 if form.is_bound else 200)
    name = form.cleaned_data["name"]
    limits = {"app": "allauth.account", "action": "reset_password", "key": name_key(name)}
    refused: HttpResponse | None = ratelimit.consume_or_429(request, **limits)
    if refused:
        return refused
    user = User.named(name)
    if user is not None and may_reset(user):
        send_link(request, user)
    return render(request, "account/forgotten.html", {"is_sent": True})


def may_reset(user: User) -> bool:
    """Tells whether a letter may open this account; one that comes by single sign-on alone has no password."""
    is_local = settings.LOCAL_SIGN_IN or name_key(user.username) == name_key(settings.BREAK_GLASS_USER)
    return user.is_active and bool(user.email) and user.has_usable_password() and is_local


def send_link(request: HttpRequest, user: User) -> None:
    """Mails the link, in a thread: how long an answer takes tells nobody whether there is such an account."""
    words = {"uidb64": urlsafe_base64_encode(force_bytes(user.pk)), "token": default_token_generator.make_token(user)}
    path = reverse("password_reset", kwargs=words)
    url = settings.PUBLIC_URL.rstrip("/") + path if settings.PUBLIC_URL else request.build_absolute_uri(path)
    text = (
        f"Somebody asked for a new password of the account {user.username}. If that was you, choose one here within "
        f"an hour:\n\n{url}\n\nIf not, do nothing: the password stays as it is.\n"
    )
    record_done(action="password_link_sent", actor=user.username)
    Thread(target=carrying_ids(deliver), args=(text, user.email), daemon=True).start()


def deliver(text: str, address: str) -> None:
    try:
        send_mail("A new password for RunsDash", text, None, [address])
    except OSError:
        log.exception("The letter with a link for a new password could not be sent.")


class ChooseAnother(RefusedWith422, PasswordResetConfirmView):
    """Takes a new password from whoever has a link that is an hour old at most and was not used."""

    template_name = "account/new_password.html"
    success_url = reverse_lazy("account_login")

    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refuse_without_mail()
        return super().dispatch(*args, **kwargs)

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        super().form_valid(form)
        end_sessions(form.user)
        record_done(action="password_changed", actor=form.user.username, after={"by": "mailed link"})
        messages.success(self.request, "The new password is set. Sign in with it.")
        return redirect(self.success_url)


choose_another = ChooseAnother.as_view()
