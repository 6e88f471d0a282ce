"""Compares the search for threads with plain Python: the same threads in the same order, for any filter and sort.

tests/index/test_on_postgresql.py runs this file on PostgreSQL, too.
"""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.index.fulltext.words import phrase_of
from runsdash.index.models import Assistant, Connection, Note, Run, RunText, RunTool, Thread, ThreadMetadata
from runsdash.index.notes import give_label, reindex_notes
from runsdash.index.search import THREAD_SORTS, RunOrder, TimeBudget, run_list_page
from runsdash.index.search.facets import facets_of
from runsdash.index.search.run_filter import FilterError, parsed
from runsdash.index.search.subjects import THREADS
from runsdash.index.search.suggestions import suggestions
from tests.index.search.test_query_plans import faults_of
from tests.rows import kept_for_the_module, made_connection

pytestmark = pytest.mark.django_db
COUNT = 90
BEGAN_S = 1_790_000_000
WORDS = ["invoice", "INV-2026-11873", "refund", "東京", "the", "order"]
# Small enough that every way of answering is taken by some filter.
SMALL = TimeBudget(walk_s=60, statement_s=60, first_chunk=7, probed=5, gathered=30)
TINY = TimeBudget(walk_s=60, statement_s=60, first_chunk=3, probed=2, gathered=0)
IS_POSTGRESQL = connection.vendor == "postgresql"


