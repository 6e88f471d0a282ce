"""Sums by hour and day: whatever happened to runs, and whenever sums were made anew, they equal the runs themselves."""

from array import array
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runsdash.index.models import Connection, DirtyHour, Run, RunSums, Thread
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.totals import rollups
from runsdash.index.totals.histograms import BITS, EMPTY, Histogram, histogram_of, packed, unpacked
from runsdash.index.totals.hour_spans import hour_of_key
from runsdash.index.totals.rollups import DAY_HOURS, KEYS, mark_dirty, roll_up
from runsdash.index.totals.sums import COUNTS, OF_RUN
from runsdash.service import objects
from tests.rows import made_connection, made_run, roll_all_up, run_object

pytestmark = pytest.mark.django_db
MIGRATION = import_module("runsdash.index.migrations.0032_histograms")
NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
STATUSES = ("queued", "in_progress", "requires_action", "completed", "failed", "incomplete", "expired", "cancelled")


def run_at(number: int, *, hours: int, status: str, **fields: object) -> objects.Run:
    created = int((NOON + timedelta(hours=hours)).timestamp()) + number
    given = run_object(status=status) | {"id": f"run_{number}", "thread_id": f"thread_{number % 3}"}
    times = {"created_at": created, "started_at": created + number, "completed_at": created + 37 * number + 1}
    if status != "completed":
        times["completed_at"] = None
    return objects.Run.from_raw(given | times | fields)


def take(connection: Connection, run: objects.Run) -> None:
    upsert_runs(connection, [run], fetched_at=timezone.now())


Counts = dict[str, float]
Row = tuple[Counts, Histogram, Histogram]  # counts, what runs took, and what the queue


def expected(*, hours: int) -> dict[tuple, Row]:
    """What the table should hold, counted one run at a time."""
    found: dict[tuple, Row] = defaultdict(lambda: (Counter(), EMPTY, EMPTY))
    for run in Run.objects.all():
        hour = hour_of_key(run.pk) // hours * hours
        key = (run.connection_id, hour, *(getattr(run, name) for name in KEYS))
        counts, took, queued = found[key]
        for name in COUNTS:
            counts[name] += counted(run, name)
        if run.status == "completed":
            took += 0 if run.duration_s is None else histogram_of(run.duration_s)
            queued += 0 if run.queue_s is None else histogram_of(run.queue_s)
        found[key] = counts, took, queued
    return {key: (pytest.approx(dict(counts)), *times) for key, (counts, *times) in found.items()}


def counted(run: Run, name: str) -> float:
    if name == "runs":
        return 1
    if name == "unpriced_runs":
        return run.total_tokens is not None and run.cost is None
    return getattr(run, name) or 0


def rolled(*, hours: int) -> dict[tuple, Row]:
    return {
        (row.connection_id, row.hour, *(getattr(row, name) for name in KEYS)): (
            {name: getattr(row, name) for name in COUNTS},
            unpacked(bytes(row.took)),
            unpacked(bytes(row.queued)),
        )
        for row in RunSums.objects.filter(hours=hours, runs__gt=0)
    }


def assert_exact() -> None:
    for hours in (1, DAY_HOURS):
        assert rolled(hours=hours) == expected(hours=hours), hours


def tokens(count: int | None) -> dict | None:
    return count and {"prompt_tokens": count, "completion_tokens": 2 * count, "total_tokens": 3 * count}


CHANGES = st.lists(
    st.one_of(
        st.tuples(
            st.just("run"), st.integers(0, 12), st.sampled_from(STATUSES), st.sampled_from(["gpt-4o", "own", ""]),
            st.sampled_from(["asst_1", "asst_2"]), st.sampled_from([None, 7, 1000]), st.booleans(),
        ),
        st.just(("roll up",)),
        st.tuples(st.just("delete"), st.integers(0, 12)),
    ),
    max_size=25,
)  # fmt: skip


