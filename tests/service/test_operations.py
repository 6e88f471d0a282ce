"""Every operation against the sandbox: what it sends, what it answers, typed and raw."""

import pytest

from runsdash.service import (
    FILE_SEARCH_CONTENT,
    OPERATIONS,
    Assistant,
    Client,
    Deleted,
    FileContent,
    InvalidRequest,
    Message,
    NotFound,
    Page,
    Refused,
    Run,
    RunStep,
    Thread,
    tool_output,
)
from tests.service.raw_server import RawServer

DISPATCH = "asst_sandbox_dispatch"


def asked(upstream):
    """Method and decoded path of the requests so far."""
    return [(found["method"], found["path"]) for found in upstream.requests()]


def ids_of(run):
    return {"thread_id": run["thread_id"], "run_id": run["id"]}


def test_every_operation_of_the_protocol_is_there():
    groups = {
        "run": "create list retrieve modify cancel",
        "run_step": "list retrieve",
        "thread": "create list retrieve modify delete",
        "message": "create list retrieve",
        "assistant": "create list retrieve",
    }
    names = {f"{verb}_{noun}" + "s" * (verb == "list") for noun, verbs in groups.items() for verb in verbs.split()}
    others = {"create_thread_and_run", "submit_tool_outputs", "retrieve_file_content"}
    assert names | others == OPERATIONS


def test_create_run(client, upstream):
    thread = client.create_thread(messages=[{"role": "user", "content": "hello"}])
    run = client.create_run(
        thread_id=thread.id,
        assistant_id=DISPATCH,
        model="sandbox-large",
        instructions="Be kind.",
        additional_instructions="Be brief.",
        additional_messages=[{"role": "user", "content": "and a word more"}],
        tools=[{"type": "code_interpreter"}],
        metadata={"ticket": "4711"},
        temperature=0.5,
        top_p=0.9,
        stream=False,
        max_prompt_tokens=1000,
        max_completion_tokens=2000,
        truncation_strategy={"type": "last_messages", "last_messages": 5},
        tool_choice="auto",
        parallel_tool_calls=False,
        response_format={"type": "text"},
        reasoning_effort="low",
    )
    assert isinstance(run, Run)
    assert (run.thread_id, run.assistant_id, run.model) == (thread.id, DISPATCH, "sandbox-large")
    assert (run.temperature, run.top_p, run.metadata) == (0.5, 0.9, {"ticket": "4711"})
    assert (run.max_prompt_tokens, run.max_completion_tokens) == (1000, 2000)
    assert run.truncation_strategy["last_messages"] == 5
    assert run.parallel_tool_calls is False
    assert asked(upstream)[-1] == ("POST", f"/v1/threads/{thread.id}/runs")


def test_what_is_not_given_is_not_sent(client):
    bare = client.describe_request("create_run", thread_id="t", assistant_id="a")
    assert bare.json == {"assistant_id": "a"}
    assert client.describe_request("create_thread").json == {}
    assert client.describe_request("cancel_run", thread_id="t", run_id="r").json is None


def test_create_thread_and_run(client, upstream):
    run = client.create_thread_and_run(
        assistant_id=DISPATCH,
        thread={"messages": [{"role": "user", "content": "hello"}], "metadata": {"user": "u-9"}},
        instructions="Be kind.",
        metadata={"a": "b"},
        temperature=1,
        tool_resources={"code_interpreter": {"file_ids": []}},
    )
    assert asked(upstream) == [("POST", "/v1/threads/runs")]
    assert upstream.get(f"/threads/{run.thread_id}")["metadata"] == {"user": "u-9"}
    assert run.metadata == {"a": "b"}


def test_list_runs(client, upstream, finished_run):
    page = client.list_runs(thread_id=finished_run["thread_id"], limit=5, order="asc")
    assert isinstance(page, Page)
    assert [run.id for run in page.data] == [finished_run["id"]]
    assert (page.has_more, page.first_id, page.last_id) == (False, finished_run["id"], finished_run["id"])
    assert "limit=5&order=asc" in client.describe_request("list_runs", thread_id="t", limit=5, order="asc").url
    raw = client.list_runs(thread_id=finished_run["thread_id"], raw=True)
    assert (raw["object"], raw["data"][0]["id"]) == ("list", finished_run["id"])


