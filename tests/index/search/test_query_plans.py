"""Every statement of lists, facets and suggestions reads index ranges: no walk over all runs, no sort of all runs.

On SQLite plans are made without statistics, so they do not depend on what is in the table. On PostgreSQL (`make
test-postgres`) they are read for a table of 50,000 runs.
"""

import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection, reset_queries
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.index.keeping import archive
from runsdash.index.models import (
    Connection,
    Label,
    NoteWord,
    Run,
    RunMetadata,
    RunText,
    RunTool,
    Thread,
    ThreadMetadata,
)
from runsdash.index.search import SORTS, RunOrder, TimeBudget, ids_of, run_list_page
from runsdash.index.search.facets import facets_of
from runsdash.index.search.filter_totals import totals_of
from runsdash.index.search.listed_runs import ListedRuns
from runsdash.index.search.run_filter import RUNS, THREADS, parsed
from runsdash.index.search.sql_pieces import FOR_INDEXES, Sql, fetched, stopped_after
from runsdash.index.search.suggestions import suggestions
from runsdash.sync import due
from tests.rows import kept_for_the_module, made_connection

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]
IS_POSTGRESQL = connection.vendor == "postgresql"
COUNT = 50_000 if IS_POSTGRESQL else 500
BEGAN_S = 1_790_000_000
NOTED = ("refund", "later")
VOCABULARY = [f"w{number}" for number in range(5000)]
FILTERS = [
    "", "status:failed", "status:failed status:expired", "-status:completed", "-status:completed -status:failed",
    "model:m1", "assistant:a1", 'assistant:"A b"',
    "status:failed model:m1", "status:failed status:expired assistant:a1 assistant:a2", "thread:thread_1", "run:run_1",
    "connection:prod", "error:oops", "tool:search", "tool:search tool:code", "metadata.env=prod", "metadata.team=x",
    "metadata.env=prod -metadata.team=x", "thread.metadata.customer=C-1", "thread.metadata.vip=yes", "thread.metadata.vip=yes status:failed",
    "-thread.metadata.vip=yes", "thread.metadata.customer=C-1 metadata.env=prod", "has:tool_calls", "has:error", "is:waiting", "is:overdue", "duration>1h",
    "label:bug", "label:bug status:failed", "-label:bug", "note:refund", 'note:"refund later"', "has:note", "has:label",
    "tokens:1k..5k", "cost>=1", "queue>30s", "steps>597", "tokens:unknown", "created>-7d", "created:2026-11-01..2026-11-07",
    "common", "rare", "common status:failed", '"common rare"', "-common", "common metadata.env=prod created>-1d",
    "customer:C-1", "customer:C-1 status:failed", "-customer:C-1", "c-1", "c-1 common", "yes rare", "-c-1",
    "status:completed model:m1 tool:search duration>1s -error:oops",
    *(" ".join(f"{name}{number}" for number in range(50)) for name in ("run:run_", "thread:thread_", "-run:run_")),
    " ".join(f"assistant:none{number}" for number in range(50)) + " assistant:a1 status:failed",
]  # fmt: skip
TYPED = [
    "",
    "sta",
    "status:f",
    "model:",
    "assistant:zz",
    "error:o",
    "tool:",
    "label:b",
    "customer:C",
    "connection:",
    "metadata.",
    "metadata.env=p",
    "thread.metadata.",
    "thread.metadata.customer=C",
]
# Small enough that index ranges are gathered, too, in a table of this size.
BUDGET = TimeBudget(gathered=400, walk_s=30, statement_s=30)
# SQLite: what may be read whole are our own subqueries, each cut by a LIMIT, lists of values, and tables of a few rows.
BOUNDED = re.compile(
    r"SCAN (\(?subquery-\d+\)?|\d+ CONSTANT ROWS?|[cuj]|a\d+|json_each|v|index_connection|index_assistant|index_savedview)\b"
)
INDEXED = re.compile(r" USING (?!AUTOMATIC)")  # MIN() of a column without an index is called a search, too
LARGE = {"index_run", "index_runmetadata", "index_runtool", "index_runtext", "index_thread", "index_threadmetadata"}
LARGE |= {"index_label", "index_noteword"}


@pytest.fixture(scope="module", autouse=True)
def rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with kept_for_the_module(django_db_blocker):
        make_rows(made_connection(customer_key="customer"))
        yield


