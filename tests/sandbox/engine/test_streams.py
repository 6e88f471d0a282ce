"""Streams: every event of the protocol, dialects of other servers, and clients that leave."""

import time

import pytest

from tests.sandbox.replies import open_stream, stream, stream_of

DISPATCH = "asst_sandbox_dispatch"


def names(events: list[dict]) -> list[str]:
    """Event names without repeats of the delta in a row."""
    found = [event["event"].removeprefix("thread.") for event in events]
    return [name for at, name in enumerate(found) if name != "message.delta" or found[at - 1] != name]


def body(text: str, **fields: object) -> dict:
    thread = {"messages": [{"role": "user", "content": text}]}
    return {"assistant_id": DISPATCH, "thread": thread, "stream": True, **fields}


def test_an_answer_is_told_event_by_event(upstream):
    events = stream(upstream, "/long 40")
    assert names(events) == [
        "created", "run.created", "run.queued", "run.in_progress",
        "run.step.created", "run.step.in_progress", "message.created", "message.in_progress",
        "message.delta", "message.completed", "run.step.completed", "run.completed", "done",
    ]  # fmt: skip
    pieces = [event["data"]["delta"]["content"][0] for event in events if event["event"] == "thread.message.delta"]
    whole = next(event["data"] for event in events if event["event"] == "thread.message.completed")
    assert "".join(piece["text"]["value"] for piece in pieces) == whole["content"][0]["text"]["value"]
    assert events[-1]["data"] == "[DONE]"


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("/fail server_error", ["message.incomplete", "run.step.failed", "run.failed", "done"]),
        ("/incomplete", ["message.incomplete", "run.step.completed", "run.incomplete", "done"]),
        ("/tool", ["run.step.delta", "run.requires_action", "done"]),
    ],
)
def test_other_ends(upstream, text, last):
    assert names(stream(upstream, text))[-len(last) :] == last


def test_a_cancelled_and_an_expired_run_end_their_streams(upstream):
    for end, last in (
        ("cancelled", ["message.incomplete", "run.step.cancelled", "run.cancelled", "done"]),
        ("expired", ["message.incomplete", "run.step.expired", "run.expired", "done"]),
    ):
        with open_stream(upstream, "/threads/runs", body("/long 20000")) as reply:
            run = next(line for line in reply if b'"object":"thread.run"' in line).decode()
            run_id, thread_id = (run.split(f'"{name}":"')[1].split('"')[0] for name in ("id", "thread_id"))
            next(line for line in reply if b"thread.message.delta" in line)
            if end == "cancelled":
                upstream.post(f"/threads/{thread_id}/runs/{run_id}/cancel")
            else:
                upstream.shift(run_id, expires_at=int(time.time()) - 1)
            rest = [line.decode()[7:].strip() for line in reply if line.startswith(b"event: ")]
        assert [name.removeprefix("thread.") for name in rest][-4:] == last


def test_a_run_on_a_known_thread_streams_without_a_thread_event(upstream):
    thread = upstream.post("/threads", {"messages": [{"role": "user", "content": "/code 2+2"}]})["id"]
    events = stream_of(upstream, f"/threads/{thread}/runs", {"assistant_id": DISPATCH, "stream": True})
    assert names(events)[:3] == ["run.created", "run.queued", "run.in_progress"]
    assert names(events)[-2:] == ["run.completed", "done"]


def test_a_client_that_leaves_does_not_cancel_the_run(upstream):
    with open_stream(upstream, "/threads/runs", body("/slow 0.5")) as reply:
        line = next(line for line in reply if b'"object":"thread.run"' in line).decode()
    run_id, thread_id = (line.split(f'"{name}":"')[1].split('"')[0] for name in ("id", "thread_id"))
    assert upstream.wait({"id": run_id, "thread_id": thread_id})["status"] == "completed"


def test_search_text_streams_only_to_who_asks(upstream):
    plain = str(stream(upstream, "/search refunds"))
    assert "file_search" in plain
    assert "'results': [{'file_id': 'file-sandbox-claims', 'file_name': 'claims.md', 'score'" in plain
    assert "'content': [{'type': 'text', 'text': 'Liab" not in plain
    path = "/threads/runs?include[]=step_details.tool_calls[*].file_search.results[*].content"
    full = str(stream_of(upstream, path, body("/search refunds")))
    assert "'content': [{'type': 'text', 'text': 'Liab" in full


def test_dialect_without_event_lines(upstream):
    upstream.quirk(stream_dialect="astra")
    with open_stream(upstream, "/threads/runs", body("hi")) as reply:
        lines = [line for line in reply.read().split(b"\n") if line]
    assert all(line.startswith(b"data: ") for line in lines)
    assert lines[0].startswith(b'data: {"event":"thread.created","data":{')
    assert lines[-1] == b"data: [DONE]"


def test_dialect_with_crlf_comments_floats_and_no_end(upstream):
    upstream.quirk(stream_dialect="bare")
    with open_stream(upstream, "/threads/runs", body("hi")) as reply:
        raw = reply.read()
    assert raw.count(b": keep-alive\r\n") == raw.count(b"event: ")
    assert b"[DONE]" not in raw
    assert b'"created_at":1' in raw
    assert b".25," in raw
    assert b'data: {\r\ndata:"' in raw


def test_a_refusal_of_a_stream_is_json(upstream):
    status, error = upstream.refusal("POST", "/threads/runs", body("hi", temperature=9))
    assert (status, error["param"]) == (400, "temperature")
