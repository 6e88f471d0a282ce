"""Single sign-on against npm's oidc-provider, a certified one that nobody here wrote, with its own pages in between."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from django.test import Client

from runsdash.accounts.models import User
from tests.free_ports import free_ports
from tests.pages import page_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long, pytest.mark.clock, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[2]
SOURCE, FOLDER = Path(__file__).with_name("oidc_provider"), ROOT / "var" / "oidc-provider"
CALLBACK, SECRET = "http://testserver/accounts/sso/callback/", "a secret of the test, long enough"
PEOPLE = {
    "s1": {"preferred_username": "ada", "email": "ada@example.org", "email_verified": True, "groups": ["ops"]},
    "s2": {"preferred_username": "eve", "email": "eve@example.org", "email_verified": False, "groups": ["others"]},
}
INSTALL_S, STEPS_MOST = 300, 12


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "provider.mjs"):
        shutil.copy(SOURCE / name, FOLDER / name)
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
        if subprocess.run(install, cwd=FOLDER, capture_output=True, timeout=INSTALL_S).returncode:
            pytest.skip("oidc-provider cannot be installed here")
    (port,) = free_ports(1)
    command = ["node", "provider.mjs", str(port), CALLBACK, SECRET, json.dumps(PEOPLE)]
    with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


@pytest.fixture(autouse=True)
def _configured(issuer: str, settings) -> None:
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = issuer, "runsdash", SECRET
    settings.OIDC_ROLE_CLAIM, settings.OIDC_ROLES = "groups", {"ops": "operator"}


def way_back(client: Client, sub: str) -> str:
    """Goes to the provider, signs in on its page, consents on the next, and returns where it sends the browser then."""
    url = page_of(client.post("/accounts/sso/")).one("a", id="sso-link")["href"]
    with requests.Session() as browser:
        browser.trust_env = False
        answer = browser.get(url, allow_redirects=False, timeout=10)
        for _ in range(STEPS_MOST):
            if answer.is_redirect:
                place = urljoin(answer.url, answer.headers["Location"])
                if place.startswith(CALLBACK):
                    return f"{urlsplit(place).path}?{urlsplit(place).query}"
                answer = browser.get(place, allow_redirects=False, timeout=10)
            else:
                prompt = "login" if 'value="login"' in answer.text else "consent"
                fields = {"prompt": prompt, "login": sub, "password": "any"}
                answer = browser.post(answer.url, fields, allow_redirects=False, timeout=10)
    raise AssertionError(f"no way back from {answer.url}: {answer.text[:500]}")


def test_somebody_comes_in_with_the_role_of_their_claims(client: Client) -> None:
    assert client.get(way_back(client, "s1")).status_code == 302
    ada = User.objects.get()
    assert (ada.username, ada.role, ada.email) == ("ada", "operator", "ada@example.org")
    assert client.get("/runs/").status_code == 200


def test_whoever_has_no_group_of_ours_sees_nothing(client: Client) -> None:
    client.get(way_back(client, "s2"))
    assert client.get("/runs/").status_code == 403


def test_only_verified_addresses_of_allowed_domains(client: Client, settings) -> None:
    settings.OIDC_DOMAINS = ["example.org"]
    assert client.get(way_back(client, "s2")).status_code == 403
    assert not User.objects.exists()


def test_a_code_that_another_browser_was_given_opens_nothing(client: Client) -> None:
    assert Client().get(way_back(client, "s1")).status_code != 302
    assert not User.objects.exists()


def test_a_wrong_secret_opens_nothing(client: Client, settings) -> None:
    settings.OIDC_CLIENT_SECRET = "another"
    assert client.get(way_back(client, "s1")).status_code != 302
    assert not User.objects.exists()
