"""Purging a thread: no row of it stays, it is not fetched again, and the record holds none of its content."""

from collections.abc import Iterator
from threading import Event

import pytest
from django.apps import apps
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from runsdash.actions.outputs.outputs import Draft, SentOutput
from runsdash.audit.models import AuditEntry
from runsdash.index.keeping.purge import left_of_purged, purge_some, shut_out
from runsdash.index.models import (
    ArchivedFile,
    Connection,
    DirtyHour,
    Job,
    Message,
    PurgedThread,
    Run,
    RunStep,
    RunText,
    StepBody,
    Thread,
    ThreadMetadata,
)
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.notify.models import Delivery, Rule
from runsdash.sync.archiving import archive_thread
from runsdash.sync.jobs import thread_jobs  # noqa: F401  registers the kind
from runsdash.sync.jobs.jobs import add_job, claim_job, work_on
from runsdash.sync.refresh import refresh_run
from runsdash.sync.retention import purge_left_overs
from runsdash.sync.worker import Worker
from runsdash.sync.worker_reads import look_at_thread, read_run, watch_run
from tests.pages import page_of
from tests.upstream import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "INV-2026-11873"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One of this module's own: a worker here follows every thread the upstream lists, so let them be few."""
    with Sandbox() as server:
        yield server


@pytest.fixture
def other(connection, start) -> None:
    """A thread that stays. Asked for before the one that goes."""
    run = start(f"{SECRET} other", until="completed")
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])


@pytest.fixture
def thread(connection, upstream, start) -> Thread:
    """A thread whose run has an image, a search and words, all archived."""
    run = start(f"{SECRET} /plot /search parcel", until="completed")
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    row = Thread.objects.get(upstream_id=run["thread_id"])
    archive_thread(row, within_s=10)
    DirtyHour.objects.all().delete()
    upstream.clear_requests()
    return Thread.objects.get(pk=row.pk)


def path_of(thread: Thread) -> str:
    return f"/threads/{thread.upstream_id}/purge/"


def purge(admin: Client, thread: Thread) -> None:
    answer = admin.post(path_of(thread), {"confirm": thread.upstream_id, "reason": "asked to forget"})
    assert (answer.status_code, answer["Location"]) == (302, "/threads/")


def columns() -> Iterator[tuple[str, str]]:
    """Every column of every table of ours but the trail."""
    for model in apps.get_models():
        if model._meta.app_label in {"index", "actions", "notify", "sync", "accounts", "bulk"}:
            yield from ((model._meta.db_table, field.column) for field in model._meta.concrete_fields)


def tables_with(texts: list[str]) -> set[str]:
    found = set()
    with database.cursor() as cursor:
        for table, column in columns():
            quoted = database.ops.quote_name(column)
            for text in texts:
                cursor.execute(f"SELECT 1 FROM {table} WHERE CAST({quoted} AS TEXT) LIKE %s LIMIT 1", [f"%{text}%"])
                if cursor.fetchone():
                    found.add(table)
    return found


def ids_of(thread: Thread) -> list[str]:
    """Every upstream id that belongs to the thread."""
    ids = [thread.upstream_id]
    for model, mine in ((Run, {"thread": thread}), (RunStep, {"run__thread": thread}), (Message, {"thread": thread})):
        ids += model.objects.filter(**mine).values_list("upstream_id", flat=True)
    return ids + list(ArchivedFile.objects.filter(thread=thread).values_list("upstream_id", flat=True))


def leave_traces(thread: Thread, admin: Client) -> None:
    """What other rooms keep about a run."""
    run, now = Run.objects.get(thread=thread), timezone.now()
    common = {"connection": thread.connection, "run_upstream_id": run.upstream_id, "call_id": "call_1", "text": SECRET}
    Draft.objects.create(user=admin.user, saved_at=now, **common)
    SentOutput.objects.create(function_name="get_stock", sent_by="admin", sent_at=now, **common)
    rule = Rule.objects.create(name="all", event="failure", emails="a@example.org", created_by="admin")
    key = f"completed:{run.statuses_seen.latest('pk').pk}"
    Delivery.objects.create(
        rule=rule, channel="email", event_key=key, body={"run_id": run.upstream_id}, due_at=now, sent_at=now
    )


