"""Sets the rules of signing in: administrators alone make accounts, and each visitor's tries are limited."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from .addresses import client_address


class ClosedDoor(DefaultAccountAdapter):
    """Lets nobody sign up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Returns what tries are counted by. Where a proxy writes nothing readable, its visitors share a limit."""
        address = client_address(request)
        return str(address) if address else super().get_client_ip(request)
