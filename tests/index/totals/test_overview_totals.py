"""Figures of the overview against the runs themselves, for any span, however far the sums have been made."""

import random
from collections import Counter
from datetime import UTC, datetime
from math import ceil

import pytest
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.models import Connection, DirtyHour, Run, RunSums, Thread
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.totals import span_reads
from runsdash.index.totals.histograms import Histogram, histogram_of
from runsdash.index.totals.hour_spans import Span, hour_of, hour_of_key
from runsdash.index.totals.overview_totals import Figures
from runsdash.index.totals.rollups import mark_dirty, roll_up
from runsdash.index.totals.span_reads import Narrowing
from runsdash.index.totals.sums import SHARES, Sums
from runsdash.index.totals.top_threads import BATCH, dearest_threads
from runsdash.service import objects
from tests.rows import made_connection, made_run, made_runs, roll_all_up, run_object

pytestmark = pytest.mark.django_db
END = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
END_HOUR = hour_of(END)
DAYS = 8
SPANS = {
    "a day": Span(END_HOUR - 24, END_HOUR),
    "three hours": Span(END_HOUR - 3, END_HOUR),
    "whole days": Span(END_HOUR - 12 - 5 * 24, END_HOUR - 12),
    "days with ends": Span(END_HOUR - 100, END_HOUR - 1),
    "everything": Span(END_HOUR - 40 * 24, END_HOUR + 30 * 24),
    "weeks": Span(END_HOUR - 80 * 24, END_HOUR),
    "before anything": Span(END_HOUR - 2000, END_HOUR - 1900),
}


def populate(count: int = 400) -> None:
    """Runs of two connections over some days, on few threads, with times between a second and hours."""
    dice = random.Random(11)
    connections = [made_connection("one"), made_connection("two")]
    made: dict[bool, list[objects.Run]] = {False: [], True: []}
    for _ in range(count):
        created = int(END.timestamp()) - dice.randrange(DAYS * 86400)
        status = dice.choice(["completed"] * 6 + ["failed", "incomplete", "expired", "queued", "cancelled"])
        started = created + int(dice.expovariate(0.2))
        tokens = dice.randrange(5000)
        fields = {
            "thread_id": f"thread_{dice.randrange(40)}", "assistant_id": f"asst_{dice.randrange(5)}",
            "model": dice.choice(["gpt-4o", "gpt-4o", "gpt-4.1", "gpt-4o-mini", "of-ours", ""]),
            "created_at": created, "started_at": dice.choice([started, started, None]),
            "last_error": (
                {"code": dice.choice(["server_error", "rate_limit_exceeded"])} if status == "failed" else None
            ),
            "completed_at": started + int(dice.lognormvariate(3, 2)) if status == "completed" else None,
            "usage": dice.choice([None, {"prompt_tokens": tokens, "completion_tokens": 9, "total_tokens": tokens + 9}]),
        }  # fmt: skip
        made[dice.random() < 0.3].append(objects.Run.from_raw(run_object(status=status) | fields))
    for connection, runs in zip(connections, made.values(), strict=True):
        upsert_runs(connection, runs, fetched_at=timezone.now())


MOST = pytest.mark.long  # the three ways give one answer; make test takes the one that mixes them


@pytest.fixture(params=[pytest.param("all", marks=MOST), "some", pytest.param("none", marks=MOST)])
def populated(request: pytest.FixtureRequest, db: None) -> None:
    """With all sums made, some of them, or none but those that the reading itself makes."""
    populate()
    if request.param == "all":
        roll_all_up()
        assert not DirtyHour.objects.exists()
    elif request.param == "some":
        marks = list(DirtyHour.objects.values_list("pk", flat=True))
        roll_up(limit=len(marks) - 20, within_s=30)
        assert 0 < DirtyHour.objects.count() <= span_reads.MOST_LIVE_HOURS


def runs_in(span: Span, connection_id: int | None) -> list[Run]:
    runs = Run.objects.filter(created_at__gte=span.start_at, created_at__lt=span.end_at)
    return list(runs if connection_id is None else runs.filter(connection_id=connection_id))


