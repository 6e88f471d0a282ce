"""A streamed run: events as they come, and what they add up to."""

import json
import threading
import time

import pytest

from runsdash.service import (
    Client,
    Delta,
    InvalidRequest,
    NoAnswer,
    RateLimited,
    Refused,
    Run,
    UpstreamFailed,
    tool_output,
)
from runsdash.service.objects.tool_types import TOOL_TYPES
from tests.service.raw_server import RawServer, reply, silence, slowly, stream

DISPATCH = "asst_sandbox_dispatch"
RUN = {"id": "run_1", "object": "thread.run", "thread_id": "t", "status": "in_progress"}


def frame(name, data):
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def text_delta(value, index=0, id="msg_1"):
    content = [{"index": index, "type": "text", "text": {"value": value}}]
    return frame("thread.message.delta", {"id": id, "delta": {"content": content}})


def call_delta(index, id="step_1", **call):
    details = {"type": "tool_calls", "tool_calls": [{"index": index, **call}]}
    return frame("thread.run.step.delta", {"id": id, "delta": {"step_details": details}})


def streamed(*pieces, **options):
    """A stream of these bytes, read to its end, and its events."""
    with RawServer(stream(b"".join(pieces))) as server:
        client = Client(server.base_url, "key", timeout=5, **options)
        with client.create_run(thread_id="t", assistant_id="a", stream=True) as found:
            return found, list(found)


def new_stream(client, upstream, text, **options):
    thread = upstream.post("/threads", {"messages": [{"role": "user", "content": text}]})
    return client.create_run(thread_id=thread["id"], assistant_id=DISPATCH, stream=True, **options)


def test_a_stream_of_the_sandbox_adds_up_to_what_the_server_keeps(client, upstream):
    with new_stream(client, upstream, "/long 60") as found:
        names = [event.name for event in found]
    assert names[0] == "thread.run.created"
    assert names[-2:] == ["thread.run.completed", "done"]
    assert found.is_done
    assert found.is_complete
    assert found.error is None
    assert found.request_id.startswith("req_")
    kept = client.list_messages(thread_id=found.run.thread_id, run_id=found.run.id)
    assert found.text == kept.data[0].text
    assert len(found.text.split()) >= 60
    assert [message.raw for message in found.messages] == [message.raw for message in kept]
    steps = client.list_run_steps(thread_id=found.run.thread_id, run_id=found.run.id)
    assert [step.raw for step in found.steps] == [step.raw for step in steps]


def test_deltas_add_up_while_the_run_goes_on(client, upstream):
    seen = []
    with new_stream(client, upstream, "/long 600") as found:
        for event in found:
            if isinstance(event.data, Delta):
                seen.append(event.data.text)
                assert found.text == "".join(seen)
    assert len(seen) > 2


@pytest.mark.parametrize("dialect", ["astra", "bare"])
def test_dialects_of_other_servers_give_the_same(client, upstream, dialect):
    upstream.quirk(stream_dialect=dialect)
    with new_stream(client, upstream, "/tool") as found:
        found.until_done()
    assert found.run.status == "requires_action"
    assert found.is_complete
    assert found.error is None
    outputs = [tool_output(call.id, "7") for call in found.run.pending_calls]
    ids = {"thread_id": found.run.thread_id, "run_id": found.run.id}
    with client.submit_tool_outputs(**ids, tool_outputs=outputs, stream=True) as rest:
        rest.until_done()
    assert rest.run.status == "completed"
    assert "7" in rest.text


def test_a_thread_and_run_streams_its_thread(client):
    thread = {"messages": [{"role": "user", "content": "hello"}]}
    with client.create_thread_and_run(assistant_id=DISPATCH, thread=thread, stream=True) as found:
        found.until_done()
    assert found.thread.id == found.run.thread_id


def test_raw_streams_yield_json(client, upstream):
    with new_stream(client, upstream, "hello", raw=True) as found:
        first = next(found)
    assert first.data["object"] == "thread.run"


def test_tool_call_deltas_are_merged_by_index():
    found, _events = streamed(
        frame("thread.run.in_progress", RUN),
        frame("thread.run.step.created", {"id": "step_1", "type": "tool_calls", "status": "in_progress"}),
        call_delta(1, id="step_1", type="code_interpreter", code_interpreter={"input": "print("}),
        call_delta(0, type="function", function={"name": "get_stock", "arguments": '{"s', "output": None}),
        call_delta(0, function={"arguments": 'ku":"B"}'}),
        call_delta(1, code_interpreter={"input": "7)"}),
        call_delta(1, code_interpreter={"outputs": [{"index": 0, "type": "logs", "logs": "7"}]}),
        call_delta(1, code_interpreter={"outputs": [{"index": 0, "type": "logs", "logs": "\n"}]}),
        call_delta(0, function={"output": "seven"}),
        call_delta(0, function={"output": None}),
    )
    function, code = found.steps[0].tool_calls
    assert (function.name, function.arguments, function.output) == ("get_stock", '{"sku":"B"}', "seven")
    assert (code.code_input, code.logs) == ("print(7)", ["7\n"])
    assert found.steps[0].raw["step_details"]["tool_calls"][0]["type"] == "function"


