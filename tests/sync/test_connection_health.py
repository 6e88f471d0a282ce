"""What /connections/ and /metrics say of a connection, and that the worker's queries stay on indexes."""

import time
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from runsdash.index.models import Connection, Run, Thread
from runsdash.sync import due
from runsdash.sync.budget import shared_budget
from runsdash.sync.connection_health import connection_health
from tests.pages import page_of
from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db


def ago(seconds: float):
    return timezone.now() - timedelta(seconds=seconds)


def busy_connection() -> Connection:
    """Two active runs, three threads due for up to ten minutes, 41 requests in the last minute."""
    connection = made_connection()
    made_runs(connection, 2, status="in_progress")
    made_run(connection, status="completed")
    Thread.objects.update(due_at=ago(-3600))
    for number, late_s in enumerate((5, 60, 600)):
        Thread.objects.create(id=number + 1, connection=connection, upstream_id=f"thread_{number}", due_at=ago(late_s))
    for age_s, count in ((5, 30), (30, 10), (120, 500)):
        shared_budget.book(connection.pk, shared_budget.window_at(time.time() - age_s, per_min=600), worker=count)
    shared_budget.book(connection.pk, shared_budget.window_at(time.time(), per_min=600), pages=1)
    return connection


def test_a_state_tells_what_was_used_what_waits_and_how_late_it_is():
    state = connection_health(busy_connection())

    assert (state.used, state.used_by_pages, state.budget_per_min) == (41, 1, 600)
    assert (state.active_runs, state.due_threads) == (2, 3)
    assert state.lag_s == pytest.approx(600, abs=5)
    assert not state.is_paused


def test_an_active_run_that_nobody_reads_is_lag():
    connection = made_connection()
    made_run(connection, status="in_progress")
    assert connection_health(connection).lag_s == 0

    Run.objects.update(checked_at=ago(90))

    assert connection_health(connection).lag_s == pytest.approx(88, abs=3)


def test_a_connection_that_is_off_is_not_late():
    connection = busy_connection()
    connection.is_enabled = False
    assert connection_health(connection).lag_s == 0


def test_pauses_that_are_over_are_not_told():
    connection = made_connection(paused_until=ago(5), rests_until=ago(-30))
    state = connection_health(connection)
    assert (state.paused_until, state.rests_until) == (None, connection.rests_until)
    assert state.is_paused


def test_the_page_shows_the_state(viewer: Client):
    connection = busy_connection()
    Connection.objects.filter(pk=connection.pk).update(paused_until=ago(-30))

    row = page_of(viewer.get("/connections/")).one("tr", data_connection="prod")

    words = {name: row.one("span", data_state=name).text for name in ("active", "due", "lag", "used", "paused")}
    assert words["active"] == "2 active runs"
    assert words["due"] == "3 threads due"
    assert words["lag"].endswith("behind")
    assert words["used"] == "41"
    assert "asked to wait" in words["paused"]


def test_the_page_says_on_time_when_nothing_waits(viewer: Client):
    made_connection()
    row = page_of(viewer.get("/connections/")).one("tr", data_connection="prod")
    assert row.one("span", data_state="lag").text == "on time"
    assert row.one("span", data_state="due").text == "0 threads due"


def test_metrics_tell_it_to_machines(client: Client):
    busy_connection()
    text = client.get("/metrics").content.decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("runsdash_connection_"))
    assert float(lines['runsdash_connection_requests_last_minute{connection="prod"}']) == 41
    assert float(lines['runsdash_connection_due_threads{connection="prod"}']) == 3
    assert float(lines['runsdash_connection_lag_seconds{connection="prod"}']) == pytest.approx(600, abs=5)


@pytest.mark.skipif(database.vendor != "sqlite", reason="plans of small tables tell nothing on PostgreSQL")
def test_what_the_worker_asks_every_second_is_on_indexes():
    connection, now = busy_connection(), timezone.now()
    with database.execute_wrapper(no_scans):
        due.active_runs(connection, now=now, every=due.ACTIVE_EVERY, most=16)
        due.undetailed_runs(connection, now=now, most=8)
        due.threads(connection, now=now, most=8)
        due.is_crowded(connection, now=now)
        due.unarchived_runs(connection, now=now, most=8)
        connection_health(connection)


@pytest.mark.parametrize(
    ("age", "checked", "is_asked"),
    [
        (timedelta(minutes=20), timedelta(seconds=50), False),
        (timedelta(minutes=20), timedelta(seconds=70), True),
        (timedelta(hours=5), timedelta(minutes=9), False),
        (timedelta(hours=5), timedelta(minutes=11), True),
        (timedelta(days=9), timedelta(minutes=59), False),
        (timedelta(days=9), timedelta(minutes=61), True),
    ],
)
def test_steps_that_are_refused_are_asked_for_less_the_older_the_run(age, checked, is_asked):
    connection, now = made_connection(), timezone.now()
    run = made_run(connection, age_s=age.total_seconds())
    Run.objects.update(has_all_steps=False, trouble={"kind": "NotFound"}, checked_at=now - checked)
    assert due.unarchived_runs(connection, now=now, most=8) == ([run] if is_asked else [])


def no_scans(execute, sql, params, many, context):
    """Explains each query before it runs: no table is read from end to end."""
    with database.wrap_database_errors:
        cursor = database.connection.cursor()
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%s", "?"), params)
        steps = [row[3] for row in cursor.fetchall()]
    assert not [step for step in steps if step.startswith("SCAN") and "INDEX" not in step and "CONSTANT" not in step], (
        steps
    )
    return execute(sql, params, many, context)