def usage(runs: list[Run]) -> Sums:
    ended = Counter(run.status for run in runs)
    return Sums(
        runs=len(runs),
        completed=ended["completed"],
        failed=ended["failed"],
        expired=ended["expired"],
        ended_badly=sum(ended[one] for one in run_states.NOT_COMPLETED),
        prompt_tokens=sum(run.prompt_tokens or 0 for run in runs),
        completion_tokens=sum(run.completion_tokens or 0 for run in runs),
        total_tokens=sum(run.total_tokens or 0 for run in runs),
        cost=pytest.approx(sum(run.cost or 0 for run in runs)),
        unpriced_runs=sum(run.total_tokens is not None and run.cost is None for run in runs),
        took=histogram([run.duration_s for run in runs if run.status == "completed"]),
        queued=histogram([run.queue_s for run in runs if run.status == "completed"]),
    )


def histogram(seconds: list[int | None]) -> Histogram:
    return sum(histogram_of(one) for one in seconds if one is not None)


def by(runs: list[Run], name: str) -> dict[object, list[Run]]:
    return {
        value: [run for run in runs if getattr(run, name) == value] for value in {getattr(run, name) for run in runs}
    }


def test_figures_percentiles_and_dearest_threads_are_exact(populated: None) -> None:
    for span in SPANS.values():
        for connection_id in (None, Connection.objects.get(slug="two").pk):
            assert_exact(span, connection_id)
        assert_percentiles(span)
        assert_dearest(span)


def assert_exact(span: Span, pk: int | None) -> None:
    narrowing = Narrowing() if pk is None else Narrowing(only={"connection_id": (pk,)})
    while (figures := Figures(span, now_hour=END_HOUR, narrowing=narrowing)).waiting_hours:
        roll_up(span=span)
    runs = runs_in(span, pk)
    assert figures.total == usage(runs)
    causes = Counter((run.status, run.error_code) for run in runs if run.status in run_states.NOT_COMPLETED)
    assert figures.causes == causes
    for column in span_reads.COLUMNS:
        assert figures.groups(column) == {value: usage(own) for value, own in by(runs, column).items()}
        of_bars = figures.bars_by(column)
        assert sum(one.runs for one in of_bars.values()) == len(runs)
        for (bar, value), one in of_bars.items():
            inside = [run for run in bar_runs(figures, bar, runs) if getattr(run, column) == value]
            assert one.counts == usage(inside).counts
    for bar, sums in figures.took_by_bar.items():
        inside = usage(bar_runs(figures, bar, runs))
        assert (sums.took, sums.queued) == (inside.took, inside.queued)
    found = {(bar, *key): count for (bar, *key), count in figures.bars_by_cause.items()}
    assert sum(found.values()) == len(runs)


def bar_runs(figures: Figures, first: int, runs: list[Run]) -> list[Run]:
    (bar,) = (one for one in figures.bars if one.first == first)
    return [run for run in runs if bar.first <= hour_of_key(run.pk) < bar.end]


def assert_percentiles(span: Span) -> None:
    completed = [run for run in runs_in(span, None) if run.status == "completed"]
    total = Figures(span, now_hour=END_HOUR).total
    for column, found in (("duration_s", total.percentiles), ("queue_s", total.queue_percentiles)):
        times = sorted(t for run in completed if (t := getattr(run, column)) is not None)
        exact = [times[ceil(share * len(times)) - 1] if times else None for share in SHARES]
        assert list(found) == [None if one is None else pytest.approx(one, rel=0.05) for one in exact]


def assert_dearest(span: Span) -> None:
    found = dearest_threads(span, connection_id=None, limit=5)
    threads = {thread: usage(own) for thread, own in by(runs_in(span, None), "thread_id").items()}
    costs = sorted(
        (sum(run.cost or 0 for run in Run.objects.filter(thread_id=pk, **span.keys)) for pk in threads), reverse=True
    )
    assert [one.cost for one in found.threads] == pytest.approx([cost for cost in costs if cost][:5])
    for one in found.threads:
        assert (one.runs, one.total_tokens) == (threads[one.thread_id].runs, threads[one.thread_id].total_tokens)
    assert found.is_exact


