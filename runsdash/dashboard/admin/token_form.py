"""Parses a new token of a script, and lists those that a person may revoke. Changes nothing."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict

from runsdash.accounts.models import ApiToken, User
from runsdash.accounts.tokens import DAYS, lacks

MOST = 20  # of one person
CHOICES_OF_DAYS = [(7, "7 days"), (30, "30 days"), (DAYS, f"{DAYS} days"), (365, "a year")]


class TokenForm(forms.Form):
    """Parses a new token. A scope that the reader's role is not enough for is not offered."""

    name = forms.CharField(max_length=100, help_text="Which script has it.")
    scopes = forms.MultipleChoiceField(choices=ApiToken.Scope.choices, error_messages={"required": "Choose a scope."})
    days = forms.TypedChoiceField(label="Good for", choices=CHOICES_OF_DAYS, coerce=int)

    def __init__(self, data: QueryDict | None = None, *, owner: User, **kwargs: Any) -> None:
        super().__init__(data, auto_id="token_%s", **kwargs)
        self.owner = owner
        fields: dict[str, Any] = self.fields  # each has what its kind has
        fields["scopes"].choices = [one for one in ApiToken.Scope.choices if not lacks(owner, [one[0]])]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self.owner.api_tokens.filter(name=name).exists():
            raise forms.ValidationError("You have a token of this name. Revoke it first, or take another name.")
        if self.owner.api_tokens.count() >= MOST:
            raise forms.ValidationError(f"You have {MOST} tokens, and no more are kept. Revoke one first.")
        return name


def new_form(owner: User) -> TokenForm:
    return TokenForm(owner=owner, initial={"days": DAYS, "scopes": ["export"]})


def tokens_for(user: User) -> QuerySet[ApiToken]:
    """Returns the tokens that this person may revoke: their own, and for administrators the server's."""
    whose = Q(user=user) | Q(user=None) if user.can_manage else Q(user=user)
    return ApiToken.objects.filter(whose).select_related("user").order_by("-pk")
