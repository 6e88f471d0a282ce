"""An account as an administrator edits it."""

from django import forms
from django.contrib.auth.password_validation import validate_password

from runsdash.accounts.models import User


class UserForm(forms.ModelForm):
    """A new account needs a password; an old one keeps its own when the field is empty."""

    password = forms.CharField(required=False, strip=False, max_length=200)

    class Meta:
        model = User
        fields = ("username", "role", "is_active")
        labels = {"username": "Name"}
        help_texts = {"username": "Stands in the audit trail."}

    def __init__(self, *args: object, actor: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def clean(self) -> dict[str, object]:
        cleaned = super().clean()
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
