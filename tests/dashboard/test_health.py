"""What machines ask: alive, ready, metrics."""

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db


def test_alive_needs_nothing(client: Client, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"ok\n", "text/plain")
    assert "Set-Cookie" not in answer


def test_ready_when_the_database_has_its_tables(client: Client) -> None:
    assert client.get("/readyz").status_code == 200


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


@pytest.mark.parametrize("url", ["/readyz", "/metrics"])
def test_only_reading(client: Client, url: str) -> None:
    assert client.post(url).status_code == 405