def test_few_threads_are_looked_at(django_assert_num_queries) -> None:
    prod = made_connection()
    raws = [
        run_object(
            thread_id=f"thread_{number}",
            usage={"prompt_tokens": number, "completion_tokens": 0, "total_tokens": number},
        )
        for number in range(3 * BATCH)
    ]
    upsert_runs(prod, [objects.Run.from_raw(raw) for raw in raws], fetched_at=timezone.now())
    hour = hour_of(timezone.now())
    with django_assert_num_queries(2):
        found = dearest_threads(Span(hour - 1, hour + 1), connection_id=None, limit=5)
    assert [one.total_tokens for one in found.threads] == [149, 148, 147, 146, 145]


def test_the_time_before_is_as_long_as_what_has_passed() -> None:
    days = Span(END_HOUR - 12 - 6 * 24, END_HOUR + 12)
    figures = Figures(days, now_hour=END_HOUR)
    assert figures.before == Span(days.first - 7 * 24, END_HOUR + 1 - 7 * 24)
    passed = Figures(Span(100, 110), now_hour=END_HOUR)
    assert passed.before == Span(90, 100)


def test_narrowed_figures_are_of_the_runs_that_are_left() -> None:
    populate(200)
    roll_up(limit=DirtyHour.objects.count() - 20, within_s=30)
    for narrowing in (
        Narrowing(only={"model": ("gpt-4o", "of-ours")}),
        Narrowing(only={"status": ("failed",)}, but={"error_code": ("server_error",)}),
        Narrowing(but={"assistant_id": ("asst_1", "asst_2"), "model": ("",)}),
        Narrowing(only={"model": ()}),
    ):
        assert_narrowed(narrowing)


def assert_narrowed(narrowing: Narrowing) -> None:
    figures = Figures(SPANS["days with ends"], now_hour=END_HOUR, narrowing=narrowing)
    left = [
        run
        for run in runs_in(SPANS["days with ends"], None)
        if all(getattr(run, name) in values for name, values in narrowing.only.items())
        and not any(getattr(run, name) in values for name, values in narrowing.but.items())
    ]
    assert figures.total == usage(left)
    assert figures.groups("model") == {value: usage(own) for value, own in by(left, "model").items()}


def test_more_marks_than_can_be_counted_on_the_way_are_told_and_nothing_is_read(django_assert_num_queries) -> None:
    prod = made_connection()
    made_runs(prod, span_reads.MOST_LIVE_HOURS + 5, age_s=0, apart_s=3600)
    now = hour_of(timezone.now())
    span = Span(now - 100, now + 1)
    figures = Figures(span, now_hour=now)
    with django_assert_num_queries(1):
        assert figures.waiting_hours == span_reads.MOST_LIVE_HOURS + 5
    assert figures.has_before
    assert roll_up(span=span, within_s=30) == span_reads.MOST_LIVE_HOURS + 5
    assert Figures(span, now_hour=now).runs == span_reads.MOST_LIVE_HOURS + 5


def test_some_hours_with_many_runs_are_not_counted_on_the_way() -> None:
    prod = made_connection()
    thread = made_run(prod, age_s=0).thread
    now, few = hour_of(timezone.now()), span_reads.FEW_LIVE_HOURS
    keys = [((now - at % (few + 1)) * 3600 << 30) + at + 1 for at in range(span_reads.MOST_LIVE_RUNS)]
    plain = {"connection": prod, "thread": thread, "status": "completed", "created_at": END, "fetched_at": END}
    Run.objects.bulk_create([Run(pk=key, upstream_id=f"run_{key}", **plain) for key in keys])
    mark_dirty(prod.pk, keys)
    assert Figures(Span(now - 100, now + 1), now_hour=now).waiting_hours == few + 1
    assert Figures(Span(now - few + 1, now + 1), now_hour=now).runs > span_reads.MOST_LIVE_RUNS / 2


def test_the_version_tells_of_every_change() -> None:
    versions = [span_reads.version()]
    prod = made_connection()
    run = made_run(prod)
    versions.append(span_reads.version())
    roll_all_up()
    versions.append(span_reads.version())
    made_run(prod)
    versions.append(span_reads.version())
    roll_all_up()
    versions.append(span_reads.version())
    assert len(set(versions)) == len(versions)
    assert RunSums.objects.exists()
    assert Thread.objects.get(pk=run.thread_id).cost == pytest.approx(run.cost)