def test_no_row_of_it_stays(other, thread, admin: Client) -> None:
    leave_traces(thread, admin)
    ThreadMetadata.objects.create(thread=thread, key="customer", value=SECRET)
    ids, keys = ids_of(thread), list(Run.objects.filter(thread=thread).values_list("pk", flat=True))
    steps = list(RunStep.objects.filter(run_id__in=keys).values_list("pk", flat=True))
    assert tables_with(ids) >= {
        "index_thread", "index_run", "index_runstep", "index_message", "index_archivedfile",
        "actions_draft", "actions_sentoutput", "notify_delivery",
    }  # fmt: skip

    purge(admin, thread)

    assert not ThreadMetadata.objects.exists()
    # The id alone stays: to refuse it, and in the job that did it.
    assert tables_with(ids) == {"index_purgedthread", "index_job"}
    assert tables_with(ids[1:]) == set()
    assert Job.objects.get().state == "done"
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if field.related_model is Run:
                assert not model.objects.filter(**{f"{field.name}_id__in": keys}).exists(), model
            if field.related_model is RunStep:
                assert not model.objects.filter(**{f"{field.name}_id__in": steps}).exists(), model
    assert (Run.objects.count(), Message.objects.count()) == (1, 2)  # the other thread's
    assert set(DirtyHour.objects.values_list("connection_id", flat=True)) == {thread.connection_id}


def test_its_words_are_not_found(other, thread, admin: Client, viewer: Client) -> None:
    from runsdash.index.fulltext.writer import index_runs

    index_runs(Run.objects.values_list("pk", flat=True))
    assert RunText.objects.count() == 2
    purged = Run.objects.get(thread=thread).upstream_id
    assert purged in {row["data-run-id"] for row in listed(viewer)}
    purge(admin, thread)
    assert RunText.objects.count() == 1
    rows = listed(viewer)
    assert len(rows) == 1
    assert purged not in {row["data-run-id"] for row in rows}


def listed(viewer: Client) -> list:
    return page_of(viewer.get("/runs/", {"q": SECRET})).all("tr", data_run_id=True)


def test_the_record_holds_no_content(thread, admin: Client) -> None:
    purge(admin, thread)
    entries = AuditEntry.objects.filter(action="purge_thread")
    assert {(one.kind, one.actor, one.thread_id, one.reason) for one in entries} == {
        ("intent", "admin", thread.upstream_id, "asked to forget"),
        ("outcome", "admin", thread.upstream_id, "asked to forget"),
    }
    assert all(SECRET not in f"{one.before}{one.after}{one.sent}" for one in entries)


def test_a_purged_thread_is_not_fetched_again(connection, thread, upstream, admin: Client, operator: Client) -> None:
    run = Run.objects.get(thread=thread)
    purge(admin, thread)
    upstream.clear_requests()

    page = page_of(operator.get(f"/threads/{thread.upstream_id}/"), status=410)
    assert "purged" in page.one("h1").text
    assert operator.get(f"/threads/{thread.upstream_id}/runs/{run.upstream_id}/").status_code == 410
    assert operator.get(path_of(thread)).status_code == 403
    assert upstream.requests() == []
    Worker(unlimited=True).run_until_idle(seconds=20)  # the sandbox lists its threads
    assert upstream.requests(path=thread.upstream_id) == []
    assert not Thread.objects.filter(upstream_id=thread.upstream_id).exists()


