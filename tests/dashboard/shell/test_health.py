"""What machines ask: alive, ready, metrics."""

import zoneinfo
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection as database
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from runsdash.accounts.addresses import client_address
from runsdash.accounts.models import User
from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db


def test_alive_needs_nothing(client: Client, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"ok\n", "text/plain")
    assert "Set-Cookie" not in answer


def test_ready_when_the_database_has_its_tables(client: Client) -> None:
    assert client.get("/readyz").status_code == 200


@pytest.fixture
def no_system_zones() -> Iterator[None]:
    """As on a base that has no time zones of its own."""
    zoneinfo.reset_tzpath([])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


def test_pages_need_no_time_zones_of_the_system(client: Client, viewer: Client, no_system_zones: None) -> None:
    User.objects.update(time_zone="Asia/Kathmandu")
    assert client.get("/readyz").content == b"ready\n"
    assert {path: viewer.get(path).status_code for path in ("/", "/runs/", "/profile/", "/audit/")} == dict.fromkeys(
        ("/", "/runs/", "/profile/", "/audit/"), 200
    )
    assert len(zoneinfo.available_timezones()) > 400


def test_not_ready_when_no_page_can_be_made(client: Client, settings) -> None:
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": []}]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"no page can be made: TemplateDoesNotExist\n")
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("url", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("is_strict", [False, True])
def test_probes_ask_under_any_name(client: Client, settings, url: str, is_strict: bool) -> None:
    settings.ALLOWED_HOSTS = ["runs.example.org"]
    settings.SECURE_SSL_REDIRECT = is_strict
    for host in ("10.1.2.3:8000", "web", "-", "runs.example.org"):
        assert client.get(url, headers={"Host": host}).status_code == 200
    assert client.get("/accounts/login/", headers={"Host": "10.1.2.3"}).status_code == 400
    settings.METRICS_ALLOW = ["10.0.0.0/8"]
    answer = client.get(url, headers={"Host": "10.1.2.3"})
    assert answer.status_code == (403 if url == "/metrics" else 200)


def test_not_ready_while_migrations_are_missing(client: Client) -> None:
    MigrationRecorder.Migration.objects.filter(app="index").latest("applied").delete()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert b"migrations are missing" in answer.content


def numbers(client: Client) -> dict[str, float]:
    lines = client.get("/metrics").content.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_metrics_of_the_index(client: Client) -> None:
    now = timezone.now()
    prod = made_connection(last_success_at=now)
    made_runs(prod, 2, status="in_progress")
    made_run(prod, status="requires_action", age_s=500)
    made_run(prod)
    found = numbers(client)
    assert found['runsdash_active_runs{status="in_progress"}'] == 2
    assert found['runsdash_active_runs{status="queued"}'] == 0
    assert 499 < found["runsdash_oldest_active_run_seconds"] < 530
    assert found['runsdash_connection_last_success_timestamp_seconds{connection="prod"}'] == pytest.approx(
        now.timestamp()
    )
    assert found['runsdash_connection_last_failure_timestamp_seconds{connection="prod"}'] == 0


def test_metrics_are_for_the_allowed_networks(client: Client, settings) -> None:
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 403
    assert client.get("/metrics", REMOTE_ADDR="").status_code == 403
    settings.METRICS_ALLOW = ["10.0.0.0/8"]
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert client.get("/metrics").status_code == 403


PROXY, VISITOR, OTHER = "10.0.0.1", "203.0.113.9", "203.0.113.10"
# X-Forwarded-For of a request from the trusted 10.0.0.0/8, and who is the visitor then.
HEARD = {
    VISITOR: VISITOR,
    f"127.0.0.1, {VISITOR}": VISITOR,  # the first is what the visitor claims
    f"127.0.0.1,{VISITOR} , 10.0.0.2": VISITOR,  # through two proxies
    f"127.0.0.1, {VISITOR}:51234": VISITOR,
    "127.0.0.1, [2001:DB8::9]:443": "2001:db8::9",
    "127.0.0.1, fe80::9%eth0": "fe80::9",
    f"127.0.0.1, ::ffff:{VISITOR}": VISITOR,
    "10.9.9.9, 10.0.0.2": "10.9.9.9",  # a visitor inside
    "": PROXY,  # it asks for itself
    "127.0.0.1, unknown": None,
    "127.0.0.1,": None,
    "127.0.0.1, 10.0.0.2, 999.1.1.1, 10.0.0.3": None,
    "127.0.0.1, 10.0.0.0/8": None,
    "127.0.0.1, \ufffd<script>": None,
    ", " * 9000 + VISITOR: VISITOR,
}


@pytest.mark.parametrize(("forwarded", "visitor"), HEARD.items())
def test_the_visitor_behind_trusted_proxies(rf, settings, forwarded: str, visitor: str | None) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    for proxy in (PROXY, f"::ffff:{PROXY}"):
        request = rf.get("/metrics", REMOTE_ADDR=proxy, HTTP_X_FORWARDED_FOR=forwarded)
        assert client_address(request) == (ip_address(visitor) if visitor else None)
    stranger = rf.get("/metrics", REMOTE_ADDR=OTHER, HTTP_X_FORWARDED_FOR=forwarded)
    assert str(client_address(stranger)) == OTHER


def test_metrics_are_kept_from_visitors_of_a_proxy(client: Client, settings) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    statuses = {heard: client.get("/metrics", headers={"X-Forwarded-For": heard}).status_code for heard in HEARD}
    assert {heard for heard, status in statuses.items() if status == 200} == {""}
    assert set(statuses.values()) == {200, 403}


def test_each_visitor_of_a_proxy_has_tries_of_their_own(client: Client, settings) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]

    def tried(number: int, visitor: str) -> int:
        # What a visitor claims must not buy more tries.
        heard = {"X-Forwarded-For": f"198.51.100.{number}, {visitor}"}
        return client.post("/accounts/login/", {"login": f"name{number}", "password": "x"}, headers=heard).status_code

    answers = [tried(number, VISITOR) for number in range(31)]
    assert (answers[0], answers[-1]) == (422, 429)
    assert tried(31, OTHER) == 422


@pytest.mark.parametrize("url", ["/readyz", "/metrics"])
def test_only_reading(client: Client, url: str) -> None:
    assert client.post(url).status_code == 405


def test_a_database_of_a_later_version_is_refused_with_a_sentence(client):
    MigrationRecorder(database).record_applied("index", "9999_of_tomorrow")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert b"later version of RunsDash: it has had the migrations index.9999_of_tomorrow" in answer.content
    with pytest.raises(ImproperlyConfigured, match="9999_of_tomorrow"):
        call_command("sync", "--once")
