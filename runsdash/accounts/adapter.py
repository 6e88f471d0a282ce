"""Sign-in rules: accounts are made by an administrator, never by visitors."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedDoor(DefaultAccountAdapter):
    """No self sign-up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
