"""Signed-in clients, one a role, whose name is the role's. They speak HTTP to the views; `client` of pytest-django is nobody.

`headers=HTMX` in a call makes it a request of htmx.
"""

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.test import Client
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.accounts.sessions import SessionStore

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/"}
PASSWORD = "a password for tests"


def signed_in(role: str) -> Client:
    """A client of its own for the one user with this role; `.user` is that user.

    The session is what `force_login` leaves behind, which makes two and deletes one, in thirteen statements.
    """
    name = role or "nobody"
    user = User.objects.filter(username=name).first()
    user = user or User.objects.create_user(name, password=PASSWORD, role=role, last_login=timezone.now())
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    client = Client()
    client.user = user
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
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
