"""Sets the rules of signing in: who may with a password, what tries are counted by; each is in the audit trail."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from runsdash.audit.trail import record_done, record_refusal

from . import sessions
from .addresses import client_address
from .models import User
from .names import name_key

UNKNOWN = "(unknown name)"  # people type passwords where the name belongs
BY_SSO = "People sign in by single sign-on here. A password is taken from one account alone, for emergencies."


class ClosedDoor(DefaultAccountAdapter):  # type: ignore[misc]
    """Lets nobody sign up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def authenticate(self, request: HttpRequest, **credentials: str) -> User | None:
        """Takes the name as it is kept, however it was typed, so that tries are counted by account."""
        typed = credentials.get("username", "")
        known = User.named(typed)
        if not settings.LOCAL_SIGN_IN and name_key(typed) != name_key(settings.BREAK_GLASS_USER):
            record_refusal(message=BY_SSO, action="sign_in", actor=known.username if known else UNKNOWN)
            raise ValidationError(BY_SSO)
        named = credentials | {"username": known.username if known else name_key(typed)}
        user: User | None = super().authenticate(request, **named)
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: str) -> None:
        known = User.named(credentials.get("username", ""))
        actor = known.username if known else UNKNOWN
        record_refusal(message="The name or the password is wrong.", action="sign_in", actor=actor)

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        sessions.begin(request, self.get_client_ip(request))
        record_done(action="sign_in", actor=user.username)

    def logout(self, request: HttpRequest) -> None:
        name = request.user.get_username()
        super().logout(request)
        if name:
            record_done(action="sign_out", actor=name)

    def set_password(self, user: User, password: str) -> None:
        """Takes a new password of somebody's own; it ends their sessions, and the view renews the present one."""
        super().set_password(user, password)
        sessions.end_sessions(user)
        record_done(action="password_changed", actor=user.username)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Returns what tries are counted by. Where a proxy writes nothing readable, its visitors share a limit."""
        address = client_address(request)
        return str(address) if address else super().get_client_ip(request)
