"""Parses connections: a new one, and changes of one that exists. The key and secret headers are never shown again."""

import json
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings

from runsdash.index.models import Connection
from runsdash.index.storage.sealed_keys import seal
from runsdash.service import Client, InvalidRequest
from runsdash.service.providers import is_secret
from runsdash.sync.clients import extra_headers

HIDDEN = "••••"


class PairsField(forms.CharField):
    """Reads a name and a value a line."""

    widget = forms.Textarea

    def __init__(self, *, separator: str, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=8000, **kwargs)
        self.separator = separator

    def prepare_value(self, value: dict[str, str] | str | None) -> str | None:
        between = ": " if self.separator == ":" else self.separator
        return "\n".join(f"{name}{between}{one}" for name, one in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: str | None) -> dict[str, str]:  # type: ignore[override]  # as Django's own fields do
        pairs = {}
        for line in filter(str.strip, str(value or "").splitlines()):
            name, found, one = line.partition(self.separator)
            if not found or not name.strip():
                raise forms.ValidationError(f"“{line[:60]}” is not a name, {self.separator} and a value.")
            pairs[name.strip()] = one.strip()
        return pairs

    def validate(self, value: dict[str, str]) -> None:
        """Checks nothing here: the service does, when the form makes a client."""

    def run_validators(self, value: dict[str, str]) -> None:
        """Checks nothing here either: the validators of a text would measure a dict."""


RESERVED_SLUGS = {"default": "the connection that the environment describes", "new": "an address of RunsDash"}
MAX_KEY_CHARS = 4000


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    """Parses a new connection; `ChangeForm` one that exists. The key is never put into a form again."""

    timeout_s = forms.FloatField(
        label="Time-out, seconds",
        help_text="For one whole operation, 1 to 120.",
        min_value=1,
        max_value=120,
        initial=30,
    )
    budget_per_min = forms.IntegerField(
        label="Requests a minute",
        help_text="The worker and the pages together stay below it.",
        min_value=1,
        max_value=100_000,
        initial=600,
    )
    api_key = forms.CharField(required=False, max_length=MAX_KEY_CHARS)
    extra_query = PairsField(
        label="More query parameters", separator="=", help_text="One a line, as name=value. Sent with every request."
    )
    extra_headers = PairsField(
        label="More headers",
        separator=":",
        help_text="One a line, as Name: value. Kept encrypted; what looks like a secret is shown as •••• afterwards.",
    )

    class Meta:
        model = Connection
        fields = [
            "slug", "name", "kind", "base_url", "api_version", "auth", "organization", "project", "timeout_s",
            "budget_per_min", "sunset_on", "is_enabled",
        ]  # fmt: skip
        labels = {
            "slug": "Short name", "name": "Name", "base_url": "Base URL", "api_version": "API version",
            "auth": "How the key goes", "organization": "Organisation", "project": "Project", "sunset_on": "Last day",
        }  # fmt: skip
        help_texts = {
            "slug": "Lower-case letters, digits and dashes. It stands in addresses and does not change.",
            "name": "Optional, for people.",
            "base_url": "Up to and including the version, for example https://host/v1. Empty: runs are only sent in.",
            "api_version": "Only where the server needs a version other than the usual one.",
            "organization": "Sent as OpenAI-Organization.",
            "project": "Sent as OpenAI-Project.",
            "sunset_on": "When the provider closes, as 2027-03-31. After that day nothing is asked.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        if self.instance.sunset_on:
            self.initial["sunset_on"] = self.instance.sunset_on.isoformat()
        self.initial["extra_query"] = self.instance.extra_query
        self.initial["extra_headers"] = {
            name: HIDDEN if is_secret(name) else value for name, value in self.held_headers.items()
        }

    @property
    def held_headers(self) -> dict[str, str]:
        return extra_headers(self.instance)

    def clean_extra_headers(self) -> dict[str, str]:
        """Puts back the values that were not shown."""
        given = self.cleaned_data["extra_headers"]
        return {name: self.held_headers.get(name, "") if one == HIDDEN else one for name, one in given.items()}

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if slug in RESERVED_SLUGS:
            raise forms.ValidationError(f"“{slug}” is {RESERVED_SLUGS[slug]}. Choose another.")
        return slug

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        values["name"] = values.get("name") or values.get("slug") or self.instance.slug
        self.instance.extra_query = values.get("extra_query") or {}
        headers = values.get("extra_headers") or {}
        self.instance.sealed_headers = seal(json.dumps(headers)) if headers else ""
        if not values.get("base_url") and "base_url" not in self.errors:
            values["is_enabled"] = False  # there is nobody to ask
            return values
        try:
            Client(
                values.get("base_url", ""),
                values.get("api_key", ""),
                kind=values.get("kind", ""),
                api_version=values.get("api_version") or None,
                auth=values.get("auth", ""),
                extra_query=self.instance.extra_query,
                extra_headers=headers,
                allow_link_local=settings.RUNSDASH_API_ALLOW_LINK_LOCAL,
            )
        except InvalidRequest as error:
            field = error.param if error.param in self.fields else None
            if field not in self.errors:
                self.add_error(field, error.message)
        return values

    @property
    def new_key(self) -> str | None:
        """Returns the key as typed."""
        return str(self.cleaned_data["api_key"])


class ChangeForm(ConnectionForm):
    """Parses changes. The slug stays, since addresses and the audit trail use it; no key typed keeps the key."""

    remove_key = forms.BooleanField(required=False)

    class Meta(ConnectionForm.Meta):
        fields = [name for name in ConnectionForm.Meta.fields if name != "slug"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.held = origin(self.instance.base_url)

    def clean(self) -> dict[str, Any]:
        had_secrets = HIDDEN in self.data.get("extra_headers", "")
        values = super().clean()
        if had_secrets and values.get("base_url") and origin(values["base_url"]) != self.held:
            self.add_error("extra_headers", "This is a different server. Type the hidden values again, or remove them.")
        keeps = self.instance.sealed_key and not values.get("api_key") and not values.get("remove_key")
        if keeps and "base_url" in values and origin(values["base_url"]) != self.held:
            # Else whoever may change the address could have the key sent to a server of their own.
            self.add_error("api_key", "This is a different server. Type its key, or remove the key.")
        return values

    @property
    def new_key(self) -> str | None:
        """Returns the key as typed, "" to remove it, None to keep it."""
        return "" if self.cleaned_data["remove_key"] else self.cleaned_data["api_key"] or None


def origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
