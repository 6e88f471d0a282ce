"""What holds teams: every table has a rule, every statement is narrowed, and nobody acts on what they do not see."""

import re
from collections.abc import Callable

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from runsdash import row_access
from runsdash.accounts.models import ApiToken, Team
from runsdash.accounts.teams import hidden_from_name
from runsdash.accounts.tokens import new_token
from runsdash.actions.batch.models import BatchItem, BatchJob
from runsdash.actions.batch.working import work_some
from runsdash.audit.chain import check_chain
from runsdash.audit.models import AuditEntry
from runsdash.index.models import Connection, Run, RunTool, SavedView
from runsdash.index.storage.sealed_keys import seal
from runsdash.notify.conditions import look_at_rules
from runsdash.notify.events import find_events
from runsdash.notify.models import Delivery, Rule
from runsdash.row_access_rules import FREE, SEEN
from tests.accounts.worlds import person
from tests.dashboard.conftest import still
from tests.pages import page_of, parsed
from tests.queries import at_most
from tests.rows import made_connection, made_run
from tests.test_docs import routes
from tests.upstream import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two() -> tuple[Connection, Connection]:
    """Two connections, each of a team of one operator, `ann` and `bob`."""
    found = made_connection("mine"), made_connection("theirs")
    for name, connection in zip(("ann", "bob"), found, strict=True):
        team = Team.objects.create(name=f"of {name}")
        team.members.add(person(name, "operator").user)
        team.connections.add(connection)
    return found


# Statements


def test_every_table_has_a_rule() -> None:
    tables = set(database.introspection.table_names())
    assert tables - {*SEEN, *FREE} == set(), "Say in row_access_rules.py who sees the rows of these."
    beside = {name for name in {*SEEN, *FREE} - tables if not name.startswith("index_runtext_")}
    assert beside == set()


@pytest.mark.parametrize("table", SEEN)
def test_a_rule_can_be_asked_of_its_table(table: str) -> None:
    if table not in database.introspection.table_names():
        pytest.skip("of the other engine")
    with row_access.hiding((1, 2)), database.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 1")
        cursor.execute(f"SELECT COUNT(*) FROM {table} x CROSS JOIN index_run")


def test_statements_of_every_form_are_narrowed(two: tuple[Connection, Connection]) -> None:
    runs = [made_run(one, model=f"model of {one.slug}") for one in two]
    forms = [
        "SELECT id FROM index_run",
        'SELECT "index_run"."id" FROM "index_run" ORDER BY 1',
        "SELECT r.id FROM index_connection c JOIN index_run r ON r.connection_id = c.id",
        "SELECT v.id FROM (SELECT id FROM index_run UNION ALL SELECT id FROM index_run) v GROUP BY 1",
        "WITH found AS (SELECT id FROM index_run) SELECT id FROM found",
        "WITH RECURSIVE v(id) AS (SELECT MIN(id) FROM index_run UNION SELECT (SELECT MIN(r.id) FROM index_run r"
        " WHERE r.id > v.id) FROM v WHERE v.id IS NOT NULL) SELECT id FROM v WHERE id IS NOT NULL",
    ]
    for mine, other in ((0, 1), (1, 0)):
        with row_access.hiding((two[other].pk,)):
            for form in forms:
                with database.cursor() as cursor:
                    cursor.execute(form)
                    assert cursor.fetchall() == [(runs[mine].pk,)], form
            assert list(Run.objects.values_list("pk", flat=True)) == [runs[mine].pk]
            assert not RunTool.objects.filter(run=runs[other]).exists()
    assert Run.objects.count() == 2


def test_rows_that_are_locked_are_narrowed_too(two: tuple[Connection, Connection]) -> None:
    """PostgreSQL takes no lock through a WITH clause."""
    rows = 'SELECT "index_run"."id" FROM "index_run" INNER JOIN "index_thread" ON (x) WHERE y FOR UPDATE OF "index_run"'
    text = row_access.narrowed(rows, (two[0].pk,), "public")
    assert re.findall(r'FROM public\.(\w+) x WHERE \+x\.connection_id NOT IN \(\d+\)\) "(\w+)"', text) == [
        ("index_run", "index_run"),
        ("index_thread", "index_thread"),
    ]
    run = made_run(two[1])
    for hidden, found in ((two[0].pk, [run.pk]), (two[1].pk, [])):
        with row_access.hiding((hidden,)), transaction.atomic():
            rows = Run.objects.select_for_update(of=("self",)).select_related("thread")
            assert [one.pk for one in rows] == found


