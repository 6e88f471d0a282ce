"""Test clients of people: one for each role. `client` (of pytest-django) is nobody."""

import pytest
from django.test import Client

from runsdash.accounts.models import User

PASSWORD = "a password for tests"


def signed_in(name: str, role: str) -> Client:
    """A client whose `.user` has this role."""
    user = User.objects.create_user(name, password=PASSWORD, role=role)
    client = Client()
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def as_viewer(db: None) -> Client:
    return signed_in("vera", "viewer")


@pytest.fixture
def as_operator(db: None) -> Client:
    return signed_in("otto", "operator")


@pytest.fixture
def as_admin(db: None) -> Client:
    return signed_in("ada", "admin")


@pytest.fixture
def as_nobody(db: None) -> Client:
    """Signed in, without a role."""
    return signed_in("nils", "")