@pytest.mark.parametrize("type_", TOOL_TYPES)
def test_input_and_output_of_every_type_of_tool_grow(type_):
    known = TOOL_TYPES[type_]
    keys = [*known.input_keys, *known.output_keys]
    flat = type_ in ("mcp", "mcp_list_tools")
    pieces = [dict.fromkeys(keys, piece) for piece in ("see ", "the ", "sea")]
    deltas = [call_delta(0, type=type_, **(piece if flat else {type_: piece})) for piece in pieces]
    found, _events = streamed(
        frame("thread.run.in_progress", RUN),
        frame("thread.run.step.created", {"id": "step_1", "type": "tool_calls", "status": "in_progress"}),
        *deltas,
    )
    call = found.steps[0].tool_calls[0]
    assert (call.code_input or call.arguments) == ("see the sea" if known.input_keys else "")
    assert call.output == ("see the sea" if known.output_keys else None)


def test_text_deltas_are_merged_by_index_in_any_order():
    mark = {"index": 0, "type": "file_citation", "text": "【1】", "file_citation": {"file_id": "file-1"}}
    content = [{"index": 0, "type": "text", "text": {"value": "!", "annotations": [mark]}}]
    found, _events = streamed(
        text_delta("second", index=1),
        text_delta("fir"),
        text_delta("st"),
        frame("thread.message.delta", {"id": "msg_1", "delta": {"content": content}}),
        text_delta("another message", id="msg_2"),
        text_delta("a huge index", index=10**15, id="msg_3"),
    )
    assert [part.text for part in found.messages[0].content] == ["first!", "second"]
    assert found.messages[0].content[0].annotations[0].file_id == "file-1"
    assert found.text == "first!\n\nsecond\n\nanother message\n\na huge index"


def test_deltas_without_an_index_are_merged_by_id_or_place():
    part = {"type": "text", "text": {"value": "ab"}}
    found, _events = streamed(
        frame("thread.message.delta", {"id": "msg_1", "delta": {"content": [part]}}),
        frame("thread.message.delta", {"id": "msg_1", "delta": {"content": [part]}}),
        frame(
            "thread.run.step.delta",
            {"id": "s", "delta": {"step_details": {"tool_calls": [{"id": "c1", "function": {"arguments": "1"}}]}}},
        ),
        frame(
            "thread.run.step.delta",
            {"id": "s", "delta": {"step_details": {"tool_calls": [{"id": "c2", "function": {"arguments": "2"}}]}}},
        ),
        frame(
            "thread.run.step.delta",
            {"id": "s", "delta": {"step_details": {"tool_calls": [{"id": "c1", "function": {"arguments": "3"}}]}}},
        ),
    )
    assert found.text == "abab"
    assert [call.arguments for call in found.steps[0].tool_calls] == ["13", "2"]


def test_a_closing_event_replaces_what_the_deltas_brought():
    whole = {
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "text", "text": {"value": "Whole."}}],
    }
    found, _events = streamed(text_delta("Who"), frame("thread.message.completed", whole), text_delta("late"))
    assert found.text == "Whole."


def test_a_closing_event_without_content_keeps_what_the_deltas_brought():
    bare = {"id": "msg_1", "role": "assistant", "status": "completed", "content": []}
    step = {
        "id": "step_1",
        "type": "tool_calls",
        "status": "completed",
        "step_details": {"type": "tool_calls", "tool_calls": []},
    }
    found, _events = streamed(
        text_delta("Kept."),
        frame("thread.message.completed", bare),
        call_delta(0, type="function", function={"name": "f", "arguments": "{}"}),
        frame("thread.run.step.completed", step),
    )
    assert (found.text, found.messages[0].status) == ("Kept.", "completed")
    assert found.steps[0].tool_calls[0].name == "f"


def test_what_the_user_said_is_not_the_answer():
    user = {"id": "msg_0", "role": "user", "content": "question?"}
    assert streamed(frame("thread.message.created", user), text_delta("answer"))[0].text == "answer"


