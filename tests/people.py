"""Signed-in clients, one a role, whose name is the role's. They speak HTTP to the views; `client` of pytest-django is nobody.

`headers=HTMX` in a call makes it a request of htmx.
"""

import pytest
from django.test import Client

from runsdash.accounts.models import User

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/"}
PASSWORD = "a password for tests"


def signed_in(role: str) -> Client:
    """A client of its own for the one user with this role; `.user` is that user."""
    name = role or "nobody"
    user = User.objects.filter(username=name).first()
    client = Client()
    client.user = user or User.objects.create_user(name, password=PASSWORD, role=role)
    client.force_login(client.user)
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


@pytest.fixture
def nobody(db: None) -> Client:
    """Signed in, without a role."""
    return signed_in("")
