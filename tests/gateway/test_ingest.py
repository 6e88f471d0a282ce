"""An application sends its runs in: by token, in every form of body, by the rule of age, refused by line."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection as database
from django.db import reset_queries
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI

from runsdash.accounts.tokens import new_token
from runsdash.gateway.ingest import BODY_BYTES_MAX
from runsdash.gateway.lines import OBJECTS_MAX
from runsdash.gateway.store import RUNS_A_TRANSACTION
from runsdash.index.models import Connection, Message, PurgedThread, Run, RunStep, Thread
from runsdash.index.models.runs import SENT_IN
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.service import objects
from tests.hostile_rows import message_objects, run_object, step_objects
from tests.pages import page_of
from tests.queries import at_most
from tests.rows import made_connection
from tests.served import served
from tests.test_mutated_objects import (
    SHARED,
    TAKING,
    as_received,
    mutate,
    mutations,
    numbers,
    objects_of,
    pages_hold,
    random_fields,
    randomised,
)

pytestmark = pytest.mark.django_db
PATH = "/ingest/shop/"
TEXTS = ["seven left"]


@pytest.fixture
def secret(db: None) -> str:
    token, secret = new_token(name="shop", scopes=["ingest"], user=None, days=None)
    token.save()
    return secret


@pytest.fixture
def shop(db: None) -> Connection:
    """A connection without a server."""
    return made_connection("shop", base_url="", is_enabled=False)


def send(secret: str, body: object, *, content_type: str = "application/json", path: str = PATH):
    body = body if isinstance(body, str | bytes) else json.dumps(body)
    return Client().post(path, body, content_type=content_type, headers={"Authorization": f"Bearer {secret}"})


def whole(name: str = "a", **fields: object) -> list[dict]:
    run = {**run_object(name, TEXTS, waits=False), **fields}
    return [run, *step_objects(name, TEXTS), *message_objects(name, TEXTS)]


def lines(values: list[dict]) -> str:
    return "\n".join(map(json.dumps, values)) + "\n"


def framed(values: list[dict]) -> str:
    events = [(f"{one['object']}.{one['status']}", json.dumps(one)) for one in values]
    return "".join(f"event: {name}\ndata: {data}\n\n" for name, data in events) + "event: done\ndata: [DONE]\n\n"


@pytest.mark.parametrize("is_parent_first", [True, False])
def test_a_run_that_a_call_started_is_nested_in_its_parent(shop, secret, viewer, is_parent_first):
    parent, child = run_object("parent", TEXTS, waits=False), run_object("child", TEXTS, waits=False)
    agent = {"run_id": child["id"], "thread_id": child["thread_id"], "name": "customs", "arguments": "{}"}
    step = {
        "id": "step_of_parent", "object": "thread.run.step", "run_id": parent["id"], "thread_id": parent["thread_id"],
        "type": "tool_calls", "status": "completed", "created_at": parent["created_at"], "step_details": {
            "type": "tool_calls",
            "tool_calls": [{"id": "call_agent", "type": "connected_agent", "connected_agent": agent}],
        },
    }  # fmt: skip
    bodies = [[parent, step], [child]]
    for values in bodies if is_parent_first else reversed(bodies):
        assert send(secret, lines(values)).json()["refusals"] == []
    timeline = page_of(viewer.get(f"/threads/{parent['thread_id']}/runs/{parent['id']}/")).one(id="timeline")
    row = timeline.one("tr", data_child_run_id=child["id"])
    assert row["data-status"] == child["status"]
    said = page_of(viewer.get(row.one("a")["href"])).one(data_parent_run=True)
    assert said.one("a")["href"] == f"/threads/{parent['thread_id']}/runs/{parent['id']}/"


BODIES = {
    "lines": lines,
    "array": json.dumps,
    "pretty": lambda values: json.dumps(values, indent=2),
    "list": lambda values: json.dumps({"object": "list", "data": values, "has_more": False}),
    "stream": framed,
}


@pytest.mark.parametrize("form", BODIES)
def test_a_run_comes_whole_in_every_form(shop, secret, viewer, form):
    values = whole()
    answer = send(secret, BODIES[form](values))
    assert (answer.status_code, answer.json()["refusals"]) == (200, [])
    assert answer.json()["taken"] == {
        "threads": 0, "runs": 1, "steps": RunStep.objects.count(), "messages": Message.objects.count()
    }  # fmt: skip
    run = Run.objects.get()
    assert run.step_count == len([one for one in values if one["object"] == "thread.run.step"])
    assert (run.is_settled, run.reply_digest) == (True, SENT_IN)
    page = page_of(viewer.get(f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/"))
    assert page.one(id="run-facts")
    assert send(secret, BODIES[form](values)).json() == answer.json()
    assert Run.objects.count() == 1


def test_one_object_may_stand_alone_over_several_lines(shop, secret):
    assert send(secret, json.dumps(whole()[0], indent=2)).json()["taken"]["runs"] == 1


def test_a_stream_of_deltas_is_put_together(shop, secret, upstream):
    run = {
        "id": "run_d",
        "object": "thread.run",
        "thread_id": "thread_d",
        "status": "in_progress",
        "created_at": 1_795_000_000,
    }
    deltas = [
        {"id": "msg_d", "delta": {"content": [{"index": 0, "type": "text", "text": {"value": one}}]}}
        for one in ("7 ", "left")
    ]
    body = f"data: {json.dumps({'event': 'thread.run.in_progress', 'data': run})}\r\n\r\n"
    body += "".join(f"event: thread.message.delta\ndata: {json.dumps(one)}\n\n" for one in deltas)
    answer = send(secret, body, content_type="text/event-stream")
    assert answer.json()["taken"] == {"threads": 0, "runs": 1, "steps": 0, "messages": 1}
    message = Message.objects.get()
    assert (message.thread.upstream_id, message.run_upstream_id) == ("thread_d", "run_d")
    assert "7 left" in str(message.parts)


def test_an_age_is_what_the_sender_says_but_never_the_future(shop, secret):
    sent_at = timezone.now()
    run = whole()[0]
    send(secret, {**run, "_fetched_at": (sent_at + timedelta(days=2)).isoformat()})
    row = Run.objects.get()
    assert sent_at <= row.fetched_at <= timezone.now()
    send(secret, {**run, "metadata": {"late": "yes"}, "_fetched_at": sent_at.timestamp() - 60})
    row.refresh_from_db()
    assert "late" not in row.metadata


def test_the_next_answer_of_a_server_wins(secret):
    connection = made_connection("shop")
    send(secret, {**whole()[0], "status": "completed"})
    row = Run.objects.get()
    assert (row.status, row.has_all_steps) == ("completed", False)
    active = objects.Run.from_raw({**whole()[0], "status": "in_progress", "completed_at": None})
    upsert_run(connection, active, fetched_at=timezone.now())
    row.refresh_from_db()
    assert (row.status, row.reply_digest) == ("in_progress", "")
    upsert_run(connection, objects.Run.from_raw({**whole()[0], "status": "completed"}), fetched_at=timezone.now())
    upsert_run(connection, active, fetched_at=timezone.now())
    assert Run.objects.get().status == "completed"


def test_what_is_refused_is_named_by_line_and_the_rest_is_taken(shop, secret):
    run, *rest = whole()
    steps = [one for one in rest if one["object"] == "thread.run.step"]
    body = (
        lines([run]) + "\n{broken\n" + lines([{"id": "x", "object": "assistant"}, {**steps[0], "run_id": "run_other"}])
    )
    answer = send(secret, body)
    assert answer.status_code == 422
    assert answer.json()["taken"]["runs"] == 1
    assert [one["line"] for one in answer.json()["refusals"]] == [3, 4, 5]
    assert "Send the run before its steps" in answer.json()["refusals"][2]["message"]


def test_a_purged_thread_stays_out(shop, secret):
    PurgedThread.objects.create(connection=shop, upstream_id=whole()[0]["thread_id"])
    answer = send(secret, whole())
    assert answer.status_code == 422
    assert "purged" in answer.json()["refusals"][0]["message"]
    assert not Run.objects.exists()
    assert not Thread.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("", 422, "no object"),
        (b"x" * (BODY_BYTES_MAX + 1), 413, "16 MB"),
        ("{}\n" * (OBJECTS_MAX + 1), 422, "10000 objects"),
    ],
    ids=["empty", "large", "many"],
)
def test_a_body_that_cannot_be_taken_is_a_sentence(shop, secret, body, status, words):
    answer = send(secret, body)
    assert (answer.status_code, words in answer.json()["error"]["message"]) == (status, True)


def test_who_may_not_send_is_told_why(shop, secret, settings, viewer):
    assert send("rdt_other", whole()).status_code == 401
    assert send(secret, whole(), path="/ingest/none/").status_code == 404
    assert viewer.get(PATH).status_code == 405
    assert viewer.post(PATH, "{}", content_type="application/json").status_code == 401
    settings.RUNSDASH_READ_ONLY = True
    assert send(secret, whole()).status_code == 403
    assert not Run.objects.exists()


@pytest.mark.usefixtures("one_minute")
def test_a_token_may_send_so_often_a_minute(shop, secret, settings):
    cache.clear()
    settings.RUNSDASH_INGEST_PER_MIN = 2
    assert [send(secret, whole()[0]).status_code for _ in range(3)] == [200, 200, 429]
    assert 0 < int(send(secret, whole()[0])["Retry-After"]) <= 60


def test_a_run_without_a_server_is_never_called_old(shop, secret, operator):
    send(secret, {**whole()[0], "status": "in_progress", "completed_at": None})
    Run.objects.update(checked_at=timezone.now() - timedelta(hours=2), fetched_at=timezone.now() - timedelta(hours=2))
    run = Run.objects.get()
    path = f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/"
    answer = operator.get(path)
    assert "X-RunsDash-Stale" not in answer.headers
    assert operator.post(f"{path}cancel/", {"reason": ""}).status_code == 403


def survives(secret: str, operator: Client, changes: list[tuple] | dict, *, waits: bool) -> None:
    """Sends a thread with all its objects, each changed likewise, and opens the pages of what came of it."""
    reset_queries()  # Django keeps 9,000
    found = objects_of(f"g{next(numbers)}", waits=waits)
    values = [found["thread"], found["run"], *found["steps"], *found["messages"]]
    change = randomised if isinstance(changes, dict) else mutate
    kept = [{"_object": one["object"]} if isinstance(changes, dict) else {} for one in values]
    body = "\n".join(
        json.dumps(as_received(change(one, changes)) | more) for one, more in zip(values, kept, strict=True)
    )
    with at_most(TAKING):
        answer = send(secret, body)
    told = answer.json()
    assert answer.status_code in (200, 422)
    assert sum(told["taken"].values()) + told["refused"] == len(values)
    run = Run.objects.select_related("thread").filter(upstream_id=found["run"]["id"]).first()
    if run is not None:
        raw = operator.get(f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/raw.json").getvalue()
        for kind in ("run", "steps", "messages", "thread"):
            pages_hold(operator, run, {"run": json.loads(raw)}, kind)
        Run.objects.filter(pk=run.pk).update(status="completed")  # one waiting run at a time


@given(changes=mutations() | random_fields(), waits=st.booleans())
@settings(max_examples=3, **SHARED)
def test_mutated_objects_are_taken_or_refused_by_line_and_shown(shop, secret, settings, operator, changes, waits):
    settings.RUNSDASH_INGEST_PER_MIN = 100_000
    survives(secret, operator, changes, waits=waits)


@pytest.mark.long
@pytest.mark.timeout(900)
@given(changes=mutations() | random_fields(), waits=st.booleans())
@settings(max_examples=80, **SHARED)
def test_many_mutated_objects_are_taken_or_refused_by_line_and_shown(shop, secret, settings, operator, changes, waits):
    settings.RUNSDASH_INGEST_PER_MIN = 100_000
    survives(secret, operator, changes, waits=waits)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")
def test_the_handler_in_the_documents_tells_of_a_run(secret, upstream):
    made_connection("shop", base_url="", is_enabled=False)
    (code,) = re.findall(r"```python\n(.*?)```", Path("docs/ingest.md").read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 10
    with served() as dashboard, OpenAI(base_url=upstream.base_url, api_key=upstream.api_key) as client:
        code = code.replace("https://runs.example.org", f"http://127.0.0.1:{dashboard.port}").replace("rdt_…", secret)
        names: dict = {}
        exec(code, names)
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "hello"}])
        told = {"thread_id": thread.id, "assistant_id": "asst_sandbox_dispatch", "event_handler": names["Telling"]()}
        with client.beta.threads.runs.stream(**told) as stream:
            stream.until_done()
    run = Run.objects.get()
    assert (run.status, run.is_settled, run.step_count) == ("completed", True, 1)
    assert run.reply


def test_no_transaction_holds_more_than_some_runs_so_that_others_write_between(shop: Connection, secret: str):
    runs, sizes = [run_object(f"of{number}", TEXTS, waits=False) for number in range(2 * RUNS_A_TRANSACTION + 1)], []

    def measured(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "index_run" '):
            sizes.append(len(params))
        return execute(sql, params, many, context)

    with database.execute_wrapper(measured):
        assert send(secret, lines(runs), content_type="application/jsonl").status_code == 200
    assert sizes == [RUNS_A_TRANSACTION, RUNS_A_TRANSACTION, 1]
