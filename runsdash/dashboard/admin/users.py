"""Manages accounts and their roles. Administrators only."""

from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import validate_password
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runsdash.accounts.guards import UserRequest, admin_required
from runsdash.accounts.models import User
from runsdash.actions.users import remove_second_factors, save_user


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    """Parses an account. A new one needs a password; an old one keeps its own when the field is empty."""

    password = forms.CharField(required=False, strip=False, max_length=200)

    class Meta:
        model = User
        fields = ("username", "email", "role", "is_active")
        labels = {"username": "Name", "email": "E-mail"}
        help_texts = {
            "username": "Stands in the audit trail.",
            "email": "May be empty. Where mail is set up, a link for a forgotten password goes there.",
        }

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        password = cleaned.get("password") or ""
        if password:
            self.check_password(password)
        elif self.instance.pk is None:
            self.add_error("password", "A new account needs a password.")
        is_own = self.instance.pk == self.actor.pk
        if is_own and (cleaned.get("role") != "admin" or not cleaned.get("is_active")):
            self.add_error(None, "You cannot take your own rights away; another administrator can.")
        return cleaned

    def check_password(self, password: str) -> None:
        try:
            validate_password(password, self.instance)
        except forms.ValidationError as error:
            self.add_error("password", error)


@admin_required
@require_safe
def users(request: UserRequest) -> HttpResponse:
    return render(request, "admin/users/users.html", {"people": User.objects.order_by("username")})


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: UserRequest) -> HttpResponse:
    form = UserForm(request.POST or None, actor=request.user, initial={"is_active": True, "role": "viewer"})
    return answer(request, form)


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: UserRequest, key: int) -> HttpResponse:
    person = User.objects.filter(pk=key).first()
    if person is None:
        raise Http404("There is no such account.")
    return answer(request, UserForm(request.POST or None, actor=request.user, instance=person))


@admin_required
@require_POST
def remove_factors(request: UserRequest, key: int) -> HttpResponse:
    """Removes the second factors of somebody who has lost them; one's own are removed on their own page."""
    person = User.objects.filter(pk=key).first()
    if person is None:
        raise Http404("There is no such account.")
    if person.pk == request.user.pk:
        messages.error(request, "Your own second factor is removed on its own page.")
        return HttpResponseRedirect(reverse("mfa_index"))
    remove_second_factors(actor=request.user, user=person)
    messages.success(request, f"The second factors of {person.username} are removed.")
    return HttpResponseRedirect(reverse("user", args=[key]))


def answer(request: UserRequest, form: UserForm) -> HttpResponse:
    """Shows the form, or goes back to the list once it was saved."""
    if request.method == "POST" and form.is_valid():
        person = save_user(actor=request.user, user=form.instance, password=form.cleaned_data["password"])
        if person.pk == request.user.pk:
            update_session_auth_hash(request, person)  # one's own sessions have ended, but for this one
        messages.success(request, f"The account {person.username} is saved.")
        return HttpResponseRedirect(reverse("users"))
    context = {"form": form, "name": form.instance.username if form.instance.pk else ""}
    context["has_factor"] = bool(form.instance.pk) and is_mfa_enabled(form.instance)
    return render(request, "admin/users/user.html", context, status=422 if form.is_bound else 200)