def test_it_can_be_added_again(thread, upstream, admin: Client, operator: Client, viewer: Client) -> None:
    purge(admin, thread)
    assert (
        not page_of(viewer.get(f"/threads/{thread.upstream_id}/"), status=410).one("main").all("button", type="submit")
    )
    form = page_of(operator.get(f"/threads/{thread.upstream_id}/"), status=410).one("main").one("form")
    assert viewer.post(form["action"]).status_code == 403
    answer = operator.post(form["action"], {"connection": form.one("input", name="connection")["value"]}, follow=True)
    assert answer.status_code == 200
    assert not PurgedThread.objects.exists()
    assert Thread.objects.get(upstream_id=thread.upstream_id).messages.count() == 2


def test_pasting_the_id_adds_it_again(thread, admin: Client, operator: Client) -> None:
    purge(admin, thread)
    assert operator.post("/threads/add/", {"ids": thread.upstream_id}).status_code == 303
    assert operator.get(f"/threads/{thread.upstream_id}/").status_code == 200


def test_a_worker_finishes_what_takes_longer(thread, upstream) -> None:
    shut_out(thread)
    parameters = {"thread_id": thread.upstream_id}
    add_job("purge_thread", connection=thread.connection, created_by="ada", parameters=parameters, total=1)
    job = claim_job()
    work_on(job, stop=Event())
    job.refresh_from_db()
    assert (job.state, job.progress["done"], job.progress["total"]) == ("done", 1, 1)
    assert not Thread.objects.filter(pk=thread.pk).exists()


def test_what_an_answer_under_way_brings_back_is_swept(connection, thread, admin: Client) -> None:
    purge(admin, thread)
    ensure_threads(connection, [thread.upstream_id])
    assert [one.upstream_id for one in left_of_purged(connection, most=5)] == [thread.upstream_id]
    purge_left_overs()
    assert not Thread.objects.filter(upstream_id=thread.upstream_id).exists()


@pytest.mark.parametrize("of_run", [read_run, watch_run])
def test_answers_that_come_after_the_purge_are_dropped(thread, of_run) -> None:
    Connection.objects.update(budget_per_min=0)  # not held back
    run = Run.objects.select_related("thread", "connection").get(thread=thread)
    thread.connection.refresh_from_db()
    pending_reads = [of_run(run), look_at_thread(thread, is_whole=True)]
    assert all(pending.reads.wait(5) for pending in pending_reads)
    shut_out(thread)
    assert purge_some(thread, within_s=5)
    for pending in pending_reads:
        pending.store()
    assert not Thread.objects.filter(upstream_id=thread.upstream_id).exists()
    assert not Message.objects.filter(thread_id=thread.pk).exists()


def test_a_purge_goes_on_where_it_stopped(thread) -> None:
    while not purge_some(thread, within_s=-1):
        pass
    assert not StepBody.objects.filter(step__run__thread=thread).exists()
    assert not Thread.objects.filter(pk=thread.pk).exists()


def test_the_id_has_to_be_typed(thread, admin: Client) -> None:
    form = page_of(admin.get(path_of(thread)))
    assert "1 run" in form.one("form", id="purge-form").text
    page = page_of(admin.post(path_of(thread), {"confirm": "no", "reason": "r"}), status=422)
    assert page.one("input", name="reason")["value"] == "r"
    assert Thread.objects.filter(pk=thread.pk).exists()


def test_who_may_purge(thread, client: Client, viewer: Client, operator: Client, admin: Client, settings) -> None:
    assert client.get(path_of(thread)).status_code == 302
    for one in (viewer, operator):
        assert one.get(path_of(thread)).status_code == 403
        assert one.post(path_of(thread), {"confirm": thread.upstream_id}).status_code == 403
    assert admin.put(path_of(thread)).status_code == 405
    assert not page_of(operator.get(f"/threads/{thread.upstream_id}/")).all(id="purge-thread")
    assert page_of(admin.get(f"/threads/{thread.upstream_id}/")).one(id="purge-thread")
    settings.RUNSDASH_READ_ONLY = True
    assert admin.post(path_of(thread), {"confirm": thread.upstream_id}).status_code == 403
    assert Thread.objects.filter(pk=thread.pk).exists()
