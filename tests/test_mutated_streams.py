"""Any stream of a run, changed anywhere, goes through parser, ingest, live output and pages: no error, few statements."""

import json

import pytest
from django.db import reset_queries
from django.test import Client as Browser
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from runsdash.accounts.tokens import new_token
from runsdash.actions.live.stream_readers import read_to_the_end
from runsdash.index.models import Connection, Run
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.service import Client, ServiceError
from runsdash.service.sse import frames
from runsdash.service.stream import Accumulated
from runsdash.service.stream_events import events_of
from tests.connected import until_nothing_is_written
from tests.queries import at_most
from tests.rows import made_connection
from tests.service.raw_server import RawServer
from tests.service.test_objects_survive_anything import ANY_JSON, read_everything
from tests.test_mutated_objects import SHARED, STATEMENTS, TAKING, mutate, mutations, numbers, objects_of, pages_hold

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
ENDINGS = st.sampled_from(["\n\n", "\r\n\r\n", "\n: pause\n\n", "\r\r"])


def events_for(name: str) -> list[list]:
    """The events of a run that calls tools and writes, as lists of name and data."""
    found = objects_of(name, waits=False)
    run, steps, messages = found["run"], found["steps"], found["messages"]
    begun = run | {"status": "in_progress", "failed_at": None, "last_error": None}
    events = [["thread.created", found["thread"]], ["thread.run.created", begun], ["thread.run.in_progress", begun]]
    for step in steps:
        open_ = step | {"status": "in_progress", "completed_at": None}
        calls = step["step_details"].get("tool_calls", [])
        details = {"type": "tool_calls", "tool_calls": [{"index": at, **call} for at, call in enumerate(calls)]}
        events.append(["thread.run.step.created", open_])
        events += [["thread.run.step.delta", {"id": step["id"], "delta": {"step_details": details}}]] if calls else []
        events.append(["thread.run.step.completed", step])
    for message in messages:
        part = {"index": 0, "type": "text", "text": {"value": "seven "}}
        events.append(["thread.message.created", message | {"content": [], "status": "in_progress"}])
        events += [["thread.message.delta", {"id": message["id"], "delta": {"content": [part]}}]] * 2
        events.append(["thread.message.completed", message])
    return [*events, ["thread.run.failed", run]]


@st.composite
def streams(draw: st.DrawFn) -> dict:
    """What is changed in a stream: values, whole events, their order, line ends, and where it breaks off."""
    share = st.floats(0, 1, exclude_max=True)
    return {
        "changes": draw(mutations()),
        "events": draw(st.lists(st.tuples(share, st.sampled_from(["drop", "twice", "last"]) | ANY_JSON), max_size=4)),
        "ending": draw(ENDINGS),
        "cut": draw(st.none() | share),
    }


def text_of(events: list[list], changed: dict) -> bytes:
    """Writes the changed stream. Its first run stays, so that there is one to be shown."""
    kept, events = events[1:2], mutate(events, changed["changes"])
    for at, change in changed["events"]:
        place = int(at * len(events))
        event = events.pop(place) if events else None
        if change == "twice":
            events[place:place] = [event, event]
        elif change == "last":
            events.append(event)
        elif change != "drop":
            events.insert(place, ["thread.run.step.delta", change])
    pairs = [one if isinstance(one, list) and len(one) == 2 else ["thread.message.delta", one] for one in events]
    lines = (f"event: {name}\ndata: {json.dumps(data)}{changed['ending']}" for name, data in [*kept, *pairs])
    text = "".join(lines).encode("utf-8", "surrogatepass")
    return text if changed["cut"] is None else text[: max(1, int(changed["cut"] * len(text)))]


@given(changed=streams())
@settings(max_examples=40, deadline=None)
def test_a_mutated_stream_is_put_together(changed):
    parts = Accumulated()
    for name, lines in frames([text_of(events_for("s"), changed)]):
        for event in events_of(name, lines):
            parts.take(event)
    read_everything([parts.run, parts.thread, *parts.steps, *parts.messages])
    assert isinstance(parts.text, str)


