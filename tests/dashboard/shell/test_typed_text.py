"""Typed text outlives a session that has ended and a form's token that is old, at every address that takes a form."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import URLPattern

from runsdash.accounts.kept_fields import MAX_BYTES, SECRETS
from runsdash.dashboard.urls import urlpatterns
from runsdash.index.models import Run
from tests.pages import Element, page_of
from tests.people import PASSWORD
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
BROWSER = {"Origin": "http://testserver", "Referer": "http://testserver/runs/new/?from=here"}
TYPED = {
    "instructions": '  two\r\nlines, "quotes" & <b>marks</b> שלום ',
    "metadata-0-key": "k",
    "output-call_1": "1\r\n2",
    "token": "once",
    "reason": "",
}
PARTS = {"id": "x_1", "slug": "sandbox", "int": "1"}
LOGIN = "/accounts/login/"


def address(pattern: URLPattern) -> str:
    return "/" + re.sub(r"<(\w+):\w+>", lambda part: PARTS[part[1]], str(pattern.pattern))


def takes_posts(pattern: URLPattern) -> bool:
    """Asks the view itself, as nobody: one that only shows something answers 405 or takes no notice of the method."""
    return Client().post(address(pattern)).status_code == 302


ALL = [one for folder in urlpatterns for one in folder.url_patterns]


@pytest.fixture
def forms() -> list[str]:
    """The addresses that take a form: all that send an anonymous post to the sign-in."""
    found = [address(one) for one in ALL if takes_posts(one)]
    assert len(found) > 35
    return found


def names_and_values(form: Element) -> list[tuple[str, str]]:
    fields = [(one["name"], one.get("value", "")) for one in form.all("input") if one["name"] in TYPED]
    return fields + [(one["name"], "".join(one.texts()).removeprefix("\n")) for one in form.all("textarea")]


def same_as_typed(form: Element, posted: dict[str, str]) -> bool:
    return sorted(names_and_values(form)) == sorted(posted.items())


def test_a_session_that_ended_loses_no_form(forms: list[str]) -> None:
    for path in forms:
        sign_in = page_of(Client().post(f"{path}?connection=a", TYPED, headers=BROWSER), status=401)
        kept = json.loads(sign_in.one("input", name="kept")["value"])
        assert kept["path"] == f"{path}?connection=a"
        assert dict(kept["fields"]) == TYPED


def test_the_text_is_there_after_signing_in(operator: Client) -> None:
    browser = Client()
    sign_in = page_of(browser.post("/runs/new/?connection=a", TYPED, headers=BROWSER), status=401)
    kept = sign_in.one("input", name="kept")["value"]
    wrong = browser.post(LOGIN, {"login": "operator", "password": "wrong", "kept": kept}, headers=BROWSER)
    again = page_of(wrong, status=wrong.status_code).one("input", name="kept")["value"]
    signed_in = {"login": "operator", "password": PASSWORD, "kept": again, "next": "/"}
    page = page_of(browser.post(LOGIN, signed_in, headers=BROWSER))
    form = page.one("form", id="send-again")
    assert (form["method"], form["action"]) == ("post", "/runs/new/?connection=a")
    assert same_as_typed(form, TYPED)
    assert page.all("a", href="/runs/new/?from=here")


def test_an_old_token_loses_no_form(operator: Client, forms: list[str]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator.user)
    browser.get("/profile/")
    for path in forms:
        answer = browser.post(path, TYPED | {"csrfmiddlewaretoken": "x" * 64}, headers=BROWSER)
        form = page_of(answer, status=403).one("form", id="send-again")
        assert form["action"] == path
        assert same_as_typed(form, TYPED), path


def test_one_click_sends_it(operator: Client) -> None:
    run = made_run(made_connection("sandbox"), thread_id="x_1")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator.user)
    browser.get("/profile/")
    path, posted = f"/threads/{run.thread.upstream_id}/archive/", {"is_archived": "on"}
    form = page_of(browser.post(path, posted, headers=BROWSER), status=403).one("form", id="send-again")
    fields = {one["name"]: one["value"] for one in form.all("input")} | posted
    assert browser.post(form["action"], fields, headers=BROWSER).status_code == 302
    assert Run.objects.get().thread.upstream_id == "x_1"


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://elsewhere"}, {"Origin": "null"}])
def test_what_another_site_sends_is_never_offered(operator: Client, headers: dict[str, str]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator.user)
    page = page_of(browser.post("/runs/new/", TYPED, headers=headers), status=403)
    assert not page.all("form", id="send-again")
    assert Client().post("/runs/new/", TYPED, headers=headers).status_code == 302


def test_passwords_keys_and_files_are_asked_for_again(admin: Client) -> None:
    browser, secret = Client(), "sk-do-not-carry"
    posted = {"slug": "a", "api_key": secret, "file": ContentFile(b"x", "runs.jsonl")}
    answer = browser.post("/connections/new/", posted, headers=BROWSER)
    assert secret not in answer.content.decode()
    kept = page_of(answer, status=401).one("input", name="kept")["value"]
    page = browser.post(LOGIN, {"login": "admin", "password": PASSWORD, "kept": kept}, headers=BROWSER)
    form = page_of(page).one("form", id="send-again")
    assert form.one("input", name="api_key")["type"] == "password"
    assert form.one("input", name="file")["type"] == "file"


def test_every_password_field_of_ours_is_known() -> None:
    fields = re.compile(r"<input[^>]*?>", re.S)
    for template in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        for tag in fields.findall(template.read_text()):
            name = re.search(r'name="([^"{]+)"', tag)
            assert 'type="password"' not in tag or not name or name[1] in SECRETS, template


@pytest.mark.parametrize("kept", ["{}", "[]", "x", '{"path": 1}', '{"path":"//evil","fields":[],"secrets":[],"files":[],"origin":"/"}',
                                  '{"path":"/","fields":[["a","\\ud800"]],"secrets":[],"files":[],"origin":"/"}'])  # fmt: skip
def test_a_made_up_carriage_leads_nowhere(operator: Client, kept: str) -> None:
    answer = Client().post(LOGIN, {"login": "operator", "password": PASSWORD, "kept": kept}, headers=BROWSER)
    assert answer.status_code == 302


def test_what_is_too_long_is_left_in_the_page_before() -> None:
    assert Client().post("/runs/new/", {"instructions": "x" * MAX_BYTES}, headers=BROWSER).status_code == 302


def test_polls_say_where_to_sign_in(client: Client) -> None:
    """The page decides whether to go there; it stays where something is typed."""
    answer = client.get("/frame/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/runs/new/"})
    assert answer["HX-Redirect"] == "/accounts/login/?next=%2Fruns%2Fnew%2F"
