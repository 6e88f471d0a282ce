"""Signed-in browsers, one a role, and a run page opened by one of them."""

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client

from runsdash.accounts.models import User


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(User.objects.create_user(role or "nobody", role=role))
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


def path_of(run: dict, more: str = "") -> str:
    """The run page's path; takes a run of the API or what `Sandbox.seed` returns."""
    return f"/threads/{run['thread_id']}/runs/{run.get('id') or run['run_id']}/{more}"


@pytest.fixture
def open_run(operator: Client) -> Callable[..., HttpResponse]:
    """`open_run(run, "?tab=raw")` as operator; `htmx=True` as htmx asks."""

    def opened(
        run: dict, more: str = "", *, by: Client | None = None, htmx: bool = False, tag: str = ""
    ) -> HttpResponse:
        headers = ({"HX-Request": "true"} if htmx else {}) | ({"HX-PTag": tag} if tag else {})
        return (by or operator).get(path_of(run, more), headers=headers)

    return opened
