"""Passwords: which are refused, and a mailed link for a forgotten one."""

import re
import time

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client

from runsdash.accounts.models import User
from runsdash.audit.models import AuditEntry
from tests.pages import page_of
from tests.people import PASSWORD, signed_in

pytestmark = pytest.mark.django_db
FORGOTTEN, NEW = "/accounts/password/forgotten/", "a quite different secret"


@pytest.fixture(autouse=True)
def _mailed(settings) -> None:
    settings.HAS_MAIL_SERVER, settings.PUBLIC_URL = True, "https://runs.example.org"


@pytest.mark.parametrize(
    "bad", ["eleven char", "aaaabbbbaaaabbbb", "abcabcabcabc", "password1234", "operator-operator-", PASSWORD]
)
def test_what_is_soon_guessed_is_refused(bad: str) -> None:
    user = signed_in("operator").user
    with pytest.raises(ValidationError):
        validate_password(bad, user)
    validate_password("twelve or so", user)


def letters(count: int) -> list[str]:
    until = time.monotonic() + 5
    while len(mail.outbox) < count and time.monotonic() < until:
        time.sleep(0.01)
    return [one.body for one in mail.outbox]


def test_a_forgotten_password_is_replaced_by_a_link_that_works_once(client: Client) -> None:
    theirs = signed_in("operator")
    User.objects.update(email="op@example.org")
    assert page_of(client.get("/accounts/login/")).one("a", href=FORGOTTEN)
    names = ("Operator", "nobody-of-this-name")
    said = {page_of(client.post(FORGOTTEN, {"name": name})).one("main").text for name in names}
    assert len(said) == 1
    (letter,) = letters(1)
    url = re.search(r"https://runs\.example\.org(\S+)", letter)[1]
    form_url = client.get(url)["Location"]
    assert page_of(client.post(form_url, {"new_password1": "short", "new_password2": "short"}), status=422).one("h1")
    assert client.post(form_url, {"new_password1": NEW, "new_password2": NEW})["Location"] == "/accounts/login/"
    assert User.objects.get().check_password(NEW)
    assert theirs.get("/profile/").status_code == 302
    assert client.get("/profile/").status_code == 302, "the link alone signs nobody in"
    assert page_of(Client().get(url)).one("p", id="no-link")
    assert list(AuditEntry.objects.filter(kind="outcome").values_list("action", flat=True)) == [
        "password_link_sent",
        "password_changed",
    ]


def test_a_link_ends_after_an_hour_and_with_the_mail_server(client: Client, settings) -> None:
    signed_in("operator")
    User.objects.update(email="op@example.org")
    client.post(FORGOTTEN, {"name": "operator"})
    url = re.search(r"https://runs\.example\.org(\S+)", letters(1)[0])[1]
    assert settings.PASSWORD_RESET_TIMEOUT == 3600
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert page_of(client.get(url)).one("p", id="no-link")
    settings.HAS_MAIL_SERVER = False
    assert [client.get(url).status_code, client.get(FORGOTTEN).status_code] == [404, 404]
    assert "An administrator" in page_of(client.get("/accounts/login/")).one("main").text


def test_no_letter_opens_an_account_that_is_off_or_comes_otherwise(client: Client, settings) -> None:
    user = signed_in("operator").user
    for columns in ({"email": ""}, {"email": "a@b.example", "is_active": False}, {"is_active": True, "password": "!"}):
        User.objects.update(**columns)
        client.post(FORGOTTEN, {"name": "operator"})
    user.set_password(NEW)
    user.email = "a@b.example"
    user.save()
    settings.LOCAL_SIGN_IN, settings.BREAK_GLASS_USER = False, "admin"
    client.post(FORGOTTEN, {"name": "operator"})
    assert client.post(FORGOTTEN, {"name": ""}).status_code == 422
    time.sleep(0.1)
    assert mail.outbox == []
