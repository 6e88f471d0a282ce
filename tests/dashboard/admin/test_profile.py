"""The reader's own settings, and signing in and out."""

import pytest
from django.test import Client

from tests.pages import page_of
from tests.people import PASSWORD, signed_in

pytestmark = pytest.mark.django_db
URL, THEME, ZONE = "/profile/", "/profile/theme/", "/profile/time-zone/"


def test_saving_changes_the_pages(viewer: Client) -> None:
    typed = {"theme": "dark", "time_zone": "Europe/Lisbon"}
    assert viewer.post(URL, typed)["Location"] == URL
    page = page_of(viewer.get(URL))
    assert page.one("html")["data-theme"] == "dark"
    assert page.one("html").get("data-shortcuts") is None
    assert page.one("select", id="id_time_zone").one("option", selected=True)["value"] == "Europe/Lisbon"
    assert "Europe/Lisbon" in page.one("footer", class_="foot").text
    viewer.post(URL, typed | {"has_single_key_shortcuts": "on", "theme": "system"})
    page = page_of(viewer.get(URL))
    assert page.one("html").get("data-theme") is None
    assert page.one("html").get("data-shortcuts") == ""


@pytest.mark.parametrize("wrong", [{"theme": "pink"}, {"time_zone": "Mars/Olympus"}, {"time_zone": ""}])
def test_what_cannot_be_changes_nothing(viewer: Client, wrong: dict) -> None:
    page = page_of(viewer.post(URL, {"theme": "dark", "time_zone": "UTC"} | wrong), status=422)
    assert page.all("p", role="alert")
    assert page.one("html").get("data-theme") is None
    viewer.user.refresh_from_db()
    assert (viewer.user.theme, viewer.user.time_zone) == ("system", "UTC")


def test_the_role_cannot_be_posted(viewer: Client) -> None:
    viewer.post(URL, {"theme": "dark", "time_zone": "UTC", "role": "admin", "is_superuser": "on"})
    viewer.user.refresh_from_db()
    assert (viewer.user.role, viewer.user.is_superuser) == ("viewer", False)


@pytest.mark.parametrize(
    ("back", "goes"), [("/runs/?q=a", "/runs/?q=a"), ("https://evil.example/", URL), ("", URL), ("word", "word")]
)
def test_the_theme_of_the_menu_goes_back(viewer: Client, back: str, goes: str) -> None:
    assert viewer.post(THEME, {"theme": "light", "next": back})["Location"] == goes
    viewer.user.refresh_from_db()
    assert viewer.user.theme == "light"


def test_the_browsers_zone_is_offered_to_whoever_has_utc(viewer: Client) -> None:
    form = page_of(viewer.get(URL)).one("form", data_time_zone=True)
    assert (form["action"], form.one("input", name="next")["value"]) == (ZONE, URL)
    assert viewer.post(ZONE, {"time_zone": "Mars/Olympus", "next": "/runs/"})["Location"] == "/runs/"
    assert page_of(viewer.get(URL)).all("form", data_time_zone=True)
    assert viewer.post(ZONE, {"time_zone": "Europe/Lisbon", "next": "/runs/"})["Location"] == "/runs/"
    page = page_of(viewer.get(URL))
    assert not page.all("form", data_time_zone=True)
    assert "Times in Europe/Lisbon" in page.one("footer", class_="foot").text


def test_search_engines_list_no_page(client: Client, viewer: Client) -> None:
    for answer in (client.get("/accounts/login/"), viewer.get(URL), viewer.get("/nowhere/"), client.get("/healthz")):
        assert answer["X-Robots-Tag"] == "noindex, nofollow"


def test_methods_and_strangers(client: Client, viewer: Client) -> None:
    assert [viewer.get(url).status_code for url in (THEME, ZONE)] == [405, 405]
    assert client.get(URL).status_code == 302
    assert client.post(THEME, {"theme": "dark"}).status_code == 302


# Sign-in


def test_signing_in_leads_where_one_wanted_to_go(client: Client) -> None:
    signed_in("viewer")
    form = page_of(client.get("/accounts/login/?next=/runs/")).one("form")
    assert form.one("input", name="next")["value"] == "/runs/"
    answer = client.post("/accounts/login/", {"login": "viewer", "password": PASSWORD, "next": "/runs/"})
    assert answer["Location"] == "/runs/"
    assert client.get("/profile/").status_code == 200


def test_a_wrong_password_is_said_and_the_name_kept(client: Client) -> None:
    signed_in("viewer")
    page = page_of(client.post("/accounts/login/", {"login": "viewer", "password": "wrong"}), status=422)
    assert page.one("p", role="alert", id="form-err").text
    assert page.one("input", name="login")["value"] == "viewer"
    assert page.one("input", name="password").get("value") is None


def test_the_password_can_be_changed(viewer: Client) -> None:
    url = "/accounts/password/change/"
    page = page_of(viewer.get(url))
    assert {field["name"] for field in page.all("input", type="password")} == {"oldpassword", "password1", "password2"}
    new = "a quite different secret"
    page = page_of(viewer.post(url, {"oldpassword": "wrong", "password1": new, "password2": new}), status=422)
    assert page.one("p", id="id_oldpassword-err").text
    assert viewer.post(url, {"oldpassword": PASSWORD, "password1": new, "password2": new}).status_code == 302
    viewer.user.refresh_from_db()
    assert viewer.user.check_password(new)


def test_there_is_no_sign_up(client: Client) -> None:
    assert client.get("/accounts/signup/").status_code == 404


def test_signing_out_asks_first_on_get(viewer: Client) -> None:
    assert page_of(viewer.get("/accounts/logout/")).one("main").one("form", method="post")
    assert viewer.get("/profile/").status_code == 200


def test_who_was_signed_out_before_sending_comes_back_to_the_page_with_the_form(client: Client, db: None) -> None:
    sent_from = {"Referer": "http://testserver/threads/?sort=cost"}
    page = page_of(client.post("/threads/add/", {"ids": "thread_x"}, headers=sent_from), status=401)
    assert page.one("input", name="next")["value"] == "/threads/?sort=cost"
    assert "thread_x" in page.one("input", name="kept")["value"]
    for elsewhere in ("https://evil.example/x", "", "//evil.example", "http://testserver.evil.example/"):
        answer = client.post("/threads/add/", {}, headers={"Referer": elsewhere})
        assert answer["Location"] == "/accounts/login/?next=/", elsewhere


def test_the_address_of_a_form_alone_is_a_page(operator: Client) -> None:
    answer = operator.get("/threads/add/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    page = page_of(answer, status=405)
    assert "only takes what a form sends" in page.one("main").text
    assert page.one("nav", aria_label="Main")
