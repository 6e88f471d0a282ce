"""Settings as a deployment meets them: a fresh process for each environment, and nothing inherited."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.test import Client

from tests.free_ports import free_ports
from tests.migrated import migrated_database
from tests.pages import parsed

ROOT = Path(__file__).resolve().parent.parent
KEY = "k9-" + "0aZ" * 25
# Set, so that a developer's .env has no say.
EMPTY = {"SECRET_KEY": "", "DEBUG": "off", "RUNSDASH_API_BASE_URL": "", "RUNSDASH_API_KIND": "openai"}


def python(*words: str, **environment: str) -> subprocess.CompletedProcess:
    """`python WORDS` in an environment that holds `environment` and nothing else of ours."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", **EMPTY, **environment}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def manage(*words: str, **environment: str) -> subprocess.CompletedProcess:
    return python("manage.py", *words, **environment)


def settings_read(**environment: str) -> subprocess.CompletedProcess:
    """Reads the settings alone, without Django."""
    return python("-c", "import runsdash.settings", **environment)


def test_no_secret_key_is_a_refusal_that_says_how():
    ended = manage("check")
    assert ended.returncode != 0
    said = ended.stderr.strip().splitlines()[-1]
    assert "SECRET_KEY is not set" in said
    assert "secrets.token_urlsafe" in said
    assert "DEBUG=on" in said


def test_the_sentence_about_the_secret_key_can_be_followed():
    said = settings_read().stderr
    command = re.search(r'python -c "(.+?)"\. ', said)[1]
    made = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, timeout=20)
    assert settings_read(SECRET_KEY=made.stdout.strip()).returncode == 0


def test_debug_makes_a_key(tmp_path):
    url = f"sqlite:///{tmp_path / 'index.sqlite3'}"
    assert settings_read(DEBUG="on", DATABASE_URL=url).returncode == 0


def test_a_deployment_with_tls_has_nothing_to_be_warned_of(tmp_path):
    url = f"sqlite:///{tmp_path / 'index.sqlite3'}"
    ended = manage("check", "--deploy", "--fail-level", "INFO", SECRET_KEY=KEY, SECURE_SSL="on", DATABASE_URL=url)
    assert ended.returncode == 0, ended.stderr


def test_a_weak_secret_key_is_seen_by_the_deployment_check(tmp_path):
    url = f"sqlite:///{tmp_path / 'index.sqlite3'}"
    words = ("check", "--deploy", "--tag", "security", "--fail-level", "INFO")  # the test before checks all
    ended = manage(*words, SECRET_KEY="short", SECURE_SSL="on", DATABASE_URL=url)
    assert ended.returncode != 0
    assert "security.W009" in ended.stderr


def test_an_unknown_kind_of_server_is_refused_and_the_kinds_are_named():
    ended = settings_read(SECRET_KEY=KEY, RUNSDASH_API_KIND="astra")
    assert ended.returncode != 0
    said = ended.stderr.strip().splitlines()[-1]
    assert "RUNSDASH_API_KIND is 'astra'" in said
    assert "openai, azure-openai, foundry, foundry-local, sandbox" in said


def test_a_proxy_that_is_no_network_is_refused():
    said = settings_read(SECRET_KEY=KEY, TRUSTED_PROXIES="10.0.0.1, proxy.example").stderr.strip().splitlines()[-1]
    assert "TRUSTED_PROXIES holds 'proxy.example'" in said


@pytest.mark.parametrize("kind", ["foundry", "openai", "azure-openai", "sandbox"])
def test_every_kind_is_taken(kind):
    assert settings_read(SECRET_KEY=KEY, RUNSDASH_API_KIND=kind).returncode == 0


def test_pages_carry_a_policy_without_holes(client: Client, db: None):
    policy = client.get("/accounts/login/")["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "report-uri": "/csp-report/",
    }