@pytest.fixture(scope="module")
def threads(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[list[Thread]]:
    """Threads of two connections, some without a run, with every kind of gap; what a test adds is gone after it."""
    with kept_for_the_module(django_db_blocker):
        dice = random.Random(11)
        homes = [made_connection("here"), made_connection("there")]
        Connection.objects.filter(pk=homes[0].pk).update(customer_key="customer")
        Assistant.objects.create(
            connection=homes[0], upstream_id="asst_1", name="Invoice Bot", fetched_at=timezone.now()
        )
        yield [made(number, dice, dice.choice(homes)) for number in range(COUNT)]


def made(number: int, dice: random.Random, home: Connection) -> Thread:
    runs = [made_run_row(number, at, dice, home) for at in range(dice.choice([0, 1, 1, 2, 5]))]
    thread = Thread(
        id=1000 + number, connection=home, upstream_id=f"thread_{number}", run_count=len(runs), is_gone=dice.random() < 0.1,
        cost=dice.choice([None, 0.0, 0.25, 1 / 3, 7.0]), total_tokens=dice.choice([None, 0, 99, 5000]),
        last_run_id=runs[-1].id if runs else None, last_run_at=runs[-1].created_at if runs else None,
    )  # fmt: skip
    thread.save()
    Run.objects.bulk_create(runs)
    thread.runs_made, thread.pairs = runs, {}
    for run in runs:
        run.tools = set(dice.sample(["search", "code"], dice.randrange(3)))
        run.words = phrase_of(" ".join(dice.choices(WORDS, k=dice.randrange(4))))
    RunTool.objects.bulk_create([RunTool(run=run, name=name) for run in runs for name in run.tools])
    RunText.objects.bulk_create([RunText(run=run, words=run.words) for run in runs])
    if dice.random() < 0.7:
        thread.pairs = {"customer": dice.choice(["C-14", "C-15", "refund"])} | ({"team": "x"} if number % 2 else {})
    ThreadMetadata.objects.bulk_create(
        [ThreadMetadata(thread=thread, key=key, value=value) for key, value in thread.pairs.items()]
    )
    thread.labels_given = {name for name, every in (("bug", 5), ("vip", 7)) if number % every == 0}
    for name in thread.labels_given:
        give_label(thread, name, given_by="ada")
    if number % 4 == 0:
        Note.objects.create(thread=thread, text="Refund later", written_by="ada")
        reindex_notes(thread)
    if runs and number % 3 == 0:
        give_label(runs[0], "bug", given_by="ada")
    return thread


def made_run_row(number: int, at: int, dice: random.Random, home: Connection) -> Run:
    created_s = BEGAN_S + dice.randrange(400) * 60 + at * 100_000
    status = dice.choice(["completed"] * 5 + ["failed", "expired", "requires_action", "in_progress"])
    return Run(
        id=created_s << 30 | number << 4 | at, connection=home, upstream_id=f"run_{number}_{at}", thread_id=1000 + number,
        assistant_id=dice.choice(["asst_1", "asst_2", ""]), model=dice.choice(["gpt-4o", "o4-mini"]), status=status,
        created_at=datetime.fromtimestamp(created_s, UTC), tool_call_count=dice.choice([0, 2]),
        error_code="server_error" if status == "failed" else "",
    )  # fmt: skip


def last(test: Callable[[Run], bool]) -> Callable[[Thread], bool]:
    return lambda thread: bool(thread.runs_made) and test(thread.runs_made[-1])


def says(word: str) -> Callable[[Thread], bool]:
    """In one of its runs, or as a whole value of its metadata."""
    phrase = f" {phrase_of(word)} "
    return lambda thread: any(phrase in f" {run.words} " for run in thread.runs_made) or word in thread.pairs.values()


def moment(hours: int) -> str:
    return datetime.fromtimestamp(BEGAN_S + hours * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# Each clause, and what it means in plain Python.
MEANINGS: dict[str, Callable[[Thread], bool]] = {
    "": lambda thread: True,
    "status:failed": last(lambda run: run.status == "failed"),
    "status:failed status:expired": last(lambda run: run.status in ("failed", "expired")),
    "-status:completed": lambda thread: not (thread.runs_made and thread.runs_made[-1].status == "completed"),
    "assistant:asst_2": last(lambda run: run.assistant_id == "asst_2"),
    'assistant:"invoice bot"': last(lambda run: run.assistant_id == "asst_1" and run.connection.slug == "here"),
    "model:o4-mini": last(lambda run: run.model == "o4-mini"),
    "error:server_error": last(lambda run: run.error_code == "server_error"),
    "tool:search": last(lambda run: "search" in run.tools),
    "has:tool_calls": last(lambda run: run.tool_call_count > 0),
    "is:active": last(lambda run: run.status in ("requires_action", "in_progress")),
    "is:ended": last(lambda run: run.status in ("completed", "failed", "expired")),
    "is:gone": lambda thread: thread.is_gone,
    "has:runs": lambda thread: bool(thread.runs_made),
    "-has:runs": lambda thread: not thread.runs_made,
    "has:metadata": lambda thread: bool(thread.pairs),
    "has:cost": lambda thread: thread.cost is not None,
    "metadata.customer=C-14": lambda thread: thread.pairs.get("customer") == "C-14",
    "thread.metadata.customer=C-14": lambda thread: thread.pairs.get("customer") == "C-14",
    "metadata.customer=C-14 metadata.customer=C-15": lambda thread: thread.pairs.get("customer") in ("C-14", "C-15"),
    "-metadata.customer=C-14": lambda thread: thread.pairs.get("customer") != "C-14",
    "customer:C-14": lambda thread: thread.connection.slug == "here" and thread.pairs.get("customer") == "C-14",
    "-customer:C-14": lambda thread: thread.connection.slug != "here" or thread.pairs.get("customer") != "C-14",
    "thread:thread_3 thread:thread_4": lambda thread: thread.upstream_id in ("thread_3", "thread_4"),
    "connection:here": lambda thread: thread.connection.slug == "here",
    "runs>1": lambda thread: thread.run_count > 1,
    "runs:1..2": lambda thread: 1 <= thread.run_count <= 2,
    "tokens:unknown": lambda thread: thread.total_tokens is None,
    "cost>=0.25": lambda thread: thread.cost is not None and thread.cost >= 0.25,
    "label:bug": lambda thread: "bug" in thread.labels_given,
    "label:bug label:vip": lambda thread: bool(thread.labels_given),
    "-label:vip": lambda thread: "vip" not in thread.labels_given,
    "note:later": lambda thread: thread.pk % 4 == 0,
    'note:"later refund" label:bug': lambda thread: thread.pk % 20 == 0,
    "has:note": lambda thread: thread.pk % 4 == 0,
    "has:label": lambda thread: bool(thread.labels_given),
    "refund": says("refund"),
    "c-14": says("C-14"),
    '"INV-2026-11873"': says("INV-2026-11873"),
    "-refund": lambda thread: not says("refund")(thread),
    f"active>={moment(3)}": lambda thread: (
        thread.last_run_at is not None and thread.last_run_at.timestamp() >= BEGAN_S + 3 * 3600
    ),
    f"until:{moment(3)}": lambda thread: (
        thread.last_run_at is not None and thread.last_run_at.timestamp() <= BEGAN_S + 3 * 3600
    ),
}
TOGETHER = "has:runs"  # with each of the others


def in_order(threads: list[Thread], order: RunOrder) -> list[int]:
    """Rows without a value come last in both directions."""
    sign = -1 if order.is_descending else 1
    values = {thread.id: getattr(thread, order.column) for thread in threads}
    filled = sorted((value, key) for key, value in values.items() if value is not None)[::sign]
    empty = sorted(key for key, value in values.items() if value is None)[::sign]
    return [key for _, key in filled] + empty


def every_id(text: str, order: RunOrder, budget: TimeBudget, limit: int = 50) -> list[int]:
    found, cursor = [], ""
    while True:
        page = run_list_page(
            parsed(text, THREADS),
            order=order,
            rows=Thread.objects.only("pk"),
            limit=limit,
            cursor=cursor,
            budget=budget,
        )
        found += [thread.id for thread in page.rows]
        cursor = page.next
        if not cursor:
            return found


ORDERS = [
    RunOrder("last_run_at"), RunOrder("last_run_at", False), RunOrder("cost"), RunOrder("runs", False),
    RunOrder("tokens"), RunOrder("added_at"),
]  # fmt: skip


@pytest.mark.parametrize("text", MEANINGS)
@pytest.mark.parametrize("budget", [SMALL, TINY], ids=["small", "tiny"])
def test_the_same_threads_in_the_same_order(threads: list[Thread], text: str, budget: TimeBudget) -> None:
    fitting = [thread for thread in threads if MEANINGS[text](thread)]
    for order in ORDERS:
        assert every_id(text, order, budget) == in_order(fitting, order), (text, order)
    both = [thread for thread in fitting if MEANINGS[TOGETHER](thread)]
    if "has:" not in text:
        assert every_id(f"{text} {TOGETHER}", ORDERS[0], budget) == in_order(both, ORDERS[0])


def test_pages_lead_back(threads: list[Thread]) -> None:
    order = RunOrder("last_run_at")
    given = {"order": order, "rows": Thread.objects.all(), "limit": 20}
    first = run_list_page(parsed("runs>0", THREADS), **given)
    second = run_list_page(parsed("runs>0", THREADS), cursor=first.next, **given)
    back = run_list_page(parsed("runs>0", THREADS), cursor=second.previous, **given)
    assert [one.id for one in back.rows] == [one.id for one in first.rows]
    assert not {one.id for one in first.rows} & {one.id for one in second.rows}


@pytest.mark.parametrize("text", ["", "status:failed", "metadata.customer=C-14", "refund"])
def test_facets_count_threads_by_their_last_run(threads: list[Thread], text: str) -> None:
    facets = facets_of(parsed(text, THREADS))
    fitting = [thread for thread in threads if MEANINGS[text](thread)]
    assert (facets.total, facets.is_more) == (len(fitting), False)
    others = fitting if text != "status:failed" else threads
    for count in facets.by_name["status"]:
        wanted = [one for one in others if one.runs_made and one.runs_made[-1].status == count.value]
        assert count.number == len(wanted), count.value


@pytest.mark.parametrize(
    "text", ["queue>1s", "steps>1", "created>-7d", "run:run_1", "is:lost", "runs:many", "metadata.=x"]
)
def test_what_no_thread_has_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parsed(text, THREADS)


@pytest.mark.parametrize("text", ["runs>1", "active>-7d", "is:gone"])
def test_what_no_run_has_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parsed(text)


def test_suggestions_are_those_of_threads(threads: list[Thread]) -> None:
    labels = [one.label for one in suggestions("", THREADS)]
    assert {"runs>", "active>", "metadata.", "status:"} <= set(labels)
    assert not {"queue>", "created>", "run:"} & set(labels)
    assert [one.label for one in suggestions("is:g", THREADS)] == ["is:gone"]
    assert "metadata.customer=C-14" in [one.label for one in suggestions("metadata.customer=C", THREADS)]


@pytest.mark.skipif(IS_POSTGRESQL, reason="plans of so few rows say nothing there")
def test_no_statement_reads_or_sorts_all_threads(threads: list[Thread]) -> None:
    faults, seen = [], set()
    for text in MEANINGS:
        for sort in THREAD_SORTS:
            for budget in (SMALL, TINY):
                with CaptureQueriesContext(connection) as caught:
                    page = run_list_page(
                        parsed(text, THREADS), order=RunOrder(sort), rows=Thread.objects.all(), limit=20, budget=budget
                    )
                    if page.next:
                        run_list_page(
                            parsed(text, THREADS), order=RunOrder(sort), rows=Thread.objects.all(), limit=20,
                            cursor=page.next, budget=budget,
                        )  # fmt: skip
                for one in caught.captured_queries:
                    if one["sql"] not in seen and one["sql"].startswith(("SELECT", "WITH")):
                        seen.add(one["sql"])
                        faults += [f"{text!r} by {sort}: {fault}\n  {one['sql']}" for fault in faults_of(one["sql"])]
    assert len(seen) > 100
    assert not faults, "\n".join(faults[:10])
