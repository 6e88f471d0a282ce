"""Signs people in, and gives back the text of the form that sent them here. Refused forms answer 422, as all do."""

from typing import Any

from allauth.account import views
from allauth.account.forms import LoginForm
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse

from .kept_fields import FIELD, carried_fields, send_again_page


class RefusedWith422:
    """Answers a refused form as every other view does."""

    request: HttpRequest

    def form_invalid(self, form: Form) -> HttpResponse:
        answer: HttpResponse = super().form_invalid(form)  # type: ignore[misc]
        answer.status_code = 422
        return answer


class SignIn(RefusedWith422, views.LoginView):  # type: ignore[misc]
    """Carries the fields of a form through tries with a wrong password."""

    def form_valid(self, form: LoginForm) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        kept = carried_fields(self.request.POST)
        return send_again_page(self.request, kept) if kept and self.request.user.is_authenticated else answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {FIELD: self.request.POST.get(FIELD, "")}


class ChangePassword(RefusedWith422, views.PasswordChangeView):  # type: ignore[misc]
    """Lets people choose another password."""


class SignInAgain(RefusedWith422, views.ReauthenticateView):  # type: ignore[misc]
    """Asks for the password once more before something that a stranger at an open desk must not do."""


reauthenticate = login_required(SignInAgain.as_view())
login, logout, password_change = SignIn.as_view(), views.logout, ChangePassword.as_view()
