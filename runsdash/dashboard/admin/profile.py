"""Shows the reader's own page, and changes its settings: theme, time zone, single-key shortcuts."""

from functools import cache
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.accounts.models import User
from runsdash.accounts.openid import is_connected

from .sessions import session_rows
from .token_form import new_form, tokens_for


@cache
def time_zones() -> list[tuple[str, str]]:
    """Returns every named zone as a choice, UTC first; the old names without a region are left out."""
    named = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [(name, name.replace("_", " ")) for name in ["UTC", *named]]


class ThemeForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    class Meta:
        model = User
        fields = ["theme"]


class TimeZoneForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    time_zone = forms.ChoiceField(choices=time_zones)

    class Meta:
        model = User
        fields = ["time_zone"]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    time_zone = forms.ChoiceField(choices=time_zones, help_text="Absolute times are shown in this zone.")

    class Meta:
        model = User
        fields = ["theme", "time_zone", "has_single_key_shortcuts"]


@viewer_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: UserRequest) -> HttpResponse:
    """Changes theme, time zone and single-key shortcuts."""
    if request.method != "POST":
        return profile_page(request)
    form = ProfileForm(request.POST, instance=request.user)
    if not form.is_valid():
        request.user.refresh_from_db()
        return profile_page(request, status=422, form=form)
    form.save()
    messages.success(request, "Profile saved.")
    return redirect("profile")


def profile_page(request: UserRequest, *, status: int = 200, **context: forms.BaseForm | str) -> HttpResponse:
    """Renders the page; `context` holds a form that was refused, or a token that was just made."""
    user = request.user
    parts = {"form": ProfileForm(instance=user), "token_form": new_form(user), "tokens": tokens_for(user), "secret": ""}
    parts["sessions"] = session_rows(request)
    parts["sso_connected"] = bool(settings.OIDC_ISSUER) and is_connected(user)
    return render(request, "admin/profile/profile.html", parts | context, status=status)


@viewer_required
@require_POST
def theme(request: UserRequest) -> HttpResponse:
    """Changes the theme alone, from the account menu."""
    return changed(request, ThemeForm(request.POST, instance=request.user))


@viewer_required
@require_POST
def time_zone(request: UserRequest) -> HttpResponse:
    """Changes the time zone alone, to the browser's, from the foot of a page."""
    return changed(request, TimeZoneForm(request.POST, instance=request.user))


def changed(request: UserRequest, form: "forms.ModelForm[User]") -> HttpResponse:
    """Saves what is valid and goes back to the page it came from."""
    if form.is_valid():
        form.save()
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    # Not `redirect`: it takes a bare word for the name of a view.
    return HttpResponseRedirect(back if is_ours else reverse("profile"))
