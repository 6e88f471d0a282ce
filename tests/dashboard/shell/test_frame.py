"""The frame around each page: kept parts, their slots, and what it costs."""

import pytest
from django.test import Client

from runsdash.index.models import Connection
from tests.pages import page_of
from tests.queries import at_most
from tests.renders import renders_at_most
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
SESSION_AND_USER = 2


def test_a_frame_takes_one_statement_and_renders_what_changes_alone(viewer: Client) -> None:
    made_run(made_connection(), status="requires_action")
    viewer.get("/accounts/password/change/")
    with at_most(SESSION_AND_USER + 1), renders_at_most(10) as names:
        page = page_of(viewer.get("/accounts/password/change/"))
    assert page.one(id="needs-badge").text.startswith("1")
    assert {"shell/_head.html", "shell/_topbar.html", "shell/_nav.html", "shell/_foot.html"}.isdisjoint(names)


def test_each_person_has_a_frame_of_their_own(viewer: Client, admin: Client) -> None:
    made_connection()
    for client, name, may_start in [(viewer, "viewer", False), (admin, "admin", True), (viewer, "viewer", False)]:
        page = page_of(client.get("/profile/"))
        assert page.one(id="user-menu").one("h2").text.startswith(name)
        assert bool(page.all("a", data_key="n")) is may_start


def test_a_kept_frame_carries_the_token_and_the_address_of_its_request(viewer: Client) -> None:
    pages = [page_of(viewer.get(path)) for path in ("/profile/?a=%26b", "/profile/?a=c")]
    menus = [page.one(id="user-menu") for page in pages]
    assert [menu.one("input", name="next")["value"] for menu in menus] == ["/profile/?a=%26b", "/profile/?a=c"]
    tokens = {one["value"] for menu in menus for one in menu.all("input", name="csrfmiddlewaretoken")}
    assert len(tokens) == len(pages), "a masked token differs from page to page"
    sent = {"csrfmiddlewaretoken": tokens.pop(), "theme": "dark", "next": "/profile/"}
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = viewer.cookies
    assert strict.post("/profile/theme/", sent).status_code == 302
    assert page_of(viewer.get("/profile/")).one("html")["data-theme"] == "dark"


def test_a_frame_shows_connections_as_they_are_now(viewer: Client) -> None:
    connection = made_connection("north")
    assert page_of(viewer.get("/profile/")).one(id="conn-menu").all("small")[1].text == "OpenAI-compatible"
    Connection.objects.filter(pk=connection.pk).update(is_enabled=False)
    made_connection("south")
    menu = page_of(viewer.get("/profile/?connection=north")).one(id="conn-menu")
    assert [one.text for one in menu.all("small")] == ["2", "off", "OpenAI-compatible"]
    assert menu.one("a", aria_current="true")["href"] == "/runs/?connection=north"


def test_a_text_like_a_slot_stays_a_text(viewer: Client) -> None:
    made_connection("badge")
    page = page_of(viewer.get("/profile/?connection=badge"))
    assert len(page.all(id="needs-badge")) == 1


@pytest.mark.parametrize(("chosen", "waiting"), [("", "2"), ("one", "1"), ("nobody", "2")])
def test_the_badge_counts_runs_of_the_chosen_connection(viewer: Client, chosen: str, waiting: str) -> None:
    for slug in ("one", "two"):
        made_run(made_connection(slug), status="requires_action")
    page = page_of(viewer.get(f"/profile/?connection={chosen}"))
    assert page.one(id="needs-badge").text.split()[0] == waiting