def test_what_is_kept_is_kept_by_what_is_seen() -> None:
    keys = set()
    for hidden in ((), (1,), (2,), (1, 2)):
        with row_access.hiding(hidden):
            keys.add(row_access.cache_key("x", "", 1))
    assert len(keys) == 4
    assert row_access.cache_key("x", "", 1) == ":1:x"


def test_who_sees_all_pays_nothing(two: tuple[Connection, Connection]) -> None:
    ann, boss = person("ann", "operator"), person("boss", "admin")
    for client in (boss, ann):
        client.get("/needs-action/")
    row_access.narrowed.cache_clear()
    with at_most(10) as of_boss:
        boss.get("/needs-action/")
    assert row_access.narrowed.cache_info().misses == 0
    with at_most(len(of_boss)):  # not even who does not
        ann.get("/needs-action/")
    assert row_access.narrowed.cache_info().misses > 0


# The trail


def test_entries_follow_those_that_their_writer_does_not_see(two: tuple[Connection, Connection]) -> None:
    runs = [made_run(one) for one in two]
    for name, run in (("ann", runs[0]), ("bob", runs[1]), ("ann", runs[0])):
        path = f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/labels/"
        assert person(name, "operator").post(path, {"label": "seen"}).status_code in (200, 302)
    assert check_chain().broken == ""
    assert AuditEntry.objects.count() == 6
    assert len(page_of(person("ann", "operator").get("/audit/")).all("tr", data_audit_id=True)) == 2


# Acting


ROUTES = sorted(routes(get_resolver().url_patterns))


@pytest.mark.long
def test_nobody_acts_on_a_run_that_they_do_not_see(
    connection: Connection, upstream: Sandbox, start: Callable[..., dict]
) -> None:
    """Another team's run is, to the letter, one that does not exist: 404, and its server hears nothing."""
    run = start("/tool", until="requires_action")
    run_address = f"/threads/{run['thread_id']}/runs/{run['id']}/"
    assert person("bob", "operator").get(run_address).status_code == 200
    with Sandbox() as own:
        mine = made_connection("mine", base_url=own.base_url, kind="sandbox", sealed_key=seal(own.api_key))
        for name, one in (("ann", mine), ("bob", connection)):
            team = Team.objects.create(name=name)
            team.members.add(person(name, "operator").user)
            team.connections.add(one)
        row = Run.objects.get(upstream_id=run["id"])
        still()
        upstream.clear_requests()
        ann, before = person("ann", "operator"), all_rows()
        known = {"thread_id": run["thread_id"], "run_id": run["id"], "slug": connection.slug}
        statuses = posted(ann, known)
        assert statuses == posted(ann, {"thread_id": "thread_nobodys", "run_id": "run_nobodys", "slug": "nobodys"})
        assert sum(status == 404 for status in statuses.values()) >= 20
        assert set(statuses.values()) <= {401, 403, 404, 405, 422}
        chosen = {"run": row.pk, "operation": "cancel", "token": "t2"}
        assert ann.post("/bulk/new/", chosen).status_code == 422
        assert upstream.requests() == []
        assert all_rows() == before


def posted(client: Client, known: dict[str, str]) -> dict[str, int]:
    """Posts to every address of a run, thread or connection; returns the statuses by route."""
    fields = {"output:call": "x", "confirm": known["thread_id"], "label": "x", "text": "x", "token": "t"}
    statuses = {}
    for route in ROUTES:
        if "<run_id>" in route or "<slug>" in route or ("<thread_id>" in route and "add/" not in route):
            path = re.sub(r"<(\w+)>", lambda name: known.get(name[1], "999999"), route)
            for where, query in (("", ""), (" by name", f"?connection={known['slug']}")):
                statuses[route + where] = client.post(path + query, fields).status_code
    return statuses


def all_rows() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in (Run, BatchItem, Rule, RunTool)}