def make_rows(prod: Connection) -> None:
    dice = random.Random(3)
    Thread.objects.bulk_create(
        [Thread(id=n + 1, connection=prod, upstream_id=f"thread_{n}") for n in range(COUNT // 5)]
    )
    ThreadMetadata.objects.bulk_create(
        [
            ThreadMetadata(thread_id=n + 1, key=key, value=value)
            for n in range(COUNT // 5)
            for key, value in {"customer": f"C-{n % 400}", **({"vip": "yes"} if n % 2 else {})}.items()
        ]
    )
    runs = [made(number, prod, dice) for number in range(COUNT)]
    Run.objects.bulk_create(runs, batch_size=2000)
    pairs = [("env", "prod" if number % 2 else "test") for number in range(COUNT)]
    RunMetadata.objects.bulk_create(
        [RunMetadata(run=run, key=key, value=value) for run, (key, value) in zip(runs, pairs, strict=True)]
    )
    RunTool.objects.bulk_create([RunTool(run=run, name=dice.choice(["search", "code"])) for run in runs])
    RunText.objects.bulk_create([RunText(run=run, words=words_of(run, dice)) for run in runs], batch_size=2000)
    Label.objects.bulk_create(
        [Label(thread_id=run.thread_id, run=run, name=dice.choice(["bug", "vip"])) for run in runs]
    )
    NoteWord.objects.bulk_create(
        [NoteWord(thread_id=run.thread_id, run=run, word=word) for run in runs for word in NOTED]
    )
    if IS_POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def words_of(run: Run, dice: random.Random) -> str:
    """As long as a short run's, so that reading by words is worth it."""
    words = dice.choices(VOCABULARY, k=60)
    return " ".join(["common", "rare" if (run.id >> 30) % 499 == 0 else "word", *words])


def made(number: int, prod: Connection, dice: random.Random) -> Run:
    created_s = BEGAN_S + number
    status = dice.choices(["completed", "failed", "expired", "requires_action"], [90, 6, 3, 1])[0]
    return Run(
        id=created_s << 30, connection=prod, upstream_id=f"run_{number}", thread_id=number // 5 + 1, status=status,
        assistant_id=f"a{dice.randrange(20)}", model=f"m{dice.randrange(5)}", created_at=datetime.fromtimestamp(created_s, UTC),
        queue_s=dice.randrange(60), duration_s=int(dice.expovariate(0.01)), total_tokens=dice.choice([None, *range(9000)]),
        cost=dice.random() * 2, step_count=dice.randrange(600), tool_call_count=dice.randrange(2),
        error_code="oops" if status == "failed" else "",
    )  # fmt: skip


def statements() -> Iterator[tuple[str, str]]:
    """(what was asked, SQL) of everything that lists, counts, facets and suggestions run."""
    for text in FILTERS:
        reset_queries()  # Django keeps the last 9,000
        for sort, column in SORTS.items():
            place = f"after.{(BEGAN_S + COUNT // 2) << 30}" + ("" if column == "id" else ".5")
            for cursor in ("", place):
                with CaptureQueriesContext(connection) as caught:
                    order = RunOrder(sort, cursor == "")
                    run_list_page(
                        parsed(text), order=order, rows=Run.objects.all(), limit=50, cursor=cursor, budget=BUDGET
                    )
                yield from ((f"{text!r} by {sort}", one["sql"]) for one in caught.captured_queries)
        with CaptureQueriesContext(connection) as caught:
            ids_of(parsed(text), count=100, above=BEGAN_S << 30)
            facets_of(parsed(text))
            totals_of(parsed(text), is_exact=True)
        yield from ((f"{text!r} counted", one["sql"]) for one in caught.captured_queries)
    with CaptureQueriesContext(connection) as caught:
        ListedRuns().in_bulk(list(Run.objects.values_list("pk", flat=True)[:50]))
    yield from (("rows of a list", one["sql"]) for one in caught.captured_queries[1:])
    for typed in TYPED:
        for chosen in (None, Connection.objects.get()):
            with CaptureQueriesContext(connection) as caught:
                suggestions(typed, RUNS, chosen)
            yield from ((f"{typed!r} suggested", one["sql"]) for one in caught.captured_queries)


def test_no_statement_reads_or_sorts_all_runs() -> None:
    faults, seen = [], set()
    for asked, sql in statements():
        shape = re.sub(r"\d+|'[^']*'", "?", sql)
        if shape in seen or not sql.startswith(("SELECT", "WITH")):
            continue
        seen.add(shape)
        faults += [f"{asked}: {fault}\n  {sql}" for fault in faults_of(sql)]
    assert len(seen) > 100
    assert not faults, "\n".join(faults[:20])


@pytest.mark.skipif(not IS_POSTGRESQL, reason="SQLite counts them quickly")
def test_words_that_many_runs_have_are_not_counted() -> None:
    with CaptureQueriesContext(connection) as caught:
        order = RunOrder("last_run_at")
        run_list_page(parsed("common", THREADS), order=order, rows=Thread.objects.all(), limit=50)
    assert not [one["sql"] for one in caught.captured_queries if "COUNT(*)" in one["sql"] and "runtext" in one["sql"]]


@pytest.mark.skipif(not IS_POSTGRESQL, reason="SQLite has no estimate to ask for")
def test_last_runs_that_most_threads_have_are_not_counted() -> None:
    with CaptureQueriesContext(connection) as caught:
        order = RunOrder("last_run_at")
        page = run_list_page(parsed("status:completed", THREADS), order=order, rows=Thread.objects.all(), limit=50)
    assert not page.is_partial
    assert not [one["sql"] for one in caught.captured_queries if "COUNT(*)" in one["sql"]]


@pytest.mark.skipif(not IS_POSTGRESQL, reason="SQLite reads conditions in the order given")
def test_words_are_looked_for_only_where_the_last_run_is_meant() -> None:
    with connection.cursor() as cursor:
        newest = "(SELECT MAX(r.id) FROM index_run r WHERE r.thread_id = index_thread.id)"
        cursor.execute(f"UPDATE index_thread SET last_run_id = {newest}")
    with CaptureQueriesContext(connection) as caught:
        text, order = "assistant:a1 common", RunOrder("last_run_at")
        run_list_page(parsed(text, THREADS), order=order, rows=Thread.objects.all(), limit=50, budget=BUDGET)
    walk = next(one["sql"] for one in caught.captured_queries if "strpos" in one["sql"])
    nodes = list(nodes_of(analyzed(walk)))
    looked_into = sum(one["Actual Loops"] for one in nodes if one.get("Relation Name") == "index_runtext")
    last_runs = max(one["Actual Loops"] for one in nodes if one.get("Relation Name") == "index_run")
    assert 0 < looked_into * 5 < last_runs
    assert [one["Alias"] for one in nodes if one.get("Relation Name") == "index_thread"] == ["d"]


def analyzed(sql: str) -> dict:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql.replace("%", "%%"), ())
        plan = cursor.fetchone()[0]
    return (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]


def nodes_of(node: dict) -> Iterator[dict]:
    yield node
    for one in node.get("Plans", []):
        yield from nodes_of(one)


@pytest.mark.skipif(not IS_POSTGRESQL, reason="settings of PostgreSQL")
def test_no_workers_are_started_for_a_list() -> None:
    def settings() -> list[str]:
        return [fetched(Sql("SELECT current_setting(%s)", (name,)))[0][0] for name in FOR_INDEXES]

    before = settings()
    with stopped_after(5):
        assert settings() == list(FOR_INDEXES.values())
    assert settings() == before


def test_a_worker_finds_its_runs_by_index() -> None:
    Run.objects.filter(pk__gt=Run.objects.order_by("pk")[20].pk).update(has_all_steps=True, archived_at=timezone.now())
    prod, now = Connection.objects.get(), timezone.now()
    with CaptureQueriesContext(connection) as queries:
        assert due.unarchived_runs(prod, now=now, most=8)
        due.undetailed_runs(prod, now=now, most=8)
        archive.runs_to_archive(prod, before=None, most=200)
    faults = [f"{fault}\n  {one['sql']}" for one in queries.captured_queries for fault in faults_of(one["sql"])]
    assert not faults, "\n".join(faults)


def faults_of(sql: str) -> list[str]:
    if 'FROM "index_assistant"' in sql:
        return []  # a row an assistant: it is read whole for a part of a name
    return postgresql_faults(sql) if IS_POSTGRESQL else sqlite_faults(sql)


def sqlite_faults(sql: str) -> list[str]:
    """Within one SELECT: a walk that no index orders, no LIMIT ends or a sort follows."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"), ())
        lines = [(parent, detail) for _, parent, _, detail in cursor.fetchall()]
    faults, has_end = [], " LIMIT " in sql and not sql.startswith("WITH")  # which ends the outer one alone
    for level in {parent for parent, _ in lines}:
        details = [detail for parent, detail in lines if parent == level]
        is_cut = any(re.match("(CO-ROUTINE|MATERIALIZE) [a-z]", detail) for detail in details)
        walks = [one for one in details if one.startswith("SCAN ") and not BOUNDED.match(one)]
        sorts = [one for one in details if "TEMP B-TREE FOR ORDER BY" in one]
        reads = walks or [one for one in details if one.startswith("SEARCH ")]
        if reads and not is_cut and "ORDER BY +d." not in sql:  # the plus marks ranges counted to be short
            faults += sorts
        faults += [one for one in walks if not is_cut and not has_end]
        faults += [one for one in details if one.startswith("SEARCH ") and not INDEXED.search(one)]
    return faults


def postgresql_faults(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql.replace("%", "%%"), ())
        plan = cursor.fetchone()[0]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return list(faulty_nodes(plan[0]["Plan"]))


def faulty_nodes(node: dict) -> Iterator[str]:
    """Walks over a large table, and sorts of more than what is gathered at most."""
    kind, inside = node["Node Type"], node.get("Plans", [])
    if kind == "Seq Scan" and node["Relation Name"] in LARGE:
        yield f"{kind} on {node['Relation Name']}"
    if kind == "Sort" and inside[0]["Plan Rows"] > TimeBudget().gathered + 1:
        yield f"Sort of {inside[0]['Plan Rows']} rows by {node['Sort Key']}"
    for one in inside:
        yield from faulty_nodes(one)
