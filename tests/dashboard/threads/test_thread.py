"""The thread page: conversation, runs, who holds the lock, and what is left when the upstream forgot it."""

import pytest

from runsdash.index.models import Assistant, Connection, Message, Run, Thread
from tests.dashboard.conftest import path_of
from tests.pages import parsed
from tests.service.raw_server import RawServer, reply

pytestmark = pytest.mark.django_db(transaction=True)
LATER = "2999-01-01T00:00:00Z"


def open_thread(client, thread_id: str, more: str = "", *, tag: str = "", htmx: bool = False):
    headers = ({"HX-Request": "true"} if htmx else {}) | ({"HX-PTag": tag} if tag else {})
    return client.get(f"/threads/{thread_id}/{more}", headers=headers)


def test_conversation_and_who_wrote_what(connection, start, operator):
    run = start("hello", until="completed")
    page = parsed(open_thread(operator, run["thread_id"]))
    question, answer = page.one(id="conversation").all("li", class_="turn")
    assert "user" in question.classes
    assert answer.one("header").one("a")["href"] == path_of(run)
    assert answer.one("header").one("span", class_="status")["data-status"] == "completed"
    assert answer.one("article").one("div", class_="md").text


def test_messages_of_one_second_keep_their_order(connection, upstream, operator):
    said = [{"role": "user", "content": f"part {number}"} for number in range(5)]
    thread = upstream.post("/threads", {"messages": said})
    talk = parsed(open_thread(operator, thread["id"])).one(id="conversation")
    assert [one.text for one in talk.all("div", class_="md")] == [f"part {number}" for number in range(5)]


def test_runs_of_the_thread(connection, upstream, operator):
    first = upstream.seed()
    second = upstream.seed(thread_id=first["thread_id"], status="failed")
    rows = parsed(open_thread(operator, first["thread_id"])).one(id="thread-runs").all("li", data_run_id=True)
    assert {(row["data-run-id"], row["data-status"]) for row in rows} == {
        (first["run_id"], "completed"),
        (second["run_id"], "failed"),
    }


def test_a_run_of_the_thread_has_its_error_assistant_and_cost(connection, upstream, operator):
    seeded = upstream.seed(status="failed")
    open_thread(operator, seeded["thread_id"])
    run = Run.objects.get(upstream_id=seeded["run_id"])
    Run.objects.update(cost=0.0361, error_code="rate_limit_exceeded")
    row = parsed(open_thread(operator, seeded["thread_id"])).one(id="thread-runs").one("li", data_run_id=True)
    name = Assistant.objects.filter(upstream_id=run.assistant_id).exclude(name="").first()
    assert row.one("code")["title"] == "rate_limit_exceeded"
    assert (name.name if name else run.assistant_id[-4:]) in row.text
    assert row.one("span", data_cost=True).text == "$0.0361"


def test_a_free_thread_is_not_polled(connection, upstream, operator):
    page = parsed(open_thread(operator, upstream.seed()["thread_id"]))
    assert page.one(id="thread-lock").all() == []
    assert "hx-get" not in page.one(id="poll").attributes
    assert "hx-trigger" not in page.one(id="poll").attributes


def test_the_lock_names_its_run_and_how_to_free_it(connection, upstream, operator):
    run = upstream.seed(status="requires_action", steps=1)
    page = parsed(open_thread(operator, run["thread_id"]))
    lock = page.one(id="thread-lock")
    assert lock.one("section")["data-run-id"] == run["run_id"]
    assert lock.one(id="cancel-run")["href"] == path_of(run, "cancel/")
    assert lock.one("a", class_="primary")["href"] == path_of(run) + "#tool-outputs"
    expires = upstream.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}")["expires_at"]
    assert len(lock.all("time")) == 4
    assert lock.all("span", data_countdown=True)
    assert expires
    assert page.one(id="poll")["hx-trigger"].startswith("every 5s")


def test_a_viewer_cannot_act(connection, upstream, viewer):
    run = upstream.seed(status="requires_action", steps=1)
    page = parsed(open_thread(viewer, run["thread_id"]))
    assert page.all(id="cancel-run") == []
    assert page.one(id="thread-head").all("a") == []


def test_run_on_this_thread(connection, upstream, operator):
    thread_id = upstream.seed()["thread_id"]
    head = parsed(open_thread(operator, thread_id)).one(id="thread-head")
    assert head.one("a", class_="primary")["href"] == f"/threads/{thread_id}/runs/new/"


