"""Raw objects: as received, streamed, never sniffed."""

import json

import pytest

from runsdash.index.models import Connection, RunStep
from tests.dashboard.conftest import path_of
from tests.pages import page_of

pytestmark = pytest.mark.django_db(transaction=True)


def body_of(response) -> bytes:
    return b"".join(response.streaming_content)


def test_a_run_as_received(connection, upstream, open_run):
    run = upstream.seed(metadata={"k": "<script>"})
    response = open_run(run, "raw.json")
    assert json.loads(body_of(response)) == upstream.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}")
    assert response["Content-Type"] == "application/json"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"].startswith("inline")


def test_as_a_download(connection, upstream, open_run):
    run = upstream.seed()
    response = open_run(run, "raw.json?download=1")
    assert response["Content-Disposition"] == f'attachment; filename="{run["run_id"]}.json"'


def test_a_step_and_a_message(connection, start, upstream, open_run, operator):
    run = start("hello", until="completed")
    open_run(run)
    step = RunStep.objects.get()
    received = json.loads(body_of(open_run(run, f"steps/{step.upstream_id}/raw.json")))
    assert received == upstream.steps(run)[0]
    response = operator.get(f"/messages/{step.message_upstream_id}/raw.json")
    assert json.loads(body_of(response))["id"] == step.message_upstream_id


def test_the_words_of_a_message_are_one_click_away_as_they_came(connection, upstream, start, open_run, operator):
    words = "def __init__(self):\n    a   =  1 # <b> \u202e"
    run = start(words, until="completed")
    page = page_of(open_run(run, "?tab=conversation"))
    link = next(one for one in page.all("a") if one.text == "plain text")
    answer = operator.get(link["href"])
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == words.replace("\u202e", "[U+202E]")


def test_a_step_that_the_walk_has_not_come_to_is_asked_for(connection, upstream, open_run):
    run = upstream.seed(steps=400)
    step_id = run["step_ids"][-1]
    path = f"steps/{step_id}/raw.json"
    response = open_run(run, path)
    assert json.loads(body_of(response)) == upstream.get(
        f"/threads/{run['thread_id']}/runs/{run['run_id']}/steps/{step_id}"
    )
    assert not RunStep.objects.filter(upstream_id=step_id).exists()
    upstream.fault(step_id, "500", times=None)
    assert open_run(run, path).status_code == 502
    Connection.objects.update(is_enabled=False)
    assert open_run(run, path).status_code == 404


def test_a_large_output_is_whole(connection, upstream, open_run):
    run = upstream.seed(status="in_progress", steps=1, output_bytes=3_000_000)
    open_run(run)
    response = open_run(run, f"steps/{run['step_ids'][0]}/raw.json")
    raw = json.loads(body_of(response))
    assert len(raw["step_details"]["tool_calls"][0]["function"]["output"]) == 3_000_000


def test_unknown_objects_are_404(connection, upstream, open_run, operator):
    run = upstream.seed()
    assert open_run(run, "steps/step_no/raw.json").status_code == 404
    assert operator.get("/messages/msg_no/raw.json").status_code == 404
    assert open_run({"thread_id": run["thread_id"], "id": "run_no"}, "raw.json").status_code == 404


def test_a_copy_outlives_the_upstream(connection, upstream, open_run):
    run = upstream.seed()
    open_run(run)
    upstream.fault(run["run_id"], "500", times=20)
    assert json.loads(body_of(open_run(run, "raw.json")))["id"] == run["run_id"]


def test_guards(connection, upstream, client, operator, nobody):
    path = path_of(upstream.seed(), "raw.json")
    assert client.get(path).status_code == 302
    assert nobody.get(path).status_code == 403
    assert operator.post(path).status_code == 405
