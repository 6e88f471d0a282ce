"""What a server refuses is remembered with an age and a cause, and asked for again."""

import time
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.models import Connection, Run, Thread
from runsdash.index.models.connections import ASK_AGAIN_AFTER, LOOK_AGAIN_AFTER
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.sync.archiving import archive_thread
from runsdash.sync.refresh import refresh_run, refresh_thread
from runsdash.sync.worker import Worker
from tests.browser.paths import run_path
from tests.pages import page_of, run_ids

pytestmark = pytest.mark.django_db(transaction=True)


def listings(upstream) -> list[dict]:
    return [one for one in upstream.requests(method="GET") if one["path"].endswith("/threads")]


def ended(upstream) -> dict:
    """A run that ended long enough ago for its steps to be the last word."""
    made = upstream.seed(steps=3)
    time.sleep(2.1)
    return made


def work(*, seconds: float = 2) -> None:
    Connection.objects.update(threads_listed_at=None, budget_per_min=0, failures=0, rests_until=None)
    Worker().run_until_idle(seconds=seconds)


def test_steps_that_were_refused_once_are_asked_for_again(connection, upstream):
    upstream.quirk(no_thread_list=True, no_steps=True)
    made = ended(upstream)
    ensure_threads(connection, [made["thread_id"]])
    work()
    row = Connection.objects.get()
    assert (row.can_list_steps, row.lacks_steps) == (False, True)
    assert (row.steps_refusal["status"], "not implemented" in row.steps_refusal["message"]) == (501, True)
    archived_at = timezone.now()
    Run.objects.update(archived_at=archived_at)  # there was nothing more to be had
    upstream.quirk(no_steps=False)
    upstream.clear_requests()
    work()
    assert upstream.requests(path="/steps") == []

    Connection.objects.update(steps_refused_at=timezone.now() - LOOK_AGAIN_AFTER)
    work()

    run, row = Run.objects.get(), Connection.objects.get()
    assert (run.step_count, run.has_all_steps) == (3, True)
    assert run.archived_at != archived_at
    assert (row.can_list_steps, row.lacks_steps, row.steps_refusal) == (True, False, None)


def test_a_501_of_the_moment_says_nothing_about_the_server(connection, upstream):
    upstream.quirk(no_thread_list=True)
    made = ended(upstream)
    ensure_threads(connection, [made["thread_id"]])
    upstream.fault("/steps", "501", times=1)
    work()
    assert Connection.objects.get().can_list_steps is not False
    Run.objects.update(checked_at=timezone.now() - timedelta(hours=2))
    work()
    assert Run.objects.get().step_count == 3


@pytest.mark.long
def test_an_expired_token_does_not_end_discovery(connection, upstream):
    made = upstream.seed(steps=1)
    upstream.fault("GET /threads$", "401", times=1)
    work()
    row = Connection.objects.get()
    assert (row.can_list_threads, row.lacks_threads) == (None, True)
    assert (row.last_failure["status"], row.threads_refusal["status"]) == (401, 401)
    upstream.clear_requests()
    work(seconds=1)
    assert listings(upstream) == []

    Connection.objects.update(threads_refused_at=timezone.now() - ASK_AGAIN_AFTER)
    Worker(unlimited=True).run_until_idle(seconds=20)

    row = Connection.objects.get()
    assert (row.can_list_threads, row.threads_refused_at, row.threads_refusal) == (True, None, None)
    assert Run.objects.filter(upstream_id=made["run_id"]).exists()


@pytest.mark.long
def test_the_page_tells_of_a_refusal_and_its_test_forgets_it(connection, upstream, admin: Client):
    upstream.quirk(no_steps=True)
    upstream.fault("GET /threads$", "401", times=1)
    made = upstream.seed(steps=1)
    ensure_threads(connection, [made["thread_id"]])
    work()
    row = page_of(admin.get("/connections/")).one("tr", data_connection="sandbox")
    assert "401 Incorrect API key provided" in row.one("span", data_refused="threads").text
    assert "501 Run steps are not implemented" in row.one("span", data_refused="steps").text

    assert admin.post("/connections/sandbox/test/").status_code == 302

    known = Connection.objects.get()
    assert (known.can_list_steps, known.lacks_steps, known.lacks_threads) == (None, False, False)
    row = page_of(admin.get("/connections/")).one("tr", data_connection="sandbox")
    assert row.all("span", data_refused=True) == []
    upstream.clear_quirks()
    upstream.clear_requests()
    Worker(unlimited=True).run_until_idle(seconds=20)
    assert listings(upstream)
    assert Run.objects.get(upstream_id=made["run_id"]).step_count == 1