def test_a_batch_acts_on_what_its_maker_still_sees(two: tuple[Connection, Connection], settings, tmp_path) -> None:
    settings.FILES_DIR = str(tmp_path)
    ann, runs = person("ann", "operator").user, [made_run(one) for one in two]
    tag = {"operation": "tag", "parameters": {"key": "a", "value": "b"}}
    jobs = [
        BatchJob.objects.create(actor=ann, created_by="ann", total=2, token=str(number), **columns)
        for number, columns in enumerate((tag, {"operation": "export"}))
    ]
    for job in jobs:
        BatchItem.objects.bulk_create([BatchItem(job=job, run=run) for run in runs])
    work_some()
    item = BatchItem.objects.get(job=jobs[0], run=runs[1])
    assert (item.state, item.message) == ("refused", "ann does not see the run's connection any more.")
    written = (tmp_path / f"runs-{jobs[1].pk}.jsonl").read_text()
    assert runs[0].upstream_id in written
    assert runs[1].upstream_id not in written
    assert person("ann", "operator").get(f"/bulk/{jobs[1].pk}/download/").status_code == 404


def test_a_rule_tells_of_what_its_owner_sees(two: tuple[Connection, Connection]) -> None:
    for name in ("ann", "bob"):
        Rule.objects.create(name=name, event="failure", emails="a@example.org", created_by=name)
        counts = {"event": "run_count", "threshold": 1, "period_s": 3600, "check_at": timezone.now()}
        Rule.objects.create(name=f"{name} counts", emails="a@example.org", created_by=name, **counts)
    mine, other = (made_run(one, status="failed") for one in two)
    more = made_run(two[1], status="failed")
    find_events()
    told = {name: set() for name in ("ann", "bob")}
    for one in Delivery.objects.select_related("rule"):
        told[one.rule.created_by].add(one.body["run_id"])
    assert told == {"ann": {mine.upstream_id}, "bob": {other.upstream_id, more.upstream_id}}
    look_at_rules()
    counted = dict(Rule.objects.filter(event="run_count").values_list("created_by", "counted"))
    assert counted == {"ann": 1, "bob": 2}
    assert hidden_from_name("gone") == tuple(sorted(one.pk for one in two))


def test_a_view_that_an_unseen_rule_watches_stays(two: tuple[Connection, Connection]) -> None:
    ann = person("ann", "operator")
    view = SavedView.objects.create(owner=ann.user, name="mine", is_shared=True)
    person("boss", "admin")
    Rule.objects.create(name="boss's", event="run_count", view=view, emails="a@example.org", created_by="boss")
    assert ann.post(f"/runs/views/{view.pk}/delete/").status_code == 302
    assert SavedView.objects.filter(pk=view.pk).exists()


# Scripts


def test_a_token_does_what_its_owner_may(two: tuple[Connection, Connection]) -> None:
    runs = [made_run(one) for one in two]
    token, secret = new_token(name="t", scopes=["export", "ingest"], user=person("ann", "operator").user, days=1)
    token.save()
    script = Client(headers={"Authorization": f"Bearer {secret}"})
    for path in ("/runs/export.csv", "/runs/export.jsonl", "/runs/export.csv?q=run:" + runs[1].upstream_id):
        answer = b"".join(script.get(path).streaming_content).decode()
        assert (runs[0].upstream_id in answer) == ("q=" not in path)
        assert runs[1].upstream_id not in answer
    assert script.get("/runs/export.csv?connection=theirs").status_code == 404
    sent = {"data": "{}", "content_type": "application/json"}
    assert script.post("/ingest/theirs/", **sent).status_code == 404
    assert script.post("/ingest/mine/", **sent).status_code == 422
    ApiToken.objects.update(user=None)
    assert runs[1].upstream_id in b"".join(script.get("/runs/export.csv").streaming_content).decode()
    assert row_access.hidden() == ()


# What people write for a function


def test_what_another_team_keeps_for_a_function_stays_theirs(two: tuple[Connection, Connection]) -> None:
    ann, bob = person("ann", "operator"), person("bob", "operator")
    assert bob.post("/functions/get_stock/", {"schema": '{"type": "string"}'}).status_code == 302
    assert bob.post("/functions/get_stock/templates/", {"name": "usual", "text": "7"}).status_code == 302
    assert "usual" not in page_of(ann.get("/functions/get_stock/")).one("main").text
    for more, posted in (
        ("", {"schema": '{"type": "object"}'}),
        ("", {"schema": ""}),
        ("templates/", {"name": "usual", "text": "8"}),
    ):
        answer = ann.post(f"/functions/get_stock/{more}", posted)
        assert answer.status_code == 422
        assert "another team" in parsed(answer).one("main").text
    assert "7" in page_of(bob.get("/functions/get_stock/")).one("main").text
