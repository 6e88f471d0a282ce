"""How a person likes their pages: theme, time zone, single-key shortcuts."""

from functools import cache
from zoneinfo import available_timezones

from django import forms

from runsdash.accounts.models import User


@cache
def time_zones() -> list[tuple[str, str]]:
    """Every named zone as a choice, UTC first; the old names without a region are left out."""
    named = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [(name, name.replace("_", " ")) for name in ["UTC", *named]]


class ThemeForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["theme"]


class ProfileForm(forms.ModelForm):
    time_zone = forms.ChoiceField(choices=time_zones)

    class Meta:
        model = User
        fields = ["theme", "time_zone", "has_single_key_shortcuts"]