def test_retrieve_run(client, finished_run):
    run = client.retrieve_run(**ids_of(finished_run))
    assert (run.status, run.is_terminal, run.raw["id"]) == ("completed", True, finished_run["id"])
    assert run.usage.total_tokens > 0
    raw = client.retrieve_run(**ids_of(finished_run), raw=True)
    assert type(raw) is dict
    assert raw == run.raw


def test_modify_run(client, upstream, finished_run):
    run = client.modify_run(**ids_of(finished_run), metadata={"reviewed": "yes"})
    assert run.metadata == {"reviewed": "yes"}
    assert upstream.requests(method="POST")[-1]["path"].endswith(finished_run["id"])


def test_cancel_run(client, upstream):
    run = upstream.run("/slow 30")
    cancelled = client.cancel_run(**ids_of(run))
    assert cancelled.status in ("cancelling", "cancelled")
    upstream.wait(run, "cancelled")
    with pytest.raises(Refused, match="Cannot cancel run with status 'cancelled'"):
        client.cancel_run(**ids_of(run))


def test_submit_tool_outputs(client, upstream, waiting_run):
    run = client.retrieve_run(**ids_of(waiting_run))
    outputs = [tool_output(call.id, {"left": 7}) for call in run.pending_calls]
    assert client.submit_tool_outputs(**ids_of(waiting_run), tool_outputs=outputs).is_active
    upstream.wait(waiting_run, "completed")
    call = client.list_run_steps(**ids_of(waiting_run), order="asc").data[0].tool_calls[0]
    assert (call.output, call.kind) == ('{"left": 7}', "function")


def test_submit_tool_approvals(client, upstream):
    waiting = upstream.wait(upstream.run("/approve"), "requires_action")
    run = client.retrieve_run(**ids_of(waiting))
    assert run.required_action.is_approval
    approvals = [{"tool_call_id": call.id, "approve": True} for call in run.pending_calls]
    client.submit_tool_outputs(**ids_of(waiting), tool_approvals=approvals)
    upstream.wait(waiting, "completed")


def test_a_busy_thread_names_the_run_that_blocks_it(client, waiting_run):
    with pytest.raises(Refused) as caught:
        client.create_run(thread_id=waiting_run["thread_id"], assistant_id=DISPATCH)
    assert caught.value.blocking_run_id == waiting_run["id"]
    with pytest.raises(Refused) as caught:
        client.create_message(thread_id=waiting_run["thread_id"], content="hello?")
    assert caught.value.blocking_run_id == waiting_run["id"]


def test_run_steps_with_file_search_content(client, upstream):
    run = upstream.wait(upstream.run("/search cold chain"), "completed")
    page = client.list_run_steps(**ids_of(run), limit=10, order="asc", include=[FILE_SEARCH_CONTENT])
    step = next(step for step in page.data if step.tool_calls)
    assert isinstance(step, RunStep)
    assert step.kind == "search"
    assert step.tool_calls[0].results[0].content
    bare = client.retrieve_run_step(**ids_of(run), step_id=step.id)
    assert not bare.tool_calls[0].results[0].content
    full = client.retrieve_run_step(**ids_of(run), step_id=step.id, include=[FILE_SEARCH_CONTENT])
    assert full.tool_calls[0].results[0].content
    url = client.describe_request("list_run_steps", **ids_of(run), include=[FILE_SEARCH_CONTENT]).url
    assert "include%5B%5D=step_details.tool_calls%5B%2A%5D" in url


def test_threads(client, upstream):
    thread = client.create_thread(
        messages=[{"role": "user", "content": "hello"}], metadata={"a": "b"}, tool_resources={}
    )
    assert isinstance(thread, Thread)
    assert client.retrieve_thread(thread_id=thread.id).metadata == {"a": "b"}
    assert client.modify_thread(thread_id=thread.id, metadata={"c": "d"}).metadata == {"c": "d"}
    assert thread.id in [found.id for found in client.list_threads(limit=5)]
    deleted = client.delete_thread(thread_id=thread.id)
    assert isinstance(deleted, Deleted)
    assert (deleted.id, deleted.deleted) == (thread.id, True)
    with pytest.raises(NotFound):
        client.retrieve_thread(thread_id=thread.id)