@given(CHANGES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sums_are_exact_whatever_happens(changes: list[tuple]) -> None:
    for table in (Run, Thread, Connection):  # the sums go with their connection
        table.objects.all().delete()
    connections = [made_connection("one"), made_connection("two")]
    for change in changes:
        if change[0] == "roll up":
            roll_up(limit=2)
        elif change[0] == "delete":
            delete(change[1])
        else:
            _, number, status, model, assistant_id, count, is_second = change
            fields = {"model": model, "assistant_id": assistant_id, "usage": tokens(count)}
            run = run_at(number, hours=5 * (number % 6), status=status, **fields)
            take(connections[is_second], run)
    roll_all_up()
    assert not DirtyHour.objects.exists()
    assert_exact()


def delete(number: int) -> None:
    for run in Run.objects.filter(upstream_id=f"run_{number}"):
        mark_dirty(run.connection_id, [run.pk])
        run.delete()


def dirty() -> list[int]:
    return sorted(DirtyHour.objects.values_list("hour", flat=True))


@pytest.mark.parametrize(
    "change",
    [{"model": "gpt-4.1"}, {"assistant_id": "asst_other"}, {"usage": tokens(5)}, {"completed_at": 2_000_000_000},
     {"status": "failed", "last_error": {"code": "server_error", "message": ""}},
     {"started_at": int(NOON.timestamp()) + 9}, {"metadata": {"a": "b"}}],
)  # fmt: skip
def test_every_change_that_is_counted_marks_its_hour(change: dict) -> None:
    prod = made_connection()
    take(prod, run_at(1, hours=0, status="completed", started_at=None))
    hour = hour_of_key(Run.objects.get().pk)
    assert dirty() == [hour]
    roll_all_up()
    assert dirty() == []
    take(prod, run_at(1, hours=0, **({"status": "completed", "started_at": None} | change)))
    assert dirty() == [hour]


def test_nothing_new_marks_nothing() -> None:
    prod = made_connection()
    take(prod, run_at(1, hours=0, status="completed"))
    roll_all_up()
    take(prod, run_at(1, hours=0, status="completed", instructions="Be brief."))
    assert dirty() == []


def test_many_hours_are_marked_once_however_often_they_change() -> None:
    """An import changes hundreds of hours in each transaction."""
    prod = made_connection()
    keys = [made_run(prod, age_s=3600 * hours).pk for hours in range(5)]
    roll_all_up()
    for _ in range(3):
        mark_dirty(prod.pk, keys)
    assert len(dirty()) == 5


def test_the_newest_hours_come_first_and_the_time_is_bounded() -> None:
    prod = made_connection()
    for number in range(6):
        take(prod, run_at(number, hours=-number, status="completed"))
    newest = dirty()[-1]
    assert roll_up(limit=1) == 1
    assert dirty()[-1] == newest - 1
    assert roll_up(within_s=0) == 0
    assert roll_up(within_s=30) == 5


def test_an_hour_that_lost_its_runs_says_so_by_a_new_key() -> None:
    """Pages look at the newest key to see whether anything changed."""
    run = made_run(made_connection())
    roll_all_up()
    newest = RunSums.objects.order_by("-pk").first().pk
    mark_dirty(run.connection_id, [run.pk])
    run.delete()
    roll_all_up()
    assert RunSums.objects.order_by("-pk").first().pk > newest
    assert not RunSums.objects.filter(runs__gt=0).exists()


def test_an_hour_is_counted_along_an_index() -> None:
    hour = 494_000
    runs = Run.objects.filter(connection_id=1, **rollups.Span(hour, hour + 1).keys).order_by().values_list(*OF_RUN)
    with transaction.atomic(), database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # an empty table is read whole otherwise
        plan = runs.explain()
    assert "index_run_connec" in plan or "PRIMARY KEY" in plan or "Index" in plan, (database.vendor, plan)


@given(st.dictionaries(st.integers(0, 400), st.integers(0, 2**32 - 1)))
def test_histograms_come_out_of_a_column_as_they_went_in(buckets: dict[int, int]) -> None:
    histogram = sum(runs << BITS * bucket for bucket, runs in buckets.items())
    assert unpacked(packed(histogram)) == histogram


@given(st.dictionaries(st.integers(0, 358), st.integers(1, 2**32 - 1)))
def test_an_upgrade_writes_pairs_of_bucket_and_runs_as_histograms(buckets: dict[int, int]) -> None:
    pairs = array("I", [number for pair in sorted(buckets.items()) for number in pair]).tobytes()
    histogram = sum(runs << BITS * bucket for bucket, runs in buckets.items())
    assert MIGRATION.written_anew(pairs) == packed(histogram)


def test_an_upgrade_writes_the_histograms_of_all_rows_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = made_connection()
    two = array("I", [5, 1, 37, 2]).tobytes()
    times = [(two, two), (b"", b""), (two, b""), (b"", two), (b"", b""), (two, two)]
    RunSums.objects.bulk_create(
        RunSums(connection=connection, hours=1, hour=hour, model="", status="", runs=3, prompt_tokens=0,
                completion_tokens=0, total_tokens=0, cost=0, took=took, queued=queued)
        for hour, (took, queued) in enumerate(times)
    )  # fmt: skip
    monkeypatch.setattr(MIGRATION, "ROWS_AT_ONCE", 2)
    MIGRATION.write_anew(apps, database.schema_editor())
    dense = packed(histogram_of(5) + 2 * histogram_of(37))
    found = RunSums.objects.order_by("hour").values_list("took", "queued")
    assert [(bytes(took), bytes(queued)) for took, queued in found] == [
        (took and dense, queued and dense) for took, queued in times
    ]
