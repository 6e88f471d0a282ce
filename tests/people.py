"""Signed-in clients, one a role. They speak HTTP to the views; `htmx=True` in a call makes it a request of htmx."""

import pytest
from django.test import Client

from runsdash.accounts.models import User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/"}


def signed_in(role: str) -> Client:
    user, _ = User.objects.get_or_create(username=role, defaults={"role": role})
    client = Client()
    client.force_login(user, backend=BACKEND)
    client.user = user
    return client


@pytest.fixture
def viewer(db: None) -> Client:
    return signed_in("viewer")


@pytest.fixture
def operator(db: None) -> Client:
    return signed_in("operator")


@pytest.fixture
def admin(db: None) -> Client:
    return signed_in("admin")
