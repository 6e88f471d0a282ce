"""Single sign-on against a provider that nobody here wrote; what a bad one sends is in test_bad_id_tokens.py."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from runsdash.accounts.models import User
from runsdash.audit.models import AuditEntry
from tests.pages import page_of
from tests.people import PASSWORD, signed_in

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = {
    "s1": {"preferred_username": "Ada Lovelace", "email": "ada@example.org", "email_verified": True, "realm": {"groups": ["ops", "x"]}},
    "s2": {"preferred_username": "eve", "email": "eve@example.org", "email_verified": False, "realm": {"groups": []}},
    "s3": {"preferred_username": "operator", "email": "o@example.org", "email_verified": True, "realm": {"groups": "leads"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    from oidc_provider_mock import User as Person  # half a second for each process that collects tests
    from oidc_provider_mock import run_server_in_thread

    people = [Person(sub=sub, claims=claims) for sub, claims in PEOPLE.items()]
    with run_server_in_thread(user_claims=people, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(autouse=True)
def _configured(issuer: str, settings) -> None:
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = issuer, "runsdash", "secret"
    settings.OIDC_ROLE_CLAIM, settings.OIDC_ROLES = "realm.groups", {"ops": "operator", "leads": "admin"}


def way_back(client: Client, sub: str, **fields: str) -> str:
    """Goes to the provider, signs in there as `sub`, and returns the address that it sends the browser back to."""
    url = page_of(client.post("/accounts/sso/", fields)).one("a", id="sso-link")["href"]
    answer = requests.post(url, data={"sub": sub}, allow_redirects=False, timeout=5)
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def test_somebody_new_comes_in_with_the_role_of_their_claims(client: Client) -> None:
    page = page_of(client.get("/accounts/login/?next=/runs/"))
    assert page.one("form", id="sso-form").one("input", name="next")["value"] == "/runs/"
    assert client.get(way_back(client, "s1", next="/runs/"))["Location"] == "/runs/"
    ada = User.objects.get()
    assert (ada.username, ada.role, ada.email, ada.has_usable_password()) == (
        "Ada-Lovelace",
        "operator",
        "ada@example.org",
        False,
    )
    assert client.get("/profile/").status_code == 200
    assert SocialAccount.objects.get().extra_data == {}
    entries = AuditEntry.objects.filter(kind="outcome").order_by("pk")
    assert [(one.action, one.actor) for one in entries] == [
        ("user_added", "single sign-on"),
        ("sign_in", "Ada-Lovelace"),
    ]


def test_the_role_follows_the_claims_at_each_sign_in(client: Client) -> None:
    client.get(way_back(client, "s1"))
    User.objects.update(role="admin")
    client.get(way_back(client, "s1"))
    assert User.objects.get().role == "operator"
    assert AuditEntry.objects.filter(kind="outcome", action="user_changed").get().before == {"role": "admin"}
    User.objects.update(is_active=False)
    page = page_of(Client().get("/accounts/login/"))
    assert page.one("form", id="sso-form")
    stranger = Client()
    assert "turned off" in page_of(stranger.get(way_back(stranger, "s1")), status=403).one("p", id="sso-err").text


def test_whoever_has_no_group_of_ours_sees_nothing(client: Client) -> None:
    client.get(way_back(client, "s2"))
    assert User.objects.get().role == ""
    assert client.get("/runs/").status_code == 403


def test_an_account_is_never_taken_over_by_its_name(client: Client, operator: Client) -> None:
    assert "already" in page_of(client.get(way_back(client, "s3")), status=403).one("p", id="sso-err").text
    assert client.get("/profile/").status_code == 302
    assert AuditEntry.objects.get(kind="refusal").actor == "operator"
    # Its owner connects it, and comes in by either way from then on.
    assert operator.get(way_back(operator, "s3", process="connect"))["Location"] == "/profile/"
    client.get(way_back(client, "s3"))
    assert client.get("/profile/").status_code == 200
    assert User.objects.get().role == "admin"
    viewer = signed_in("viewer")
    page_of(viewer.get(way_back(viewer, "s3", process="connect")), status=403)


def test_only_verified_addresses_of_allowed_domains(client: Client, settings) -> None:
    settings.OIDC_DOMAINS = ["example.org"]
    assert client.get(way_back(client, "s2")).status_code == 403
    assert client.get(way_back(client, "s1")).status_code == 302
    settings.OIDC_DOMAINS = ["example.com"]
    stranger = Client()
    assert stranger.get(way_back(stranger, "s1")).status_code == 403


def test_an_answer_is_taken_once_and_by_the_browser_that_asked(client: Client) -> None:
    url = way_back(client, "s1")
    assert Client().get(url).status_code == 401
    assert client.get(url).status_code == 302
    assert Client().get(url).status_code == 401
    assert client.get("/accounts/sso/callback/?error=access_denied&state=x").status_code == 401


def test_local_accounts_can_be_turned_off_but_for_one(client: Client, settings) -> None:
    settings.LOCAL_SIGN_IN, settings.BREAK_GLASS_USER = False, "Operator"
    signed_in("viewer"), signed_in("operator")
    page = page_of(client.post("/accounts/login/", {"login": "viewer", "password": PASSWORD}), status=422)
    assert "single sign-on" in page.one("p", id="form-err").text
    assert client.post("/accounts/login/", {"login": "operator", "password": PASSWORD}).status_code == 302


def test_no_provider_no_page_and_one_that_is_down_is_said(client: Client, settings) -> None:
    settings.OIDC_ISSUER = "http://localhost:9"
    assert "did not answer" in page_of(client.post("/accounts/sso/"), status=502).one("p", id="sso-err").text
    settings.OIDC_ISSUER = ""
    assert client.post("/accounts/sso/").status_code == 404
    assert client.get("/accounts/sso/callback/").status_code == 404
    assert client.get("/accounts/sso/").status_code == 405
    assert not page_of(client.get("/accounts/login/")).all("form", id="sso-form")


def test_the_profile_offers_to_connect(operator: Client, settings) -> None:
    assert page_of(operator.get("/profile/")).one("section", id="sso").one("button", value="connect")
    operator.get(way_back(operator, "s3", process="connect"))
    page = page_of(operator.get("/profile/")).one("section", id="sso")
    assert "Connected" in page.text
    assert not page.all("button")
    settings.OIDC_ISSUER = ""
    assert not page_of(operator.get("/profile/")).all("section", id="sso")
