"""Second factors: codes of an app, recovery codes, who needs one, and who takes a lost one away."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.management import call_command
from django.test import Client

from runsdash.accounts.second_factor import Factors
from runsdash.audit.models import AuditEntry
from tests.pages import page_of
from tests.people import HTMX, PASSWORD, signed_in

pytestmark = pytest.mark.django_db
PAGE, APP, CODE = "/accounts/factor/", "/accounts/factor/app/", "/accounts/factor/code/"


def code_of(secret: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def half_in(role: str = "operator", *, ends_at: str = CODE) -> Client:
    """Somebody who has given name and password."""
    name = signed_in(role).user.username
    client = Client()
    assert client.post("/accounts/login/", {"login": name, "password": PASSWORD})["Location"] == ends_at
    return client


def confirmed(client: Client) -> None:
    """The password once more, before a factor is changed."""
    assert client.post("/accounts/again/", {"password": PASSWORD, "next": PAGE})["Location"] == PAGE


def with_app(role: str = "operator") -> tuple[Client, str, list[str]]:
    """Sets an app up, as people do; returns its secret and the recovery codes as well."""
    client = half_in(role, ends_at="/")
    confirmed(client)
    secret = page_of(client.get(APP)).one("code", id="totp-secret").text
    page_of(client.post(APP, {"code": "000000"}), status=422).one("p", id="id_code-err")
    codes_url = client.post(APP, {"code": code_of(secret)})["Location"]
    codes = page_of(client.get(codes_url)).one("pre", id="codes").text.split()
    assert not page_of(client.get(codes_url)).all("pre", id="codes"), "they are shown once"
    return client, secret, codes


def is_in(client: Client) -> bool:
    return client.get("/profile/").status_code == 200


def test_a_code_of_the_app_is_asked_for(settings) -> None:
    _, secret, codes = with_app()
    assert len(codes) == 10
    client = half_in()
    assert not is_in(client)
    page_of(client.post(CODE, {"code": "123456"}), status=422).one("p", id="id_code-err")
    code = code_of(secret, 1)
    assert client.post(CODE, {"code": code}).status_code == 302
    assert is_in(client)
    replay = half_in()
    assert replay.post(CODE, {"code": code}).status_code == 422, "a code is taken once"
    done = AuditEntry.objects.filter(kind="outcome").values_list("action", flat=True)
    assert list(done) == ["sign_in", "second_factor_added", "sign_in"]
    assert AuditEntry.objects.filter(kind="refusal", action="sign_in", actor="operator").count() == 2
    kept = str(list(Authenticator.objects.values()))
    assert secret not in kept


def test_a_recovery_code_opens_once() -> None:
    _, _, codes = with_app()
    client, again = half_in(), half_in()
    assert client.post(CODE, {"code": codes[0]}).status_code == 302
    assert is_in(client)
    assert again.post(CODE, {"code": codes[0]}).status_code == 422


def test_secrets_that_no_key_opens_fit_no_code(settings) -> None:
    _, secret, codes = with_app()
    old, settings.SECRET_KEY = settings.SECRET_KEY, "new" * 20
    client = half_in()
    for code in (code_of(secret), codes[0], code_of("")):
        assert client.post(CODE, {"code": code}).status_code == 422
    settings.SECRET_KEY_FALLBACKS = [old]
    call_command("reseal_keys")
    settings.SECRET_KEY_FALLBACKS = []
    assert half_in().post(CODE, {"code": codes[0]}).status_code == 302
    assert Factors().decrypt("rubbish") != Factors().decrypt("rubbish")


def test_a_role_may_need_one(settings) -> None:
    settings.MFA_REQUIRED_ROLES = ["operator"]
    client = half_in(ends_at="/")
    assert client.get("/runs/")["Location"] == PAGE
    assert client.post("/runs/new/", {})["Location"] == PAGE
    answer = client.get("/live/", headers=HTMX)
    assert (answer.status_code, answer["HX-Redirect"]) == (401, PAGE)
    assert "needs a second factor" in page_of(client.get(PAGE)).one("div", id="factors").text
    assert half_in("viewer", ends_at="/").get("/runs/").status_code == 200
    client, _, _ = with_app()
    assert is_in(client)
    page_of(client.post(f"{APP}remove/"), status=422).one("p", id="form-err")
    settings.MFA_REQUIRED_ROLES = []
    assert client.post(f"{APP}remove/").status_code == 302
    assert is_in(half_in(ends_at="/"))


def test_a_factor_is_changed_only_by_who_has_just_signed_in(operator: Client) -> None:
    assert operator.get(APP)["Location"].startswith("/accounts/again/")
    page_of(operator.post(f"/accounts/again/?next={APP}", {"password": "wrong", "next": APP}), status=422)
    assert operator.post("/accounts/again/", {"password": PASSWORD, "next": APP})["Location"] == APP
    assert page_of(operator.get(APP)).one("code", id="totp-secret")
    assert Client().get(PAGE).status_code == 302


def test_a_lost_factor_is_taken_away_by_an_administrator(admin: Client) -> None:
    client, _, _ = with_app()
    key = signed_in("operator").user.pk
    url = page_of(admin.get(f"/users/{key}/")).one("form", id="factors-form")["action"]
    assert client.post(url).status_code == 403
    assert admin.post(url)["Location"] == f"/users/{key}/"
    assert not is_in(client)
    assert is_in(half_in(ends_at="/"))
    with_app()
    call_command("remove_factors", "Operator")
    assert is_in(half_in(ends_at="/"))
    removed = AuditEntry.objects.filter(kind="outcome", action="second_factors_removed")
    assert [one.actor for one in removed.order_by("pk")] == ["admin", "manage.py"]


def test_recovery_codes_are_made_anew() -> None:
    client, _, old = with_app()
    url = client.post("/accounts/factor/recovery-codes/new/")["Location"]
    new = page_of(client.get(url)).one("pre", id="codes").text.split()
    assert set(old).isdisjoint(new)
    assert half_in().post(CODE, {"code": old[0]}).status_code == 422
    assert half_in().post(CODE, {"code": new[0]}).status_code == 302
