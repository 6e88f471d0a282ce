"""Sign-in rules: accounts are made by an administrator, never by visitors, and tries are limited for each of them."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from .addresses import client_address


class ClosedDoor(DefaultAccountAdapter):
    """No self sign-up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """What tries to sign in are counted by. Where a proxy tells nothing readable, its visitors share a limit."""
        address = client_address(request)
        return str(address) if address else super().get_client_ip(request)
