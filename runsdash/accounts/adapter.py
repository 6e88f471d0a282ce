"""Sets the rules of signing in: administrators alone make accounts, and each visitor's tries are limited."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from .addresses import client_address
from .models import User
from .names import name_key


class ClosedDoor(DefaultAccountAdapter):
    """Lets nobody sign up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def authenticate(self, request: HttpRequest, **credentials: str) -> User | None:
        """Takes the name as it is kept, however it was typed, so that tries are counted by account."""
        typed = credentials.get("username", "")
        known = User.named(typed)
        return super().authenticate(request, **credentials | {"username": known.username if known else name_key(typed)})

    def get_client_ip(self, request: HttpRequest) -> str:
        """Returns what tries are counted by. Where a proxy writes nothing readable, its visitors share a limit."""
        address = client_address(request)
        return str(address) if address else super().get_client_ip(request)
