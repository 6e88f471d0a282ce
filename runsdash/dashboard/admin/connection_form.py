"""A connection as typed. The key is write-only: it is never put into a form again. Calls no API."""

from urllib.parse import urlsplit

from django import forms

from runsdash.index.models import Connection
from runsdash.service import Client, InvalidRequest

RESERVED_SLUGS = {"default": "the connection that the environment describes", "new": "an address of RunsDash"}
MAX_KEY_CHARS = 4000


class ConnectionForm(forms.ModelForm):
    """For a new connection; `ChangeForm` is for one that exists."""

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

    class Meta:
        model = Connection
        fields = ["slug", "name", "kind", "base_url", "api_version", "timeout_s", "budget_per_min", "is_enabled"]
        labels = {"slug": "Name", "name": "Title", "base_url": "Base URL", "api_version": "API version"}
        help_texts = {
            "slug": "Lower-case letters, digits and dashes. It stands in addresses and does not change.",
            "name": "Optional, for people.",
            "base_url": "Up to and with the version, for example https://host/v1.",
            "api_version": "Only where the kind needs another than its usual one.",
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"]
        if slug in RESERVED_SLUGS:
            raise forms.ValidationError(f"“{slug}” is {RESERVED_SLUGS[slug]}. Choose another name.")
        return slug

    def clean(self) -> dict[str, object]:
        values = super().clean()
        values["name"] = values.get("name") or values.get("slug") or self.instance.slug
        try:
            Client(
                values.get("base_url", ""), values.get("api_key", ""), kind=values.get("kind", ""),
                api_version=values.get("api_version") or None,
            )  # fmt: skip
        except InvalidRequest as error:
            field = error.param if error.param in self.fields else None
            if field not in self.errors:
                self.add_error(field, error.message)
        return values

    @property
    def new_key(self) -> str | None:
        """The key as typed."""
        return self.cleaned_data["api_key"]


class ChangeForm(ConnectionForm):
    """The slug stays: addresses and the audit trail use it. An empty key field keeps the key there is."""

    remove_key = forms.BooleanField(required=False)

    class Meta(ConnectionForm.Meta):
        fields = [name for name in ConnectionForm.Meta.fields if name != "slug"]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.held = origin(self.instance.base_url)

    def clean(self) -> dict[str, object]:
        values = super().clean()
        keeps = self.instance.sealed_key and not values.get("api_key") and not values.get("remove_key")
        if keeps and "base_url" in values and origin(values["base_url"]) != self.held:
            # Else whoever may change the address could have the key sent to a server of their own.
            self.add_error("api_key", "The server is another one now. Type its key, or remove the key.")
        return values

    @property
    def new_key(self) -> str | None:
        """The key as typed, "" to remove it, None to keep it."""
        return "" if self.cleaned_data["remove_key"] else self.cleaned_data["api_key"] or None


def origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
