"""The main flow against every known server's way of speaking, one parametrised file on the session's sandbox."""

import time

import pytest

from runsdash.sandbox.switches.dialects import DIALECTS
from runsdash.service import Client, NotSupported, Refused, tool_output

DISPATCH = "asst_sandbox_dispatch"
KINDS = {"azure": "azure-openai", "open-assistant-api": "openai"}
TOOL = {"type": "function", "function": {"name": "get_stock", "parameters": {"type": "object", "properties": {}}}}
TOOLS = [TOOL, {"type": "function", "function": TOOL["function"] | {"name": "get_price"}}]
WAITS = sorted(set(DIALECTS) - {"foundry-local"})


def speak(upstream, dialect: str) -> Client:
    upstream.clear_quirks()
    upstream.quirk(**DIALECTS[dialect])
    return Client(upstream.base_url, upstream.api_key, kind=KINDS.get(dialect, dialect), timeout=10)


def settled(client: Client, run):
    """The run once it waits or has ended."""
    deadline = time.monotonic() + 10
    while run.is_active and not run.status.is_waiting and time.monotonic() < deadline:
        time.sleep(0.01)
        run = client.retrieve_run(thread_id=run.thread_id, run_id=run.id)
    return run


def started(client: Client, words: str, **fields):
    thread = client.create_thread(messages=[{"role": "user", "content": words}])
    return client.create_run(thread_id=thread.id, assistant_id=DISPATCH, **fields)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_run_is_started_followed_and_read(upstream, dialect):
    client = speak(upstream, dialect)
    run = settled(client, started(client, "/code 6*7"))
    assert (run.status, run.assistant_id) == ("completed", DISPATCH)
    assert run.created_at <= run.ended_at
    assert run.usage.total_tokens > 0
    steps = list(client.iter_run_steps(thread_id=run.thread_id, run_id=run.id))
    assert sorted(step.type for step in steps) == ["message_creation", "tool_calls"]
    assert {step.status for step in steps} == {"completed"}
    assert all(step.ended_at for step in steps)
    messages = client.list_messages(thread_id=run.thread_id, order="asc").data
    assert [one.role for one in messages] == ["user", "assistant"]
    assert messages[1].run_id == run.id


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_is_read_to_its_end(upstream, dialect):
    client = speak(upstream, dialect)
    with started(client, "/long 5", stream=True) as stream:
        stream.until_done()
    assert stream.is_complete
    assert (stream.run.status, len(stream.text.split())) == ("completed", 5)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_cancel_ends_a_run(upstream, dialect):
    client = speak(upstream, dialect)
    run = started(client, "/slow 30")
    while run.status == "queued":
        run = client.retrieve_run(thread_id=run.thread_id, run_id=run.id)
    answer = client.cancel_run(thread_id=run.thread_id, run_id=run.id)
    assert answer.status == ("cancelled" if dialect == "foundry-local" else "cancelling")
    assert settled(client, answer).status == "cancelled"
    with pytest.raises(Refused):
        client.cancel_run(thread_id=run.thread_id, run_id=run.id)


@pytest.mark.parametrize("dialect", WAITS)
def test_tool_outputs_are_taken(upstream, dialect):
    client = speak(upstream, dialect)
    run = settled(client, started(client, "/tools", tools=TOOLS))
    assert [call.name for call in run.pending_calls] == ["get_stock", "get_price"]
    first, second = (tool_output(call.id, {"left": 7}) for call in run.pending_calls)
    ids = {"thread_id": run.thread_id, "run_id": run.id}
    if DIALECTS[dialect].get("partial_outputs"):
        still = client.submit_tool_outputs(**ids, tool_outputs=[first])
        assert [call.name for call in still.pending_calls] == ["get_price"]
        client.submit_tool_outputs(**ids, tool_outputs=[second])
    else:
        with pytest.raises(Refused, match="Expected tool outputs"):
            client.submit_tool_outputs(**ids, tool_outputs=[first])
        client.submit_tool_outputs(**ids, tool_outputs=[first, second])
    run = settled(client, client.retrieve_run(**ids))
    assert (run.status, run.required_action) == ("completed", None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_metadata_is_changed_or_refused_as_unsupported(upstream, dialect):
    client = speak(upstream, dialect)
    run = settled(client, started(client, "/long 3"))
    ids = {"thread_id": run.thread_id, "run_id": run.id}
    if dialect == "foundry-local":
        with pytest.raises(NotSupported):
            client.modify_run(**ids, metadata={"a": "b"})
        with pytest.raises(NotSupported):
            client.list_runs(thread_id=run.thread_id)
        with pytest.raises(NotSupported):
            client.submit_tool_outputs(**ids, tool_outputs=[tool_output("call_1", "7")])
        assert client.capabilities.supports("modify_run") is False
    else:
        assert client.modify_run(**ids, metadata={"a": "b"}).metadata == {"a": "b"}
        assert [one.id for one in client.list_runs(thread_id=run.thread_id)] == [run.id]


def test_what_a_server_wants_is_sent(upstream):
    client = speak(upstream, "foundry-local")
    started(client, "hello", stream=True).close()
    (sent,) = upstream.requests(method="POST", path="/runs")
    assert (sent["body"], sent["query"]) == ({"agent_id": DISPATCH}, "stream=true")
    client = speak(upstream, "foundry")
    started(client, "hello")
    assert "api-version=v1" in upstream.requests(method="POST", path="/runs")[-1]["query"]
