"""The table of docs/access.md, walked: every address, method and role, and what RUNSDASH_READ_ONLY refuses.

A route without a row fails, so does a row without a route. What a view answers to somebody whom it lets in is no matter
here; nothing is known under the ids that are asked for.
"""

import re
from functools import cache
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import get_resolver

from tests.people import signed_in
from tests.test_docs import routes

pytestmark = pytest.mark.django_db
TABLE = Path(__file__).resolve().parent.parent.parent / "docs" / "access.md"
ROLES = ("anonymous", "no role", "viewer", "operator", "admin")
READ_ONLY = "admin, read-only"
METHODS = ("GET", "POST")
LAST = "/accounts/logout/"  # ends a session
ROUTES = sorted(routes(get_resolver().url_patterns), key=lambda route: (route == LAST, route))
SAMPLES = {"key": "999999", "pk": "999999", "job_id": "999999", "number": "7", "slug": "none"}


@cache
def table() -> dict[tuple[str, str], dict[str, str]]:
    """What each column says, by address and method."""
    found = {}
    for line in TABLE.read_text().splitlines():
        if line.startswith("| `/"):
            route, method, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            found[route.strip("`"), method] = dict(zip((*ROLES, READ_ONLY), cells, strict=True))
    return found


def address_of(route: str) -> str:
    return re.sub(r"<(\w+)>", lambda name: SAMPLES.get(name[1], "x_1"), route)


def word_for(answer: HttpResponse) -> str:
    """One word for an answer: signs in first, brings a token, is not allowed, has no such method, or is let in."""
    if answer.status_code == 401 and "WWW-Authenticate" in answer:
        return "token"
    leads_to_sign_in = answer.status_code == 302 and answer["Location"].startswith("/accounts/login/?next=")
    if leads_to_sign_in or answer.status_code == 401:
        return "sign in"
    return {403: "no", 405: "405"}.get(answer.status_code, "yes")


class Walk:
    """Asks as each role in turn, with a session that no answer ends."""

    def __init__(self) -> None:
        names = {"anonymous": None, "no role": ""}
        self.clients = {role: Client(raise_request_exception=False) for role in ROLES}
        self.cookies = {}
        for role in ROLES:
            name = names.get(role, role)
            self.cookies[role] = "" if name is None else signed_in(name).cookies["runsdash_session"].value

    def word(self, role: str, method: str, route: str) -> str:
        client = self.clients[role]
        client.cookies.clear()
        if self.cookies[role]:
            client.cookies["runsdash_session"] = self.cookies[role]
        return word_for(client.generic(method, address_of(route), content_type="application/x-www-form-urlencoded"))


def differences(walk: Walk, method: str, roles: tuple[str, ...]) -> list[str]:
    """Says where an answer is another than the table has. What has no row is asked for as an administrator."""
    found = []
    for route in ROUTES:
        row = table().get((route, method), {"admin": "405"})
        for role in roles:
            if role in row and (word := walk.word(role, method, route)) != row[role]:
                found.append(f"{method} {route}: {role} gets {word!r}, not {row[role]!r}")
    return found


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert {route for route, _ in table()} == set(ROUTES)
    assert {method for _, method in table()} == set(METHODS)


def test_who_may_write() -> None:
    walk = Walk()
    assert differences(walk, "POST", ROLES) == []


def test_what_a_read_only_server_refuses() -> None:
    walk = Walk()
    walk.cookies[READ_ONLY], walk.clients[READ_ONLY] = walk.cookies["admin"], walk.clients["admin"]
    with override_settings(RUNSDASH_READ_ONLY=True):
        assert differences(walk, "POST", (READ_ONLY,)) == []


def test_nothing_is_shown_to_strangers() -> None:
    assert differences(Walk(), "GET", ("anonymous", "no role")) == []


@pytest.mark.long
def test_what_is_shown_to_each_role() -> None:
    assert differences(Walk(), "GET", ROLES[2:]) == []


@pytest.mark.long
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_no_other_method_is_taken(method: str) -> None:
    walk = Walk()
    refused = {route: walk.word("admin", method, route) for route in ROUTES}
    assert {route: word for route, word in refused.items() if word not in ("405", "no")} == {}
