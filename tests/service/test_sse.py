"""Event streams in every dialect become the same events."""

import json

import pytest

from runsdash.service import Delta, Message, Run, RunStep, Thread
from runsdash.service.sse import frames
from runsdash.service.stream_events import events_of


def frames_of(text):
    return list(frames([text.encode()]))


def named(text):
    """Names and data types of the events in a stream."""
    return [(event.name, type(event.data)) for frame in frames_of(text) for event in events_of(*frame)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end):
    text = end.join(["event: a", "data: 1", "", "event: b", "data: 2", "data:3", "", ""])
    assert frames_of(text) == [("a", ["1"]), ("b", ["2", "3"])]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_of_any_size(size):
    text = ": hello\r\nevent: a\r\ndata: é€😀\r\n\r\ndata: [DONE]\r\n\r\n".encode()
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    assert list(frames(pieces)) == [("a", ["é€😀"]), (None, ["[DONE]"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_event_is_there_as_soon_as_its_last_line_ends(end):
    """The next piece may come much later: an event waits for none."""
    asked = []

    def pieces():
        for text in ("event: a\ndata: 1\n\n", "data: 2\n\n"):
            asked.append(text)
            yield text.replace("\n", end).encode()

    for number, (_, lines) in enumerate(frames(pieces()), start=1):
        assert (lines, len(asked)) == ([str(number)], number)


def test_comments_other_fields_and_a_byte_order_mark_are_skipped():
    assert frames_of("\ufeff: ping\nid: 7\nretry: 10\nevent: a\ndata: 1\n\n: ping\n\n") == [("a", ["1"])]


def test_a_missing_last_blank_line():
    assert frames_of("event: a\ndata: 1") == [("a", ["1"])]
    assert frames_of("event: a\ndata: 1\n") == [("a", ["1"])]


def test_only_one_space_is_taken_off():
    assert frames_of("data:  x \n\n") == [(None, [" x "])]


def test_names_from_the_event_line():
    run = json.dumps({"id": "r", "object": "thread.run", "status": "queued"})
    assert named(f"event: thread.run.queued\ndata: {run}\n\n") == [("thread.run.queued", Run)]
    assert named('event: thread.run.step.delta\ndata: {"id":"s"}\n\n') == [("thread.run.step.delta", Delta)]
    assert named('event: thread.run.step.created\ndata: {"id":"s"}\n\n') == [("thread.run.step.created", RunStep)]
    assert named('event: thread.message.delta\ndata: {"id":"m"}\n\n') == [("thread.message.delta", Delta)]
    assert named('event: thread.message.completed\ndata: {"id":"m"}\n\n') == [("thread.message.completed", Message)]
    assert named('event: thread.created\ndata: {"id":"t"}\n\n') == [("thread.created", Thread)]


def test_names_from_the_data_itself():
    inner = '{"event":"thread.run.queued","data":{"id":"r"}}'
    assert named(f"data: {inner}\n\n") == [("thread.run.queued", Run)]
    assert named(f"event: thread.run.queued\ndata: {inner}\n\n") == [("thread.run.queued", Run)]
    assert named(f"event: message\ndata: {inner}\n\n") == [("thread.run.queued", Run)]


def test_names_from_the_type_of_the_object():
    assert named('data: {"id":"r","object":"thread.run","status":"failed"}\n\n') == [("thread.run.failed", Run)]
    assert named('data: {"id":"s","object":"thread.run.step","status":"x"}\n\n') == [("thread.run.step.x", RunStep)]
    assert named('data: {"id":"m","object":"thread.message.delta"}\n\n') == [("thread.message.delta", Delta)]
    assert named('data: {"id":"t","object":"thread"}\n\n') == [("thread.created", Thread)]
    assert named('data: {"error":{"message":"x"}}\n\n') == [("error", dict)]
    assert named('data: {"odd":1}\n\n') == [("message", dict)]


@pytest.mark.parametrize(
    "text",
    [
        "event: done\ndata: [DONE]\n\n",
        "data: [DONE]\n\n",
        "event: done\n\n",
        "event: done\ndata:\n\n",
        'data: {"event":"done","data":"[DONE]"}\n\n',
        'data: "[DONE]"\n\n',
    ],
)
def test_the_end_in_all_its_forms(text):
    assert named(text) == [("done", type(None))]


def test_json_over_several_lines_and_several_jsons_in_one_frame():
    assert named('event: thread.run.queued\ndata: {"id":\ndata: "r"}\n\n') == [("thread.run.queued", Run)]
    lines = 'data: {"event":"thread.created","data":{"id":"t"}}\ndata: {"event":"thread.run.queued","data":{"id":"r"}}'
    assert named(f"{lines}\ndata: [DONE]\n\n") == [
        ("thread.created", Thread),
        ("thread.run.queued", Run),
        ("done", type(None)),
    ]


def test_unknown_events_and_broken_data_pass_through():
    assert named('event: thread.mood.changed\ndata: {"mood":"good"}\n\n') == [("thread.mood.changed", dict)]
    assert named("event: thread.run.queued\ndata: {broken\n\n") == [("thread.run.queued", str)]
    assert named("event: thread.run.queued\ndata: [1]\n\n") == [("thread.run.queued", list)]
    assert named("event: ping\n\n") == []


def test_raw_events_carry_json():
    (frame,) = frames_of('event: thread.run.queued\ndata: {"id":"r"}\n\n')
    (event,) = events_of(*frame, raw=True)
    assert event.data == {"id": "r"}