def test_messages(client, upstream, finished_run):
    thread_id = finished_run["thread_id"]
    written = client.create_message(
        thread_id=thread_id, content=[{"type": "text", "text": "and now?"}], metadata={"a": "b"}
    )
    assert isinstance(written, Message)
    assert (written.role, written.text, written.run_id) == ("user", "and now?", None)
    assert client.retrieve_message(thread_id=thread_id, message_id=written.id).metadata == {"a": "b"}
    assert len(client.list_messages(thread_id=thread_id).data) == 3
    of_run = client.list_messages(thread_id=thread_id, run_id=finished_run["id"])
    assert [message.role for message in of_run] == ["assistant"]


def test_assistants(client):
    made = client.create_assistant(
        model="sandbox-large",
        name="Stock bot",
        description="Knows the stock.",
        instructions="Answer stock questions.",
        tools=[{"type": "code_interpreter"}],
        metadata={"a": "b"},
        temperature=0.3,
        top_p=1,
        response_format="auto",
    )
    assert isinstance(made, Assistant)
    found = client.retrieve_assistant(assistant_id=made.id)
    assert (found.name, found.tools, found.temperature) == ("Stock bot", [{"type": "code_interpreter"}], 0.3)
    assert made.id in [assistant.id for assistant in client.list_assistants(limit=100)]


def test_retrieve_file_content(client, upstream):
    run = upstream.wait(upstream.run("/plot"), "completed")
    steps = client.list_run_steps(**ids_of(run)).data
    file_id = next(id for step in steps for call in step.tool_calls for id in call.image_file_ids)
    file = client.retrieve_file_content(file_id=file_id)
    assert isinstance(file, FileContent)
    assert file.content_type.startswith("image/png")
    assert file.content.startswith(b"\x89PNG")
    assert client.retrieve_file_content(file_id=file_id, raw=True) == file.content


def test_ids_are_quoted_whatever_they_are(client, upstream):
    with pytest.raises(NotFound):
        client.retrieve_run(thread_id="a/b?c#d é", run_id="x%2Fy")
    assert asked(upstream) == [("GET", "/v1/threads/a/b?c#d é/runs/x%2Fy")]


@pytest.mark.parametrize(
    ("one", "written"),
    [
        ("a/b", "a%2Fb"),
        ("a\\b", "a%5Cb"),
        ("a?b#c", "a%3Fb%23c"),
        ("100%", "100%25"),
        ("a%2Fb", "a%252Fb"),
        ("../a", "..%2Fa"),
        ("...", "..."),
        ("~7E", "~7E"),
        ("new", "new"),
    ],
)
def test_an_id_is_one_segment_of_the_path_on_the_wire(one, written):
    with RawServer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as server:
        client = Client(server.base_url, "key", timeout=5)
        with pytest.raises(NotFound):
            client.retrieve_run(thread_id="t", run_id=one)
    assert server.requests[0].split()[1] == f"/v1/threads/t/runs/{written}"


@pytest.mark.parametrize("one", ["", " ", ".", ".."])
def test_what_no_path_can_hold_is_not_sent(client, upstream, one):
    with pytest.raises(InvalidRequest):
        client.retrieve_run(thread_id="t", run_id=one)
    assert asked(upstream) == []


def test_the_reply_behind_an_object_is_kept(client, finished_run):
    client.retrieve_run(**ids_of(finished_run))
    assert client.last_reply.status == 200
    assert client.last_reply.request_id.startswith("req_")


def test_how_long_to_wait_before_asking_again(client, upstream, finished_run):
    upstream.quirk(poll_after_ms=1500)
    client.retrieve_run(**ids_of(finished_run))
    assert client.last_reply.poll_after_s == 1.5