def test_events_of_another_run_do_not_replace_the_run():
    found, events = streamed(frame("thread.run.in_progress", RUN), frame("thread.run.failed", {**RUN, "id": "run_2"}))
    assert found.run.id == "run_1"
    assert len(events) == 2


def test_a_stream_without_an_end_is_not_complete_and_no_error():
    found, events = streamed(frame("thread.run.in_progress", RUN), text_delta("half"))
    assert [event.name for event in events] == ["thread.run.in_progress", "thread.message.delta"]
    assert (found.is_done, found.is_complete, found.error, found.text) == (False, False, None, "half")
    assert found.until_done() is found


def test_nothing_after_the_end_is_read():
    _found, events = streamed(frame("done", "[DONE]"), text_delta("late"))
    assert [event.name for event in events] == ["done"]


def test_an_error_event_is_yielded_kept_and_ends_the_stream():
    error = {"code": "server_error", "message": "It broke with sk-secret-key.", "type": "server_error"}
    answer = stream(frame("thread.run.in_progress", RUN) + frame("error", error) + text_delta("late"))
    with RawServer(answer) as server:
        client = Client(server.base_url, "sk-secret-key", timeout=5)
        with client.create_run(thread_id="t", assistant_id="a", stream=True) as found:
            names = [event.name for event in found]
    assert names == ["thread.run.in_progress", "error"]
    assert isinstance(found.error, UpstreamFailed)
    assert (found.error.message, found.error.code, found.error.request_id) == (
        "It broke with [key].",
        "server_error",
        "req_s",
    )
    with pytest.raises(UpstreamFailed):
        found.until_done()


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_an_error_event_tells_why_a_run_failed_that_does_not_say_so(is_wrapped):
    why = {"type": "too_many_requests", "code": "rate_limit_exceeded", "message": "Wait 17 seconds.", "param": None}
    failed = {**RUN, "status": "failed", "last_error": None}
    found, events = streamed(frame("thread.run.failed", failed), frame("error", {"error": why} if is_wrapped else why))
    assert [event.name for event in events] == ["thread.run.failed", "error"]
    assert (found.run.last_error.code, found.run.last_error.message) == ("rate_limit_exceeded", "Wait 17 seconds.")
    assert found.run.raw == failed
    own = {**failed, "last_error": {"code": "server_error", "message": "Its own."}}
    found, _ = streamed(frame("thread.run.failed", own), frame("error", why))
    assert found.run.last_error.message == "Its own."
    found, _ = streamed(frame("thread.run.in_progress", RUN), frame("error", why))
    assert (found.run.last_error, found.last_error.code) == (None, "rate_limit_exceeded")


@pytest.mark.parametrize("kind", ["truncate", "reset_after", "error", "hang", "wrong_type", "invalid_utf8"])
def test_a_broken_stream_keeps_what_came(upstream, kind):
    client = Client(upstream.base_url, upstream.api_key, timeout=2, stream_idle_timeout_s=0.4)
    upstream.fault("POST /runs$", kind, after_events=4)
    try:
        found = new_stream(client, upstream, "/long 40")
    except NoAnswer:
        assert kind in ("hang", "reset_after")
        return
    with found:
        for _event in found:
            pass
    assert found.run is None or found.run.id
    if kind in ("truncate", "error"):
        assert isinstance(found.error, UpstreamFailed)
    if kind == "invalid_utf8":
        assert found.run.status == "completed"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "held no events"),
        (b"<html>proxy</html>", "A page came instead: proxy"),
        (b"<!doctype html>" + b"<!-- x -->" * 100 + b"<title>Sign in\nto the proxy</title>", "instead: Sign in to the"),
        (b": ping\n\n", "held no events"),
    ],
)
def test_a_stream_without_events_is_an_error(body, message):
    found, events = streamed(body)
    assert events == []
    assert message in found.error.message
    assert found.error.body == (body.decode()[:500] or None)


def test_a_server_that_does_not_stream_answers_one_event():
    with RawServer(reply({**RUN, "status": "queued"})) as server:
        found = Client(server.base_url, timeout=5).create_run(thread_id="t", assistant_id="a", stream=True)
        events = list(found)
    assert [(event.name, type(event.data)) for event in events] == [("thread.run.queued", Run)]
    assert found.run.status == "queued"
    assert found.error is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "Not today."}}, "Not today."),
        ([], "The answer is not a stream or a run."),
        (b"{", "The answer cannot be read: it is not JSON."),
    ],
)
def test_json_that_is_no_run_is_an_error(body, message):
    with RawServer(reply(body)) as server:
        found = Client(server.base_url, timeout=5).create_run(thread_id="t", assistant_id="a", stream=True)
        assert list(found) == []
    assert found.error.message == message