def test_polls_answer_304_until_something_changes(connection, upstream, operator):
    run = upstream.seed(status="in_progress")
    open_thread(operator, run["thread_id"])
    Thread.objects.update(checked_at=LATER)
    poll = parsed(open_thread(operator, run["thread_id"])).one(id="poll")
    assert open_thread(operator, run["thread_id"], "live/", htmx=True, tag=poll["hx-ptag"]).status_code == 304
    Run.objects.update(status="completed")
    answer = parsed(open_thread(operator, run["thread_id"], "live/", htmx=True, tag=poll["hx-ptag"]))
    assert answer.one(id="thread-lock").all() == []
    assert "hx-get" not in answer.one(id="poll").attributes


def test_long_conversations_are_paged(connection, upstream, operator):
    thread = upstream.post("/threads", {"messages": [{"role": "user", "content": "number 0"}]})
    open_thread(operator, thread["id"])
    row, message = Thread.objects.get(), Message.objects.get()
    for number in range(1, 60):
        Message.objects.create(
            id=message.id + number, connection=connection, upstream_id=f"msg_{number}", thread=row, role="user",
            created_at=message.created_at, position=message.position + number, fetched_at=message.fetched_at,
            parts=[{"type": "text", "text": {"text": f"number {number}", "size": 9}, "annotations": []}],
        )  # fmt: skip
    Thread.objects.update(checked_at=LATER)
    page = parsed(open_thread(operator, thread["id"])).one(id="conversation")
    texts = [one.text for one in page.all("div", class_="md")]
    assert texts == [f"number {number}" for number in range(10, 60)]
    older = page.one("li", class_="older").one("a")["href"]
    earlier = parsed(operator.get(older)).one(id="conversation")
    assert [one.text for one in earlier.all("div", class_="md")] == [f"number {number}" for number in range(10)]


def test_a_forgotten_thread_stays_readable(connection, start, upstream, operator):
    run = start("hello", until="completed")
    open_thread(operator, run["thread_id"])
    upstream.delete(f"/threads/{run['thread_id']}")
    Thread.objects.update(checked_at="2026-01-01T00:00:00Z")
    response = open_thread(operator, run["thread_id"])
    page = parsed(response)
    assert response.status_code == 200
    assert "X-RunsDash-Stale" in response
    assert "no longer knows" in page.one(id="trouble").text
    assert len(page.one(id="conversation").all("article")) == 2
    assert page.one(id="thread-head").all("a") == []


def test_unknown_thread_wrong_method_and_guards(connection, upstream, operator, client, nobody):
    assert open_thread(operator, "thread_nobody").status_code == 404
    thread_id = upstream.seed()["thread_id"]
    assert operator.post(f"/threads/{thread_id}/").status_code == 405
    assert client.get(f"/threads/{thread_id}/").status_code == 302
    assert nobody.get(f"/threads/{thread_id}/").status_code == 403


def test_upstream_down_without_a_copy_is_502(connection, upstream, operator):
    thread_id = upstream.seed()["thread_id"]
    upstream.fault(thread_id, "500", times=20)
    assert open_thread(operator, thread_id).status_code == 502


def test_the_answer_about_another_thread_is_said_as_such(connection, upstream, operator):
    thread_id = upstream.seed()["thread_id"]
    upstream.fault(f"/threads/{thread_id}$", "foreign", times=1)
    response = open_thread(operator, thread_id)
    assert response.status_code == 502
    assert "The server answered with another thread: its " in parsed(response).text
    open_thread(operator, thread_id)
    Thread.objects.update(checked_at=None)
    upstream.fault(f"/threads/{thread_id}$", "foreign", times=1)
    page = parsed(open_thread(operator, thread_id))
    assert "The server answered with another thread" in page.one(id="trouble").text
    assert list(Thread.objects.values_list("upstream_id", flat=True)) == [thread_id]


def test_a_thread_with_a_very_long_id_opens(connection, operator):
    long_id = "thread_" + "x" * 300
    with RawServer(reply({"id": long_id, "object": "thread", "data": []})) as server:
        Connection.objects.update(base_url=server.base_url)
        assert open_thread(operator, long_id).status_code == 200


def test_hostile_metadata_is_text(connection, upstream, operator):
    thread = upstream.post("/threads", {"metadata": {"<b>k": "<script>alert(1)</script>"}})
    page = parsed(open_thread(operator, thread["id"]))
    assert page.one("main").all("b") == []
    assert "<script>alert(1)</script>" in page.one(id="thread-facts").text