def survives_ingest(
    secret: str, operator: Browser, body: bytes, name: str, content_type: str, kinds: tuple = ("steps", "messages")
) -> None:
    reset_queries()  # Django keeps 9,000
    headers = {"Authorization": f"Bearer {secret}"}
    with at_most(TAKING):
        answer = Browser().post("/ingest/shop/", body, content_type=content_type, headers=headers)
    assert answer.status_code in (200, 422), answer.content
    found = objects_of(name, waits=False)
    run = Run.objects.select_related("thread").filter(upstream_id=found["run"]["id"]).first()
    if run is not None:
        raw = operator.get(f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/raw.json").getvalue()
        for kind in kinds:
            pages_hold(operator, run, {"run": json.loads(raw)}, kind)


@pytest.fixture
def secret(db: None, settings) -> str:
    settings.RUNSDASH_INGEST_PER_MIN = 1_000_000
    made_connection("shop", base_url="", is_enabled=False)
    token, secret = new_token(name="shop", scopes=["ingest"], user=None, days=None)
    token.save()
    return secret


def sent_stream(secret: str, operator: Browser, changed: dict, **kinds: tuple) -> None:
    name = f"i{next(numbers)}"
    survives_ingest(secret, operator, text_of(events_for(name), changed), name, "text/event-stream", **kinds)


@pytest.mark.django_db
@given(changed=streams())
@settings(max_examples=3, **SHARED)
def test_a_mutated_stream_that_is_sent_in_is_shown(secret, operator, changed):
    sent_stream(secret, operator, changed)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.django_db
@given(changed=streams())
@settings(max_examples=80, **SHARED)
def test_many_mutated_streams_that_are_sent_in_are_shown(secret, operator, changed):
    sent_stream(secret, operator, changed, kinds=("run", "steps", "messages", "thread"))


@pytest.mark.django_db
@given(value=ANY_JSON | st.lists(ANY_JSON, max_size=3), kind=st.sampled_from(["application/json", "text/event-stream"]))
@settings(max_examples=25, **SHARED)
def test_any_json_that_is_sent_in_is_answered(secret, operator, value, kind):
    survives_ingest(secret, operator, json.dumps(value).encode("utf-8", "surrogatepass"), "none", kind)


@pytest.mark.django_db
@given(body=st.binary(max_size=200), kind=st.sampled_from(["application/json", "text/event-stream", "text/plain"]))
@settings(max_examples=25, **SHARED)
def test_any_bytes_that_are_sent_in_are_answered(secret, operator, body, kind):
    survives_ingest(secret, operator, body, "none", kind)


def is_followed(operator: Browser, archive: Connection, changed: dict) -> None:
    """Reads the stream off a socket, as a run that was started here is, and opens its page."""
    reset_queries()
    name = f"l{next(numbers)}"
    run_id, thread_id = (objects_of(name, waits=False)["run"][key] for key in ("id", "thread_id"))
    with RawServer(HEAD + text_of(events_for(name), changed)) as server:
        client = Client(server.base_url, "k", timeout=5)
        try:
            stream = client.create_run(thread_id=thread_id, assistant_id="asst_x", stream=True)
            while stream.run is None and next(stream, None) is not None:
                pass
        except ServiceError:
            return
        if stream.run is None or stream.run.id != run_id:
            return stream.close()
        row = upsert_run(archive, stream.run, fetched_at=timezone.now(), thread_id=thread_id)
        read_to_the_end(stream, connection=archive, thread_id=thread_id)
        until_nothing_is_written(seconds=20)
    path = f"/threads/{row.thread.upstream_id}/runs/{row.upstream_id}/"
    for more in ("", "live/", "?tab=conversation"):
        with at_most(STATEMENTS):
            assert operator.get(path + more).status_code == 200, more
    return None


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.django_db(transaction=True)
@given(changed=streams())
@settings(max_examples=30, **SHARED)
def test_many_mutated_streams_are_followed_live(operator, changed):
    archive = Connection.objects.filter(slug="archive").first() or made_connection("archive", is_enabled=False)
    is_followed(operator, archive, changed)
