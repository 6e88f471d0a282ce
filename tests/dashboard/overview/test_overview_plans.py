"""No query of the overview walks a table that grows: plans with sums made and with marked hours."""

from collections.abc import Iterator

import pytest
from django.db import connection as database
from django.test import Client
from pytest_django import DjangoDbBlocker

from runsdash.index.models import Thread
from runsdash.index.totals.rollups import roll_up
from tests.rows import kept_for_the_module, made_connection, made_run, made_runs

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(database.vendor != "sqlite", reason="on few rows PostgreSQL rightly walks tables"),
]
GROWING = {
    "index_run", "index_thread", "index_runsums", "index_dirtyhour", "index_runtool",
    "index_runmetadata", "index_message", "index_runstep",
    "s",  # what statements call the sums
}  # fmt: skip


@pytest.fixture
def sent() -> list[tuple[str, tuple]]:
    """Every statement sent from here on."""
    found: list[tuple[str, tuple]] = []

    def note(execute, sql, params, many, context):
        if sql.startswith(("SELECT", "WITH")):
            found.append((sql, params))
        return execute(sql, params, many, context)

    with database.execute_wrapper(note):
        yield found


@pytest.fixture(scope="module")
def past(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with kept_for_the_module(django_db_blocker):
        prod = made_connection()
        made_connection("other")
        for status in ("completed", "failed", "expired", "requires_action", "in_progress"):
            made_runs(prod, 4, status=status, age_s=100)
            made_run(prod, status=status, age_s=200_000)
        yield


@pytest.mark.parametrize(
    "query",
    ["?range=24h", "?range=30d&group=model&connection=prod", "?q=model:gpt-4o", "?q=metadata.a=b&group=metadata.c",
     "?group=thread.metadata.c", "?group=function"],
)  # fmt: skip
@pytest.mark.parametrize("is_rolled", [True, False])
def test_every_query_seeks(viewer: Client, past: None, sent: list, query: str, is_rolled: bool) -> None:
    if is_rolled:
        roll_up(within_s=30)
    assert Thread.objects.filter(cost__gt=0).exists()
    sent.clear()
    assert viewer.get(f"/{query}").status_code == 200
    assert len(sent) > 10
    walks = [
        (step, sql)
        for sql, params in list(sent)
        for step in plan(sql, params)
        if is_walk(step) and not sql.endswith("LIMIT 1")
    ]
    assert not walks, walks[0]


def plan(sql: str, params: tuple) -> list[str]:
    with database.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        return [row[3] for row in cursor.fetchall()]


def is_walk(step: str) -> bool:
    """Does it read all of a growing table? The question whether there is any run reads one row."""
    words = step.split()
    return words[0] == "SCAN" and words[1] in GROWING


def test_a_walk_would_be_seen() -> None:
    assert any(map(is_walk, plan("SELECT COUNT(*) FROM index_run WHERE error_message = %s", ("x",))))