# The static files as the image has them


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of one with hashed static files and a database of its own, without an upstream."""
    folder = tmp_path_factory.mktemp("deployed")
    environment = {
        "SECRET_KEY": KEY, "STATIC_ROOT": str(folder / "static"), "PASSWORD_OF_ADA": "a long one for tests",
        "DATABASE_URL": f"sqlite:///{folder / 'index.sqlite3'}",
    }  # fmt: skip
    shutil.copy(migrated_database(), folder / "index.sqlite3")
    for words in (["collectstatic", "--no-input"], ADD_ADA):
        ended = manage(*words, **environment)
        assert ended.returncode == 0, ended.stderr
    return environment


@pytest.fixture(scope="module")
def deployed(deployment: dict[str, str]) -> Iterator[str]:
    """The origin of gunicorn on it."""
    with served(deployment) as origin:
        yield origin


@contextmanager
def served(environment: dict[str, str], *, path: str = "") -> Iterator[str]:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "runsdash.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    server = subprocess.Popen(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin", **EMPTY, **environment})
    try:
        wait_until_up(f"http://127.0.0.1:{port}/healthz", server)
        yield f"http://127.0.0.1:{port}{path}"
    finally:
        server.terminate()
        server.wait(timeout=20)


ADD_ADA = ["add_user", "ada", "--role", "admin", "--password-env", "PASSWORD_OF_ADA"]


def wait_until_up(url: str, server: subprocess.Popen, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            assert requests.get(url, timeout=deadline - time.monotonic()).status_code == 200
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"nothing answers at {url}")


def signed_in(origin: str) -> requests.Session:
    session = requests.Session()
    form = parsed(session.get(f"{origin}/accounts/login/", timeout=10).text)
    token = form.all("input", name="csrfmiddlewaretoken")[0]["value"]
    posted = {"login": "ada", "password": "a long one for tests", "csrfmiddlewaretoken": token}
    answer = session.post(f"{origin}/accounts/login/", data=posted, headers={"Referer": f"{origin}/"}, timeout=10)
    assert answer.url == f"{origin}/", answer.url
    return session


def static_links(html: str) -> set[str]:
    every = parsed(html).descendants()
    links = {one.get(name) or "" for one in every for name in ("src", "href")}
    return {link for link in links if link.startswith("/static/")}


@pytest.mark.long
def test_hashed_static_files_answer_for_ever(deployed):
    with signed_in(deployed) as session:
        links = static_links(session.get(f"{deployed}/", timeout=10).text)
        files = {link.split("#")[0] for link in links}
        assert {re.sub(r"\.[0-9a-f]{12}\.", ".", file) for file in files} >= {
            "/static/css/runsdash.css", "/static/icons.svg", "/static/favicon.svg", "/static/htmx/htmx.js", "/static/js/page.js",
        }  # fmt: skip
        for file in files:
            answer = session.get(deployed + file, timeout=10)
            assert (answer.status_code, bool(answer.content)) == (200, True), file
            assert re.search(r"\.[0-9a-f]{12}\.\w+$", file), file
            assert "immutable" in answer.headers["Cache-Control"], file
            assert re.search(r"@import|import\(\"(?!\./[\w-]+\.[0-9a-f]{12}\.js)", answer.text) is None, file


def test_every_icon_that_a_page_uses_is_in_the_hashed_sprite(deployed):
    with signed_in(deployed) as session:
        uses = {link for link in static_links(session.get(f"{deployed}/", timeout=10).text) if "#" in link}
        assert uses
        for use in uses:
            file, name = use.split("#")
            assert re.search(r"\.[0-9a-f]{12}\.svg$", file), use
            assert f'id="{name}"' in session.get(deployed + file, timeout=10).text, use


def test_a_deployment_answers_to_those_who_ask_after_its_health(deployed):
    assert requests.get(f"{deployed}/healthz", timeout=10).text == "ok\n"
    assert requests.get(f"{deployed}/readyz", timeout=10).text == "ready\n"
    assert "runsdash_active_runs" in requests.get(f"{deployed}/metrics", timeout=10).text


# Under a path of a host

PREFIX = "/tools/runs"
UNDER_IT = (
    "/", "/runs/", "/runs/?q=status:failed&facets=1", "/threads/", "/needs-action/", "/connections/", "/connections/new/",
    "/users/", "/users/new/", "/notifications/", "/notifications/new/", "/audit/", "/profile/", "/functions/", "/bulk/",
    "/runs/views/", "/compare/", "/runs/new/", "/nowhere/", "/threads/thread_x/", "/accounts/password/change/",
)  # fmt: skip
ADDRESSES = {"href", "src", "action", "formaction", "hx-get", "hx-post", "hx-sse:connect", "data-url"}


def addresses(html: str) -> Iterator[str]:
    """Every address in a page that begins at the root, in whatever attribute of ours."""
    for one in parsed(html).descendants():
        for name, value in one.attributes.items():
            if value and value.startswith("/") and (name in ADDRESSES or name.startswith(("hx-", "data-"))):
                yield value


def test_under_a_path_every_link_form_poll_file_and_cookie_carries_it(deployment):
    with served(deployment | {"SCRIPT_NAME": f"{PREFIX}/"}, path=PREFIX) as origin:
        root = origin.removesuffix(PREFIX)
        anonymous = requests.get(f"{origin}/runs/", timeout=10)
        assert anonymous.url == f"{origin}/accounts/login/?next={PREFIX}/runs/"
        htmx = requests.get(f"{origin}/frame/", headers={"HX-Request": "true"}, timeout=10)
        assert htmx.status_code == 401
        refused = requests.get(f"{origin}/runs/", headers={"HX-Request": "true"}, timeout=10)
        assert refused.headers["HX-Redirect"] == f"{PREFIX}/accounts/login/?next=%2Ftools%2Fruns%2F"
        with signed_in(origin) as session:
            assert {one.path for one in session.cookies} == {f"{PREFIX}/"}
            found = {one for path in UNDER_IT for one in addresses(session.get(origin + path, timeout=10).text)}
            assert len(found) > 40
            assert {one for one in found if not one.startswith(f"{PREFIX}/")} == set()
            files = {one.split("#")[0] for one in found if one.startswith(f"{PREFIX}/static/")}
            assert {file: session.get(root + file, timeout=10).status_code for file in files} == dict.fromkeys(
                files, 200
            )
            # A proxy that takes the path away, and probes, which know nothing of it.
            assert session.get(f"{root}/readyz", timeout=10).text == "ready\n"
            assert requests.get(f"{root}/accounts/login/", timeout=10).status_code == 200
            assert session.get(f"{origin}", timeout=10).status_code == 200
