"""Compares the search with plain Python: the same runs in the same order for any filter, sort, page size and engine.

tests/index/test_on_postgresql.py runs this file on PostgreSQL, too.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.index.exporting import chosen
from runsdash.index.fulltext.words import phrase_of
from runsdash.index.models import (
    Assistant,
    Connection,
    Note,
    Run,
    RunMetadata,
    RunText,
    RunTool,
    Thread,
    ThreadMetadata,
)
from runsdash.index.notes import give_label, reindex_notes
from runsdash.index.search import SORTS, RunOrder, TimeBudget, facets, ids_of, run_list_page
from runsdash.index.search.facet_times import FacetTimes
from runsdash.index.search.facets import facets_of
from runsdash.index.search.filter_names import MAX_CLAUSES, MAX_CONDITIONS
from runsdash.index.search.index_ranges import NO_INDEX
from runsdash.index.search.predicates import query_of_runs
from runsdash.index.search.run_filter import RUNS, FilterError, RunFilter, parsed
from runsdash.index.search.run_pages import RunListPage, capped_counts, ids_in_portions
from runsdash.index.search.summed_runs import narrowing_in_sums
from runsdash.index.search.value_counts import value_counts_by_walking, value_counts_in_time
from runsdash.index.storage.keyset import CursorError
from runsdash.index.totals.rollups import mark_dirty, roll_up
from tests.rows import kept_for_the_module, made_connection

pytestmark = pytest.mark.django_db
COUNT = 400
BEGAN_S = 1_790_000_000
STATUSES = ["completed"] * 7 + ["failed", "expired", "requires_action"]
MODELS = ["gpt-4o"] * 4 + ["gpt-4o-mini", "o4-mini", ""]
WORDS = ["invoice", "INV-2026-11873", "refund", "東京", "straße", "the", "order", "2026", "11873"]
# Small enough that every way of answering is taken by some filter.
SMALL = TimeBudget(walk_s=60, statement_s=60, first_chunk=7, probed=5, gathered=30)
TINY = TimeBudget(walk_s=60, statement_s=60, first_chunk=3, probed=2, gathered=0)
NOW = datetime.fromtimestamp(BEGAN_S + 400 * 40, UTC)
KEYS = Run.objects.only("pk")  # of what is listed, keys alone are compared


@pytest.fixture(scope="module")
def rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[list[Run]]:
    """Runs of two connections with every kind of gap in their columns; what a test adds is gone after it."""
    with kept_for_the_module(django_db_blocker):
        yield filled()


def filled() -> list[Run]:
    dice = random.Random(7)
    here, there = made_connection("here"), made_connection("there")
    Connection.objects.filter(pk=here.pk).update(customer_key="customer")
    here.customer_key = "customer"
    threads = [
        Thread.objects.create(id=n + 1, connection=dice.choice([here, there]), upstream_id=f"thread_{n}")
        for n in range(9)
    ]
    for one in (here, there):
        Assistant.objects.create(connection=one, upstream_id="asst_1", name="Invoice Bot", fetched_at=timezone.now())
    runs = [made(number, dice, dice.choice(threads)) for number in range(COUNT)]
    Run.objects.bulk_create(runs)
    add_details(runs, dice)
    for one in (here, there):
        mark_dirty(one.pk, [run.pk for run in runs])
    roll_up(within_s=60)
    return runs


def made(number: int, dice: random.Random, thread: Thread) -> Run:
    created_s = BEGAN_S + number // 3 * 120
    status = dice.choice(STATUSES)
    return Run(
        id=created_s << 30 | number, connection_id=thread.connection_id, upstream_id=f"run_{number}", thread=thread,
        assistant_id=dice.choice(["asst_1", "asst_2", "asst_3", ""]), model=dice.choice(MODELS), status=status,
        created_at=datetime.fromtimestamp(created_s, UTC), queue_s=dice.choice([None, 0, 1, 2, 90]),
        duration_s=dice.choice([None, 5, 10, 10, 11, 119, 120, 4000]), total_tokens=dice.choice([None, 0, 1000, 5000, 99]),
        cost=dice.choice([None, 0.0, 0.1, 0.25, 1 / 3, 7.0]), step_count=dice.randrange(5), tool_call_count=dice.choice([0, 0, 2]),
        error_code=dice.choice(["server_error", "rate_limit_exceeded"]) if status == "failed" else "",
        metadata={},
    )  # fmt: skip


def add_details(runs: list[Run], dice: random.Random) -> None:
    """Metadata, tools and words; kept on each run for the plain answer, too."""
    threads = list({run.thread_id: run.thread for run in runs}.values())
    for number, thread in enumerate(sorted(threads, key=lambda thread: thread.pk)):
        thread.pairs = {"customer": f"C-{number % 4}"} | ({"rank": "gold"} if number % 2 else {}) if number else {}
    for run in runs:
        run.pairs = {key: dice.choice(["prod", "test"]) for key in ("env", "team") if dice.random() < 0.6}
        run.tools = set(dice.sample(["search", "rates", "code"], dice.randrange(3)))
        run.words = phrase_of(" ".join(dice.choices(WORDS, k=dice.randrange(6))))
    RunMetadata.objects.bulk_create(
        [RunMetadata(run=run, key=key, value=value) for run in runs for key, value in run.pairs.items()]
    )
    ThreadMetadata.objects.bulk_create(
        [
            ThreadMetadata(thread=thread, key=key, value=value)
            for thread in threads
            for key, value in thread.pairs.items()
        ]
    )
    RunTool.objects.bulk_create([RunTool(run=run, name=name) for run in runs for name in run.tools])
    RunText.objects.bulk_create([RunText(run=run, words=run.words) for run in runs])
    for number, run in enumerate(runs):
        noted = {
            "refund later": number % 4 == 0,
            "Later, INV-2026": number % 6 == 0,
        }
        run.labels_given = {name for name, every in (("bug", 5), ("very important", 7)) if number % every == 0}
        run.noted = {word for text, is_there in noted.items() if is_there for word in phrase_of(text).split()}
        for name in run.labels_given:
            give_label(run, name.title(), given_by="ada")
        for text, is_there in noted.items():
            if is_there:
                Note.objects.create(run=run, thread=run.thread, text=text, written_by="ada")
        if run.noted:
            reindex_notes(run)
        if number < 3:  # what a thread has itself is not its runs'
            give_label(run.thread, "bug", given_by="ada")


def is_customer(value: str) -> Callable[[Run], bool]:
    """Only one of the two connections names the key."""
    return lambda run: run.connection.slug == "here" and run.thread.pairs.get("customer") == value


EVEN = {f"run_{number}" for number in range(0, 120, 2)}


def holds(phrase: str) -> Callable[[Run], bool]:
    return lambda run: f" {phrase} " in f" {run.words} "


def time_of(minutes: int) -> str:
    return datetime.fromtimestamp(BEGAN_S + minutes * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def after(minutes: int) -> Callable[[Run], bool]:
    return lambda run: run.created_at.timestamp() > BEGAN_S + minutes * 60


# Each clause, and what it means in plain Python.
MEANINGS: dict[str, Callable[[Run], bool]] = {
    " ".join(f"run:run_{number}" for number in range(0, 120, 2)): lambda run: run.upstream_id in EVEN,
    " ".join(f"-run:run_{number}" for number in range(0, 120, 2)): lambda run: run.upstream_id not in EVEN,
    " ".join(f"model:none{number}" for number in range(45)) + " model:o4-mini": lambda run: run.model == "o4-mini",
    "-model:gpt-4o -model:o4-mini": lambda run: run.model not in ("gpt-4o", "o4-mini"),
    "-tool:search -tool:code": lambda run: not run.tools & {"search", "code"},
    "-metadata.env=prod -metadata.env=test": lambda run: "env" not in run.pairs,
    "status:failed": lambda run: run.status == "failed",
    "-status:completed": lambda run: run.status != "completed",
    "-status:completed -status:failed": lambda run: run.status not in ("completed", "failed"),
    "-status:completed model:gpt-4o": lambda run: run.status != "completed" and run.model == "gpt-4o",
    "status:failed status:expired": lambda run: run.status in {"failed", "expired"},
    "model:gpt-4o": lambda run: run.model == "gpt-4o",
    "model:o4-mini": lambda run: run.model == "o4-mini",
    "assistant:asst_2": lambda run: run.assistant_id == "asst_2",
    'assistant:"invoice bot"': lambda run: run.assistant_id == "asst_1",
    "thread:thread_3": lambda run: run.thread.upstream_id == "thread_3",
    "-thread:thread_3": lambda run: run.thread.upstream_id != "thread_3",
    "run:run_17": lambda run: run.upstream_id == "run_17",
    "thread:nowhere": lambda run: False,
    "connection:here": lambda run: run.connection.slug == "here",
    "error:server_error": lambda run: run.error_code == "server_error",
    "tool:rates": lambda run: "rates" in run.tools,
    "tool:rates tool:code": lambda run: bool({"rates", "code"} & run.tools),
    "-tool:search": lambda run: "search" not in run.tools,
    "label:bug": lambda run: "bug" in run.labels_given,
    'label:bug label:"Very  Important"': lambda run: bool(run.labels_given),
    "-label:bug": lambda run: "bug" not in run.labels_given,
    "label:bug cost>=0.1": lambda run: "bug" in run.labels_given and run.cost is not None and run.cost >= 0.1,
    "note:later": lambda run: "later" in run.noted,
    'note:"2026 later"': lambda run: {"later", "2026"} <= run.noted,
    "note:refund note:inv": lambda run: bool({"refund", "inv"} & run.noted),
    "-note:refund": lambda run: "refund" not in run.noted,
    "has:note": lambda run: bool(run.noted),
    "-has:label": lambda run: not run.labels_given,
    "metadata.env=prod": lambda run: run.pairs.get("env") == "prod",
    "metadata.env=prod metadata.env=test": lambda run: "env" in run.pairs,
    "-metadata.team=test": lambda run: run.pairs.get("team") != "test",
    "thread.metadata.customer=C-1": lambda run: run.thread.pairs.get("customer") == "C-1",
    "thread.metadata.customer=C-1 thread.metadata.customer=C-2": (
        lambda run: run.thread.pairs.get("customer") in ("C-1", "C-2")
    ),
    "-thread.metadata.customer=C-1": lambda run: run.thread.pairs.get("customer") != "C-1",
    "thread.metadata.customer=C-1 status:completed": (
        lambda run: run.thread.pairs.get("customer") == "C-1" and run.status == "completed"
    ),
    "thread.metadata.customer=nobody": lambda run: False,
    "has:tool_calls": lambda run: run.tool_call_count > 0,
    "has:error": lambda run: run.error_code != "",
    "-has:metadata": lambda run: not run.pairs,
    "is:ended": lambda run: run.status != "requires_action",
    "duration>10s": lambda run: run.duration_s is not None and run.duration_s > 10,
    "-duration>10s": lambda run: not (run.duration_s is not None and run.duration_s > 10),
    "duration:10s..2m": lambda run: run.duration_s is not None and 10 <= run.duration_s <= 120,
    "duration:10s duration:1h..": lambda run: run.duration_s is not None and (run.duration_s == 10 or run.duration_s >= 3600),
    "tokens:1k..5k": lambda run: run.total_tokens is not None and 1000 <= run.total_tokens <= 5000,
    "tokens:unknown": lambda run: run.total_tokens is None,
    "cost>=$0.25": lambda run: run.cost is not None and run.cost >= 0.25,
    "queue:0": lambda run: run.queue_s == 0,
    "steps<2": lambda run: run.step_count < 2,
    f"created>{time_of(60)}": after(60),
    f"created<={time_of(100)}": lambda run: not after(100)(run),
    f"created>{time_of(20)} created<={time_of(90)}": lambda run: after(20)(run) and not after(90)(run),
    f"-created>{time_of(60)}": lambda run: not after(60)(run),
    "invoice": holds("invoice"),
    "inv-2026-11873": holds("inv 2026 11873"),
    '"2026 11873"': holds("2026 11873"),
    '"11873 2026"': holds("11873 2026"),
    "京": holds("京"),
    "STRASSE": holds("strasse"),
    "-the": lambda run: not holds("the")(run),
    "refund order": lambda run: holds("refund")(run) and holds("order")(run),
    "c-1": lambda run: holds("c 1")(run) or run.thread.pairs.get("customer") == "C-1",
    "-c-1": lambda run: not holds("c 1")(run) and run.thread.pairs.get("customer") != "C-1",
    "C-2 the": lambda run: run.thread.pairs.get("customer") == "C-2" and holds("the")(run),
    "gold": lambda run: holds("gold")(run) or run.thread.pairs.get("rank") == "gold",
    "customer:C-1": is_customer("C-1"),
    "customer:C-1 customer:C-2": lambda run: is_customer("C-1")(run) or is_customer("C-2")(run),
    "-customer:C-1": lambda run: not is_customer("C-1")(run),
    "customer:C-1 status:completed": lambda run: is_customer("C-1")(run) and run.status == "completed",
}  # fmt: skip


def pages_of(
    run_filter: RunFilter, order: RunOrder, *, budget: TimeBudget, limit: int = 41, **more: object
) -> list[RunListPage]:
    """Every page from the first on."""
    pages, cursor = [], ""
    while True:
        page = run_list_page(run_filter, order=order, rows=KEYS, limit=limit, cursor=cursor, budget=budget, **more)
        assert not page.is_partial
        pages.append(page)
        cursor = page.next
        if not cursor:
            return pages


def keys_on(page: RunListPage) -> list[int]:
    return [run.pk for run in page.rows]


def listed(run_filter: RunFilter, order: RunOrder, **more: object) -> list[int]:
    return [pk for page in pages_of(run_filter, order, **more) for pk in keys_on(page)]


def plainly(rows: list[Run], wanted: Callable[[Run], bool], order: RunOrder) -> list[int]:
    """The same by plain Python: sorted, rows without a value last."""
    found = [run for run in rows if wanted(run)]
    if order.is_by_time:
        return sorted((run.pk for run in found), reverse=order.is_descending)
    filled = [run for run in found if getattr(run, order.column) is not None]
    empty = [run for run in found if getattr(run, order.column) is None]
    filled.sort(key=lambda run: (getattr(run, order.column), run.pk), reverse=order.is_descending)
    empty.sort(key=lambda run: run.pk, reverse=order.is_descending)
    return [run.pk for run in filled + empty]


BUDGETS = [TimeBudget(walk_s=60, statement_s=60), pytest.param(SMALL, marks=pytest.mark.long), TINY]


@pytest.mark.parametrize("budget", BUDGETS, ids=["usual", "small", "tiny"])
def test_each_clause_finds_its_runs(rows: list[Run], budget: TimeBudget) -> None:
    for text, wanted in MEANINGS.items():
        order = RunOrder()
        assert listed(parsed(text), order, budget=budget) == plainly(rows, wanted, order), text


@pytest.mark.parametrize("budget", BUDGETS, ids=["usual", "small", "tiny"])
def test_any_filter_in_any_order(rows: list[Run], budget: TimeBudget) -> None:
    dice = random.Random(11)
    for _ in range(80):
        texts = dice.sample(sorted(MEANINGS), dice.randrange(4))
        if len({text.split(":")[0].split("=")[0].strip("-") for text in texts}) < len(texts):
            continue  # a name twice means "or"
        order = RunOrder(dice.choice(sorted(SORTS)), dice.random() < 0.5)
        wanted = plainly(rows, lambda run, texts=texts: all(MEANINGS[text](run) for text in texts), order)
        assert listed(parsed(" ".join(texts)), order, budget=budget) == wanted, (texts, order)


@pytest.mark.parametrize("text", ["", "status:completed", "status:completed the -tool:search"])
@pytest.mark.parametrize("sort", sorted(SORTS))
@pytest.mark.parametrize("is_descending", [True, False])
def test_back_from_the_end_gives_the_same_rows(rows: list[Run], text: str, sort: str, is_descending: bool) -> None:
    order, budget = RunOrder(sort, is_descending), SMALL
    pages = pages_of(parsed(text), order, budget=budget, limit=10)
    page, back = pages[-1], []
    while page.previous:
        page = run_list_page(parsed(text), order=order, rows=KEYS, limit=10, cursor=page.previous, budget=budget)
        back.insert(0, keys_on(page))
    assert back == [keys_on(one) for one in pages[:-1]]


def test_pages_stay_as_they_are_when_runs_come(rows: list[Run]) -> None:
    first = run_list_page(parsed("status:completed"), order=RunOrder(), rows=Run.objects.all(), limit=10)
    second = run_list_page(
        parsed("status:completed"), order=RunOrder(), rows=Run.objects.all(), limit=10, cursor=first.next
    )
    newer = made(COUNT + 9, random.Random(1), rows[0].thread)
    newer.status = "completed"
    newer.save()
    again = run_list_page(
        parsed("status:completed"), order=RunOrder(), rows=Run.objects.all(), limit=10, cursor=first.next
    )
    assert [run.pk for run in again.rows] == [run.pk for run in second.rows]


def test_a_connection_narrows(rows: list[Run]) -> None:
    here = Connection.objects.get(slug="here")
    found = listed(parsed("status:completed"), RunOrder(), budget=SMALL, connection=here)
    wanted = plainly(rows, lambda run: run.connection_id == here.pk and run.status == "completed", RunOrder())
    assert found == wanted


def test_newer_ids_are_counted_no_further_than_asked(rows: list[Run]) -> None:
    newest = plainly(rows, lambda run: True, RunOrder())
    assert ids_of(parsed(""), count=5, above=newest[3]) == (newest[:3], True)
    assert ids_of(parsed(""), count=2, above=newest[3]) == (newest[:2], True)


def test_what_an_index_counts_is_exact_up_to_the_cap(rows: list[Run]) -> None:
    several = {text: query_of_runs(parsed(text)) for text in ("", "status:failed model:o4-mini", *MEANINGS)}
    cap = 57
    counts = dict(zip(several, capped_counts(list(several.values()), cap=cap), strict=True))
    by_index = {text: number for text, number in counts.items() if number is not None}
    assert len(by_index) > 12
    meanings = MEANINGS | {"": lambda run: True}
    meanings["status:failed model:o4-mini"] = lambda run: run.status == "failed" and run.model == "o4-mini"
    for text, number in by_index.items():
        there = len(plainly(rows, meanings[text], RunOrder()))
        assert min(number, cap + 1) == min(there, cap + 1), text
        (exact, more) = (
            *capped_counts([several[text]], cap=there),
            *capped_counts([several[text]], cap=max(0, there - 1)),
        )
        assert (exact, more) == (there, there), text


@pytest.mark.parametrize("text", MEANINGS)
def test_walking_counts_each_run_once(rows: list[Run], text: str) -> None:
    there = [run for run in rows if MEANINGS[text](run)]
    names = {"status", "tool"}
    query = query_of_runs(parsed(text))
    found, is_complete = value_counts_by_walking(query, names, budget=SMALL, open_names=lambda _: names)
    assert is_complete
    assert found["status"] == Counter(run.status for run in there)
    assert found["tool"] == Counter(name for run in there for name in run.tools)


def test_no_ids_are_looked_for_that_are_not_counted(rows: list[Run]) -> None:
    asked: list[int] = []

    def portions() -> Iterator[tuple[list[int], bool]]:
        for ids, is_last in ids_in_portions(query_of_runs(parsed("")), size=150, budget=SMALL):
            asked.append(len(ids))
            yield ids, is_last

    over, ahead = TimeBudget(walk_s=0).started(), TimeBudget(walk_s=60, first_chunk=1)
    found, is_complete = value_counts_in_time(portions(), {"status"}, RUNS, size=100, budget=over)
    assert (asked, found["status"].total(), is_complete) == ([150], 100, False)
    found, is_complete = value_counts_in_time(portions(), {"status"}, RUNS, size=100, budget=ahead)
    assert (asked[1:], is_complete) == ([150, 150, 100], True)
    assert found["status"] == Counter(run.status for run in rows)


VALUES_OF: dict[str, Callable[[Run], Collection[str]]] = {
    "status": lambda run: [run.status],
    "model": lambda run: [run.model],
    "assistant": lambda run: [run.assistant_id],
    "error": lambda run: [run.error_code],
    "connection": lambda run: [run.connection.slug],
    "tool": lambda run: run.tools,
    "label": lambda run: run.labels_given,
}
TOLD_APART = {"status", "model", "assistant", "error", "connection"}


@pytest.mark.parametrize("times", [facets.QUICK, facets.EXACT], ids=["at first", "exact"])
def test_counts_by_value_are_those_of_the_list(rows: list[Run], times: FacetTimes, monkeypatch) -> None:
    """Of values that the filter says nothing of; said to be at least so many where they are not counted to the end."""
    unhurried, cap = replace(times, find_s=60, index_s=60, walk_s=60 * (times.walk_s > 0), statement_s=60), 60
    monkeypatch.setattr(facets, "EXACT", unhurried)
    monkeypatch.setattr(facets, "VALUE_WALK_S", 60)
    monkeypatch.setattr(facets, "CAP", cap)
    monkeypatch.setattr(facets, "SAMPLED", 20)
    known = 0
    for text, is_meant in {"": lambda run: True, **MEANINGS}.items():
        run_filter = parsed(text)
        there = [run for run in rows if is_meant(run)]
        found = facets.facets_in_time(run_filter, None, unhurried)
        assert (found.total, found.is_more) == (min(len(there), cap), len(there) > cap), text
        asked = {one.name for one in run_filter.clauses}
        is_known = narrowing_in_sums(run_filter, None) is not None
        known += is_known
        for name in VALUES_OF.keys() - asked:
            counts = Counter(value for run in there for value in VALUES_OF[name](run))
            for one in found.by_name[name]:
                said = (text, name, one)
                assert one.number <= min(counts[one.value], cap), said
                if one.number < cap and not one.is_more:
                    assert one.number == counts[one.value], said
                if times.walk_s or (is_known and name in TOLD_APART):
                    assert not one.is_open, said
                    assert one.is_more == (counts[one.value] > cap), said
    assert known > 15


def test_a_walk_that_takes_too_long_stops_and_can_go_on(rows: list[Run]) -> None:
    hurried = TimeBudget(walk_s=0, statement_s=60, first_chunk=50, probed=5, gathered=0)
    run_filter, wanted = parsed("-model:gpt-4o -model:gpt-4o-mini"), {"o4-mini", ""}
    seen, cursor, stops = [], "", 0
    while True:
        page = run_list_page(
            run_filter, order=RunOrder(), rows=Run.objects.all(), limit=100, cursor=cursor, budget=hurried
        )
        seen += [run.pk for run in page.rows]
        stops += page.is_partial
        if not page.next:
            break
        assert not page.is_partial or page.looked_until is not None
        cursor = page.next
    assert seen == plainly(rows, lambda run: run.model in wanted, RunOrder())
    assert stops >= COUNT // 50 - 1


def test_a_statement_that_takes_too_long_is_stopped(rows: list[Run]) -> None:
    hurried = TimeBudget(walk_s=60, statement_s=0.0, first_chunk=100_000, probed=5, gathered=0)
    many = " ".join(f"-word{number}" for number in range(150))
    page = run_list_page(parsed(many), order=RunOrder("tokens"), rows=Run.objects.all(), limit=100, budget=hurried)
    assert page.is_partial
    assert Run.objects.count() == COUNT  # the connection goes on


def test_an_export_whose_search_was_stopped_at_once_is_no_empty_one(rows: list[Run], monkeypatch) -> None:
    monkeypatch.setattr(chosen, "UNHURRIED", TimeBudget(walk_s=60, statement_s=0.0, probed=5, gathered=0))
    many = " ".join(f"-word{number}" for number in range(150))
    with pytest.raises(chosen.SearchStopped):
        list(chosen.found_rows(parsed(many), Run.objects.all(), RunOrder("tokens"), None))


@pytest.mark.parametrize(
    "cursor", ["x", "after", "after.x", "after.1.2", "after." + "9" * 19, "before.-1", "after.1.-", "up.1"]
)
def test_a_strange_cursor_is_refused(db: None, cursor: str) -> None:
    with pytest.raises(CursorError):
        run_list_page(parsed(""), order=RunOrder(), rows=Run.objects.all(), limit=1, cursor=cursor)


@pytest.mark.parametrize("cursor", ["after.1", "after.1.1.5", "after.1.x", "after.1." + "9" * 19, "after.1.1e5"])
def test_a_strange_value_in_a_cursor_is_refused(db: None, cursor: str) -> None:
    with pytest.raises(CursorError):
        run_list_page(parsed(""), order=RunOrder("tokens"), rows=Run.objects.all(), limit=1, cursor=cursor)


def test_a_cursor_behind_rows_without_a_value_finds_none_where_a_value_is_asked_for(rows: list[Run]) -> None:
    order, found = RunOrder("duration"), Run.objects.all()
    page = run_list_page(parsed("duration>10s"), order=order, rows=found, limit=5, cursor="after.1.-", budget=TINY)
    assert (page.rows, page.next) == ([], "")


# As many of each kind as a filter takes, and one more.
MOST: dict[str, Callable[[int], str]] = {
    **{
        name: partial("{}:a{}".format, name)
        for name in ("model", "assistant", "thread", "run", "connection", "error", "tool")
    },
    "not a model": "-model:a{}".format,
    "not a run": "-run:run_{}".format,
    "not a tool": "-tool:a{}".format,
    "pairs of a key": "metadata.env=a{}".format,
}
FEWER: dict[str, Callable[[int], str]] = {
    "words": "w{}".format,
    "no words": "-w{}".format,
    "pairs": "metadata.k{}=a".format,
    "no pairs": "-metadata.k{}=a".format,
    "amounts": "tokens:{}".format,
    "comparisons": "duration>{}".format,
    "no amounts": "-cost:{}".format,
    "no comparisons": "-steps>{}".format,
    "spans": lambda number: f"created:2026-01-01T00:00:{number % 60:02}Z..2026-02-01T00:{number // 60:02}:00Z",
    "no spans": lambda number: f"-created:2026-01-01T00:00:{number % 60:02}Z..2026-02-01T00:{number // 60:02}:00Z",
}


@pytest.mark.parametrize("kind", [*MOST, *FEWER])
def test_as_many_clauses_as_a_filter_takes_are_answered(rows: list[Run], kind: str) -> None:
    clause, most = (MOST[kind], MAX_CLAUSES) if kind in MOST else (FEWER[kind], MAX_CONDITIONS)
    texts = [clause(number) for number in range(most + 1)]
    with pytest.raises(FilterError, match="at most 1,000 clauses and 200 conditions"):
        parsed(" ".join(texts))
    run_filter = parsed(" ".join(texts[:most]))
    assert len(run_filter.clauses) == most
    for order in (RunOrder(), RunOrder("cost")):
        run_list_page(run_filter, order=order, rows=Run.objects.all(), limit=10, budget=SMALL)
    facets_of(run_filter)


def test_many_ids_are_read_from_an_index(rows: list[Run]) -> None:
    for name in ("run:run_", "thread:thread_", "model:m"):
        (predicate,) = query_of_runs(parsed(" ".join(f"{name}{number}" for number in range(300)))).predicates
        assert predicate.index is not NO_INDEX, name
        assert predicate.index.is_by_id == (name != "model:m"), name