def test_a_refused_stream_is_raised_before_it_opens(client, upstream, waiting_run):
    with pytest.raises(Refused, match="already has an active run"):
        client.create_run(thread_id=waiting_run["thread_id"], assistant_id=DISPATCH, stream=True)
    with pytest.raises(InvalidRequest):
        client.create_run(thread_id="t", assistant_id="", stream=True)
    upstream.fault("POST /runs$", "429", retry_after_s=20)
    with pytest.raises(RateLimited):
        client.create_run(thread_id="t", assistant_id="a", stream=True)
    with pytest.raises(RateLimited, match="Nothing was sent"):
        client.create_run(thread_id="t", assistant_id="a")


def timed(answer, **options):
    """Seconds until a stream ends, and that stream."""
    with RawServer(answer) as server:
        client = Client(server.base_url, **options)
        started = time.monotonic()
        with client.create_run(thread_id="t", assistant_id="a", stream=True) as found:
            for _event in found:
                pass
            return time.monotonic() - started, found


@pytest.mark.clock
def test_the_first_byte_is_due_by_the_time_out():
    with RawServer(silence(5)) as server:
        started = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            Client(server.base_url, timeout=0.4).create_run(thread_id="t", assistant_id="a", stream=True)
        assert 0.35 < time.monotonic() - started < 0.7
    assert (caught.value.sent, caught.value.timed_out) == (True, True)

    def only_headers(connection):
        connection.sendall(stream(b""))
        time.sleep(1)

    seconds, found = timed(only_headers, timeout=0.4)
    assert 0.35 < seconds < 0.7
    assert found.error.timed_out


@pytest.mark.clock
def test_after_the_first_byte_only_silence_counts():
    body = stream(frame("thread.run.in_progress", RUN))
    seconds, found = timed(slowly(body, pause_s=0.005, at_once=80), timeout=0.3, stream_idle_timeout_s=0.3)
    assert seconds > 0.4
    assert found.error is None
    assert found.run.id == "run_1"

    def then_silence(connection):
        connection.sendall(stream(frame("thread.run.in_progress", RUN)))
        time.sleep(1)

    seconds, found = timed(then_silence, timeout=5, stream_idle_timeout_s=0.4)
    assert 0.35 < seconds < 0.7
    assert isinstance(found.error, NoAnswer)
    assert found.error.timed_out
    assert found.run.id == "run_1"


def test_events_arrive_when_they_are_sent():
    """Not when a buffer is full, whatever the framing: each is sent once the one before was read."""
    was_read = threading.Semaphore()

    def chunk(content):
        return f"{len(content):x}\r\n".encode() + content + b"\r\n"

    def in_chunks(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (*map(text_delta, "abc"), frame("done", "[DONE]")):
            if not was_read.acquire(timeout=10):
                return
            connection.sendall(chunk(part))
        connection.sendall(b"0\r\n\r\n")

    with RawServer(in_chunks) as server:
        client = Client(server.base_url, timeout=5)
        with client.create_run(thread_id="t", assistant_id="a", stream=True) as found:
            for _event in found:
                was_read.release()
    assert found.error is None
    assert found.text == "abc"


@pytest.mark.clock
def test_closing_frees_the_socket_while_another_thread_reads(client, upstream):
    found = new_stream(client, upstream, "/slow 30")
    next(found)
    reader = threading.Thread(target=lambda: list(found))
    reader.start()
    time.sleep(0.2)
    started = time.monotonic()
    found.close()
    reader.join(timeout=5)
    assert not reader.is_alive()
    assert time.monotonic() - started < 1
    assert found.error is None
    still = client.retrieve_run(thread_id=found.run.thread_id, run_id=found.run.id)
    assert still.is_active
    client.cancel_run(thread_id=still.thread_id, run_id=still.id)


def test_leaving_the_loop_early_closes_the_connection(client, upstream):
    with new_stream(client, upstream, "/long 500") as found:
        for _event in found:
            break
    assert list(found) == []
    assert client.list_assistants().data


def test_text_may_be_read_while_the_stream_is():
    pieces = [text_delta("word ", index=n % 7, id=f"msg_{n % 11}") for n in range(2000)]
    with RawServer(stream(b"".join(pieces))) as server:
        client = Client(server.base_url, timeout=5)
        with client.create_run(thread_id="t", assistant_id="a", stream=True) as found:
            reader = threading.Thread(target=lambda: list(found))
            reader.start()
            while reader.is_alive():
                assert found.text is not None
                assert found.steps == []
            assert found.text.count("word") == 2000
