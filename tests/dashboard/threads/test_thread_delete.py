"""Deleting a thread upstream: archive first, typed confirmation, and pages that go on rendering."""

import pytest
from django.test import Client

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Run, Thread
from runsdash.sync.refresh import refresh_run, refresh_thread
from tests.pages import page_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def thread(connection, upstream, start) -> Thread:
    """A thread with one ended run, seen once."""
    run = start("/plot", until="completed")
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    upstream.clear_requests()
    return Thread.objects.get()


def path_of(thread: Thread, name: str = "delete") -> str:
    return f"/threads/{thread.upstream_id}/{name}/"


def deletions(upstream) -> list[dict]:
    return upstream.requests(method="DELETE")


def archive(operator: Client, thread: Thread) -> None:
    answer = operator.post(path_of(thread, "archive"), {"next": "delete"})
    assert (answer.status_code, answer["Location"]) == (302, path_of(thread))


def test_what_the_upstream_does_not_list_to_its_end_is_never_complete(connection, upstream, operator: Client) -> None:
    upstream.quirk(after_ignored=True)
    thread_id = upstream.post("/threads")["id"]
    for number in range(101):
        upstream.post(f"/threads/{thread_id}/messages", {"role": "user", "content": str(number)})
    thread = refresh_thread(connection, thread_id=thread_id)
    upstream.clear_requests()
    archive(operator, thread)
    assert len(upstream.requests(path="/messages")) <= 4
    panel = page_of(operator.get(path_of(thread))).one(id="delete-archive")
    assert panel["data-complete"] == "no"
    assert "lists do not tell whether this is all" in panel.text
    page = page_of(operator.get(f"/threads/{thread_id}/"))
    assert "lists do not tell whether this is all" in page.one("div", data_archive="partial").text


def test_archive_first_then_delete(connection, thread, upstream, operator: Client) -> None:
    form = page_of(operator.get(path_of(thread)))
    assert form.one(id="delete-archive")["data-complete"] == "no"
    assert form.one("form", id="delete-form").all("input", name="anyway")
    archive(operator, thread)
    form = page_of(operator.get(path_of(thread)))
    assert form.one(id="delete-archive")["data-complete"] == "yes"
    assert "1 of 1 run" in form.one(id="delete-archive").text
    assert "1 file" in form.one(id="delete-archive").text
    assert not form.all("input", name="anyway")

    token = form.one("form", id="delete-form").one("input", name="token")["value"]
    posted = {"confirm": thread.upstream_id, "reason": "closing down", "token": token}
    answer = operator.post(path_of(thread), posted)

    assert (answer.status_code, answer["Location"]) == (302, f"/threads/{thread.upstream_id}/")
    assert [one["path"] for one in deletions(upstream)] == [f"/v1/threads/{thread.upstream_id}"]
    assert upstream.refusal("GET", f"/threads/{thread.upstream_id}")[0] == 404
    thread.refresh_from_db()
    assert (thread.is_gone, thread.due_at) == (True, None)
    outcome = AuditEntry.objects.get(kind="outcome", action="delete_thread")
    assert (outcome.result, outcome.actor, outcome.reason) == ("done", "operator", "closing down")
    assert outcome.thread_id == thread.upstream_id
    page = page_of(operator.get(f"/threads/{thread.upstream_id}/"))
    assert len(page.one(id="conversation").all("article")) == 2
    assert not page.all(id="delete-thread")
    run = Run.objects.get()
    shown = page_of(operator.get(f"/threads/{thread.upstream_id}/runs/{run.upstream_id}/"))
    assert "operator deleted this thread upstream" in shown.one(id="gone").text

    for path in (f"/threads/{thread.upstream_id}/", f"/threads/{thread.upstream_id}/runs/{run.upstream_id}/"):
        refresh_run(connection, thread_id=thread.upstream_id, run_id=run.upstream_id, max_age_s=0)
        refresh_thread(connection, thread_id=thread.upstream_id, max_age_s=0)
        page = page_of(operator.get(path))
        assert page.one(id="trouble").text == ""
        assert "operator deleted this thread upstream" in page.one(id="gone").text
        assert "data-tone" not in page.one(id="gone").attributes

    again = operator.post(path_of(thread), posted)
    assert again.status_code == 302
    assert len(deletions(upstream)) == 1


