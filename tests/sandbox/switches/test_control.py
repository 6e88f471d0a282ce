"""Keys, the request log, quirks, seeded runs, the deadline of a run, and the pages beside the protocol."""

import http.client
import time
import urllib.error
import urllib.request

import pytest

from tests.upstream import Sandbox


def get_with(upstream, path: str, headers: dict) -> tuple[int, str]:
    request = urllib.request.Request(upstream.origin + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("path", ["/v1/assistants", "/_sandbox/requests"])
def test_the_key_is_needed_in_one_of_its_places(upstream, path):
    assert get_with(upstream, path, {})[0] == 401
    assert get_with(upstream, path, {"Authorization": "Bearer wrong"})[0] == 401
    assert get_with(upstream, path, {"Authorization": f"Bearer {upstream.api_key}"})[0] == 200
    assert get_with(upstream, path, {"api-key": upstream.api_key})[0] == 200


def test_the_page_at_the_root_names_every_command(upstream):
    status, page = get_with(upstream, "/", {})
    assert status == 200
    for name in ("/tool", "/tools", "/approve", "/code", "/plot", "/search", "/long", "/slow", "/fail", "/incomplete"):
        assert f"<code>{name} " in page.replace("</code>", " </code>")
    assert upstream.base_url in page


def test_unknown_urls_and_methods(upstream):
    assert upstream.refusal("GET", "/nowhere")[0] == 404
    assert upstream.refusal("PATCH", "/threads")[0] == 405
    assert upstream.refusal("GET", "/threads/runs/extra/deep/path")[0] == 404
    assert get_with(upstream, "/other", {})[0] == 404


def ended_requests(upstream):
    """The log, once its requests are over: an answer can be here before that is written."""
    while any(one["duration"] is None for one in upstream.requests()):
        time.sleep(0.01)
    return upstream.requests()


def test_the_request_log_says_what_came(upstream):
    began = time.time()
    thread = upstream.post("/threads", {"metadata": {"a": "b"}})["id"]
    upstream.refusal("GET", f"/threads/{thread}/runs/run_x?limit=3")
    post, get = ended_requests(upstream)
    assert (post["method"], post["path"], post["status"]) == ("POST", "/v1/threads", 200)
    assert post["body"] == {"metadata": {"a": "b"}}
    assert post["body_bytes"] == len('{"metadata": {"a": "b"}}')
    assert (get["path"], get["query"], get["status"]) == (f"/v1/threads/{thread}/runs/run_x", "limit=3", 404)
    assert began <= post["time"] <= get["time"] <= time.time()
    assert 0 <= get["duration"] < 5
    assert (post["openai_beta"], post["has_api_key_header"]) == ("assistants=v2", False)
    assert "authorization" in post["headers"]
    assert upstream.api_key not in str(upstream.requests())
    assert [one["method"] for one in upstream.requests(since=get["time"])] == ["GET"]
    assert upstream.requests(method="POST") == [post]
    upstream.clear_requests()
    assert upstream.requests() == []


def test_quirk_merge_metadata(upstream):
    thread = upstream.post("/threads", {"metadata": {"a": "1", "b": "2"}})["id"]
    upstream.quirk(merge_metadata=True)
    assert upstream.post(f"/threads/{thread}", {"metadata": {"b": "3"}})["metadata"] == {"a": "1", "b": "3"}
    upstream.clear_quirks()
    assert upstream.post(f"/threads/{thread}", {"metadata": {"c": "4"}})["metadata"] == {"c": "4"}


def test_quirk_no_thread_list(upstream):
    assert upstream.get("/threads")["object"] == "list"
    upstream.quirk(no_thread_list=True)
    status, error = upstream.refusal("GET", "/threads")
    assert (status, error["code"]) == (401, "missing_scope")


def test_quirk_no_steps(upstream):
    made = upstream.seed()
    upstream.quirk(no_steps=True)
    path = f"/threads/{made['thread_id']}/runs/{made['run_id']}/steps"
    assert upstream.refusal("GET", path)[0] == 501
    assert upstream.refusal("GET", f"{path}/{made['step_ids'][0]}")[0] == 501


def test_quirk_cancel_at_once(upstream):
    upstream.quirk(cancel_at_once=True)
    run = upstream.run("/slow 30")
    assert upstream.post(f"/threads/{run['thread_id']}/runs/{run['id']}/cancel")["status"] == "cancelled"


def test_quirks_of_shape(upstream):
    upstream.quirk(float_timestamps=True, no_has_more=True)
    page = upstream.get("/assistants")
    assert "has_more" not in page
    assert page["data"][0]["created_at"] % 1 == 0.25
    upstream.quirk(bare_lists=True)
    assert isinstance(upstream.get("/assistants"), list)


@pytest.mark.parametrize(("call_ids", "ids"), [("same", ["0"]), ("missing", [None]), ("repeated", ["call", "call"])])
def test_quirk_call_ids(upstream, call_ids, ids):
    tool = {"type": "function", "function": {"name": "get_a", "parameters": {"type": "object", "properties": {}}}}
    run = upstream.wait(upstream.run("/tool get_a", tools=[tool]), "requires_action")
    upstream.quirk(call_ids=call_ids)
    run = upstream.get(f"/threads/{run['thread_id']}/runs/{run['id']}")
    (step,) = upstream.steps(run)
    calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert [call["id"] and call["id"].split("_")[0] for call in calls] == ids
    assert [call["id"] for call in step["step_details"]["tool_calls"]] == [call["id"] for call in calls]


def test_quirk_require_beta(upstream):
    upstream.quirk(require_beta=True)
    status, body = get_with(upstream, "/v1/assistants", {"Authorization": f"Bearer {upstream.api_key}"})
    assert status == 400
    assert '"code":"invalid_beta"' in body
    assert upstream.get("/assistants")["data"]


def test_quirk_poll_after(upstream):
    upstream.quirk(poll_after_ms=40)
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=5)
    connection.request("GET", "/v1/models", headers={"api-key": upstream.api_key})
    reply = connection.getresponse()
    assert reply.getheader("openai-poll-after-ms") == "40"
    reply.read()
    connection.close()