@pytest.mark.parametrize("by", ["worker", *(pytest.param(by, marks=pytest.mark.long) for by in ("page", "archive"))])
def test_a_server_without_a_list_of_runs_is_said_and_its_runs_are_found_by_messages(
    by, connection, upstream, admin: Client
):
    upstream.quirk(no_thread_list=True, no_run_list=True)
    made = upstream.seed()
    more = upstream.seed(thread_id=made["thread_id"])
    unknown = upstream.seed(thread_id=made["thread_id"])["run_id"]
    upstream.fault(f"GET /runs/{unknown}$", "404", times=None)
    (thread,) = ensure_threads(connection, [made["thread_id"]]).values()
    if by == "worker":
        work(seconds=4)
    elif by == "archive":
        archive_thread(thread, within_s=5)
    page = page_of(admin.get(f"/threads/{made['thread_id']}/"))
    found = set(run_ids(page.one(id="thread-runs")))
    assert found == {made["run_id"], more["run_id"]}
    said = page.one(id="thread-runs").one("p", data_refused="runs").text
    assert "This server does not list runs" in said
    assert "405 Not allowed to GET" in said
    assert page.one(id="thread-facts").all(data_archive="complete") == []
    assert not Thread.objects.get().is_gone
    assert len(upstream.requests(path=f"{made['thread_id']}/runs")) < 12
    upstream.clear_requests()
    admin.get(f"/threads/{made['thread_id']}/")
    work(seconds=0.5)
    assert [one for one in upstream.requests(method="GET") if one["path"].endswith("/runs")] == []
    assert upstream.requests(path=unknown) == []

    upstream.clear_quirks()
    admin.post("/connections/sandbox/test/")
    Thread.objects.update(due_at=timezone.now(), checked_at=None)
    work()
    assert Run.objects.filter(upstream_id=unknown).exists()
    row = Connection.objects.get()
    assert (row.can_list_runs, row.runs_refused_at, row.lacks_runs) == (True, None, False)


GONE_LISTS = [("/runs$", False), ("/runs$", True), ("/messages", True), ("/steps", False)]


@pytest.mark.parametrize(("path", "is_later"), GONE_LISTS)
def test_a_list_that_is_not_found_says_nothing_about_its_owner(path, is_later, connection, upstream, admin: Client):
    """The thread is there, and its run. `is_later`: the list was there at the first look."""
    upstream.quirk(no_thread_list=True)
    made = upstream.seed(steps=3)
    ids = {"thread_id": made["thread_id"], "run_id": made["run_id"]}
    refresh_run(connection, **ids)
    if is_later:
        refresh_thread(connection, thread_id=ids["thread_id"])
    upstream.fault(f"GET {path}", "404", times=None)
    Thread.objects.update(due_at=timezone.now(), checked_at=None, has_all_messages=False, messages_cursor="")
    Run.objects.update(checked_at=timezone.now() - timedelta(hours=2), has_all_steps=False, steps_checked_at=None)
    work(seconds=1)
    refresh_thread(connection, thread_id=ids["thread_id"], max_age_s=0)
    refresh_run(connection, **ids, max_age_s=0)
    said = [page_of(admin.get(url)).one(id="trouble").text for url in (f"/threads/{ids['thread_id']}/", run_path(made))]
    thread, run = Thread.objects.get(), Run.objects.get()
    assert (thread.is_gone, run.is_gone, Run.objects.filter(run_states.gone()).count()) == (False, False, 0)
    assert thread.due_at is not None
    assert "does not know a part of this" in said[0] + said[1]
    assert "no longer knows" not in said[0] + said[1]


def test_a_thread_whose_list_of_runs_is_gone_is_asked_for_itself(connection, upstream):
    upstream.quirk(no_thread_list=True)
    made = upstream.seed(steps=1)
    refresh_thread(connection, thread_id=made["thread_id"])
    Thread.objects.update(due_at=timezone.now())
    upstream.delete(f"/threads/{made['thread_id']}")
    for _ in range(2):  # the first asks for runs alone
        Thread.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
        work(seconds=1)
    assert list(Thread.objects.values_list("is_gone", "due_at")) == [(True, None)]