@pytest.mark.parametrize("typed", ["", "thread_other", "yes"])
def test_the_id_has_to_be_typed(thread, upstream, operator: Client, typed: str) -> None:
    archive(operator, thread)
    page = page_of(operator.post(path_of(thread), {"confirm": typed, "reason": "why not"}), status=422)
    assert page.one("input", name="confirm")["value"] == typed
    assert page.one("input", name="reason")["value"] == "why not"
    assert page.one("form", id="delete-form").one(role="alert")
    assert deletions(upstream) == []


def test_an_incomplete_archive_refuses_until_nobody_minds(thread, upstream, operator: Client) -> None:
    page = page_of(operator.post(path_of(thread), {"confirm": thread.upstream_id}), status=422)
    assert "not complete" in page.one("form", id="delete-form").one(role="alert").text
    assert deletions(upstream) == []
    assert operator.post(path_of(thread), {"confirm": thread.upstream_id, "anyway": "yes"}).status_code == 302
    assert len(deletions(upstream)) == 1


def test_an_active_run_refuses_too(connection, upstream, start, operator: Client) -> None:
    run = start("/tool get_stock", until="requires_action")
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    thread = Thread.objects.get()
    operator.post(path_of(thread, "archive"))
    page = page_of(operator.post(path_of(thread), {"confirm": thread.upstream_id}), status=422)
    assert "still active" in page.one("form", id="delete-form").one(role="alert").text
    assert deletions(upstream) == []


def test_a_thread_that_was_gone_already(thread, upstream, operator: Client) -> None:
    archive(operator, thread)
    upstream.delete(f"/threads/{thread.upstream_id}")
    answer = operator.post(path_of(thread), {"confirm": thread.upstream_id})
    assert answer.status_code == 302
    thread.refresh_from_db()
    assert thread.is_gone
    assert AuditEntry.objects.get(kind="outcome", action="delete_thread").result == "refused"


def test_a_server_that_takes_it_and_deletes_nothing_is_told(thread, upstream, operator: Client) -> None:
    archive(operator, thread)
    upstream.quirk(writes_ignored=True)
    page = page_of(operator.post(path_of(thread), {"confirm": thread.upstream_id}, follow=True))
    assert "The server took the request and changed nothing: the thread is there." in page.one(id="toasts").text
    thread.refresh_from_db()
    assert not thread.is_gone
    entry = AuditEntry.objects.get(kind="outcome", action="delete_thread")
    assert (entry.result, entry.upstream_message) == ("unchanged", "The server took the request and changed nothing.")
    trail = page_of(operator.get("/audit/"))
    assert "Taken, nothing changed" in trail.one("tr", data_audit_id=str(entry.intent_id)).text
    upstream.delete(f"/threads/{thread.upstream_id}")  # by somebody else
    Thread.objects.update(is_gone=True)
    assert "deleted this thread" not in page_of(operator.get(f"/threads/{thread.upstream_id}/")).text


def test_no_answer_is_settled_by_reading(connection, thread, upstream, operator: Client) -> None:
    archive(operator, thread)
    upstream.fault(f"DELETE /threads/{thread.upstream_id}", "reset_after")
    page = page_of(operator.post(path_of(thread), {"confirm": thread.upstream_id}), status=504)
    assert "being checked" in page.one("form", id="delete-form").one(role="alert").text
    refresh_thread(connection, thread_id=thread.upstream_id, max_age_s=0)
    operator.get(f"/threads/{thread.upstream_id}/")
    results = AuditEntry.objects.filter(action="delete_thread", kind="outcome").order_by("id")
    assert [one.result for one in results] == ["unclear", "settled_done"]


def test_the_upstream_down_keeps_what_was_typed(thread, upstream, operator: Client) -> None:
    archive(operator, thread)
    upstream.fault("DELETE", "500", times=5)
    page = page_of(operator.post(path_of(thread), {"confirm": thread.upstream_id, "reason": "r"}), status=502)
    assert page.one("input", name="confirm")["value"] == thread.upstream_id
    assert len(deletions(upstream)) == 1
    thread.refresh_from_db()
    assert not thread.is_gone


def test_who_may_delete(thread, upstream, client: Client, viewer: Client, operator: Client, settings) -> None:
    for name in ("delete", "archive"):
        assert client.post(path_of(thread, name)).status_code == 302
        assert viewer.post(path_of(thread, name)).status_code == 403
    assert operator.put(path_of(thread)).status_code == 405
    assert operator.get(path_of(thread, "archive")).status_code == 405
    assert operator.get("/threads/thread_nowhere/delete/").status_code == 404
    settings.RUNSDASH_READ_ONLY = True
    posted = {"confirm": thread.upstream_id, "anyway": "yes"}
    assert operator.post(path_of(thread), posted).status_code == 403
    assert deletions(upstream) == []