def test_an_unknown_quirk_is_refused(upstream):
    with pytest.raises(urllib.error.HTTPError) as refused:
        upstream.quirk(levitate=True)
    with refused.value:
        assert refused.value.code == 400


@pytest.mark.parametrize("status", ["queued", "in_progress", "requires_action", "cancelling", "completed", "failed"])
def test_a_seeded_run_keeps_its_status(upstream, status):
    made = upstream.seed(status=status, steps=2)
    time.sleep(0.05)
    assert upstream.get(f"/threads/{made['thread_id']}/runs/{made['run_id']}")["status"] == status


def test_a_seeded_run_of_two_thousand_steps_pages_through(upstream):
    made = upstream.seed(steps=2000, output_bytes=300_000)
    path = f"/threads/{made['thread_id']}/runs/{made['run_id']}/steps?limit=100&order=asc"
    found, after = [], ""
    while True:
        page = upstream.get(path + after)
        found += page["data"]
        after = f"&after={page['last_id']}"
        if not page["has_more"]:
            break
    assert [step["id"] for step in found] == made["step_ids"]
    assert len(found) == 2000
    assert max(len(str(step)) for step in found) > 300_000


def test_a_seeded_waiting_run_can_be_answered(upstream):
    made = upstream.seed(status="requires_action", steps=1)
    run = upstream.get(f"/threads/{made['thread_id']}/runs/{made['run_id']}")
    upstream.answer(run, "found it")
    assert upstream.wait(run, "completed")["completed_at"]
    assert "found it" in upstream.answer_text(run)


def test_a_run_can_be_seeded_on_a_known_thread_once_at_a_time(upstream):
    thread = upstream.seed(status="in_progress")["thread_id"]
    upstream.seed(thread_id=thread, status="completed")
    assert len(upstream.get(f"/threads/{thread}/runs")["data"]) == 2
    with pytest.raises(urllib.error.HTTPError) as busy:
        upstream.seed(thread_id=thread, status="queued")
    with busy.value:
        assert busy.value.code == 400


def test_flags_of_the_server():
    with Sandbox("--merge-metadata", "--expires-s", "1") as upstream:
        run = upstream.wait(upstream.run("/tool", metadata={"a": "1"}))
        path = f"/threads/{run['thread_id']}/runs/{run['id']}"
        assert upstream.post(path, {"metadata": {"b": "2"}})["metadata"] == {"a": "1", "b": "2"}
        assert upstream.wait(run, "expired", timeout_s=5)["expires_at"] is None


def test_a_body_that_is_no_json_or_no_text_is_refused(upstream):
    assert upstream.refusal("POST", "/threads", {"metadata": {"half": "\ud800"}})[0] == 400
    assert upstream.post("/threads", {"metadata": {"whole": "\U0001f600"}})["metadata"] == {"whole": "\U0001f600"}
