"""Follows every declared column of a run from the object to rows, exports, imports and lists."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import models
from django.test import Client

from runsdash.accounts.models import User
from runsdash.dashboard.runs.cells import WRITERS
from runsdash.index import run_columns
from runsdash.index.exporting.table import csv_lines
from runsdash.index.models import Connection, Run
from runsdash.index.search import RunOrder, run_list_page
from runsdash.index.search.run_filter import parsed
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.service import objects
from tests.index.exporting.test_export import exported, taken_in
from tests.pages import page_of
from tests.rows import made_connection, run_object

pytestmark = pytest.mark.django_db
AGE = datetime(2026, 11, 20, 12, tzinfo=UTC)
USAGE = {
    "prompt_tokens": 101, "completion_tokens": 23, "total_tokens": 124,
    "prompt_token_details": {"cached_tokens": 41}, "completion_tokens_details": {"reasoning_tokens": 7},
}  # fmt: skip
OF_USAGE = [column.name for column in run_columns.OF_USAGE]


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def seen(prod: Connection, *, usage: dict | None, age_s: int = 0, **fields: object) -> Run:
    raw = run_object(id="run_a", thread_id="thread_a", created_at=1_790_000_000, usage=usage, **fields)
    run = objects.Run.from_raw(raw)
    return upsert_runs(prod, [run], fetched_at=AGE + timedelta(seconds=age_s))["run_a"]


def counts(run: Run) -> dict[str, object]:
    return {name: getattr(run, name) for name in OF_USAGE}


def test_each_column_is_declared_or_has_another_owner() -> None:
    owned = {
        "id", "connection_id", "thread_id", "upstream_id",  # what it is
        "fetched_at", "checked_at", "trouble", "lease_until", "lease_token", "added_at", "reply_digest",  # its reads
        "steps_walked_at", "steps_doubted_at", "steps_changed_at",  # the walk through its steps
    }  # fmt: skip
    declared = [column.name for column in run_columns.COLUMNS]
    assert len(declared) == len(set(declared))
    assert {field.attname for field in Run._meta.concrete_fields} == owned | set(declared)


def test_every_count_of_usage_is_stored_and_differs(prod: Connection) -> None:
    run = Run.objects.get(pk=seen(prod, usage=USAGE).pk)
    assert len(set(counts(run).values())) == len(OF_USAGE)
    assert None not in counts(run).values()


@pytest.mark.parametrize("reported_last", [True, False])
def test_counts_come_back_from_an_export_though_the_last_body_lacks_them(prod: Connection, reported_last: bool) -> None:
    seen(prod, usage=USAGE, status="in_progress")
    run = seen(prod, usage=USAGE if reported_last else None, age_s=5)
    assert None not in counts(run).values()
    other = taken_in(exported(connection=prod))
    assert counts(Run.objects.get(connection=other)) == counts(run)


def test_the_table_has_every_count(prod: Connection) -> None:
    seen(prod, usage=USAGE)
    runs = Run.objects.select_related("thread", "connection")
    [row] = csv.DictReader(io.StringIO(b"".join(csv_lines(runs)).decode()))
    for column in run_columns.OF_USAGE:
        assert row[column.csv] == str(getattr(runs.get(), column.name))


@pytest.mark.parametrize("word", sorted(run_columns.LISTED))
def test_a_listed_number_is_filtered_and_sorted_by_an_index(prod: Connection, word: str) -> None:
    column = run_columns.LISTED[word].name
    runs = [upsert_runs(prod, [objects.Run.from_raw(run_object())], fetched_at=AGE) for _ in range(3)]
    keys = [run.pk for one in runs for run in one.values()]
    for number, key in enumerate(keys):
        Run.objects.filter(pk=key).update(**{column: (number + 1) * 10})
    found = run_list_page(parsed(f"{word}:20..30"), order=RunOrder(word), rows=Run.objects.all(), limit=5)
    assert [run.pk for run in found.rows] == [keys[2], keys[1]]
    assert models.Index(fields=[column, "id"]).fields in [one.fields for one in Run._meta.indexes]


@pytest.mark.parametrize("word", sorted(run_columns.LISTED))
def test_a_listed_number_is_a_column_that_sorts(viewer: Client, prod: Connection, word: str) -> None:
    column = run_columns.LISTED[word]
    run = seen(prod, usage=USAGE, completed_at=1_790_000_030)
    Run.objects.filter(pk=run.pk).update(has_all_steps=True, **{column.name: 17})
    User.objects.update(list_columns=[word])
    page = page_of(viewer.get("/runs/"))
    [head] = [one for one in page.one("thead").all("a") if f"sort=-{word}" in one["href"].split("&")[0]]
    assert head.text.startswith(column.listed.label)
    assert WRITERS[column.listed.unit](17) in page.one("tr", data_run_id="run_a").text
