"""Checks that messages read against a schema get the same rows as by the tolerant way, or are not read so at all."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.generate import Past
from runsdash.index.fulltext.words import joined_words
from runsdash.index.importing.block_rows import object_of
from runsdash.index.importing.fast.messages import UsualMessage
from runsdash.index.importing.fast.usual_lines import read_usual_line
from runsdash.index.importing.read_line import ImportLine
from runsdash.index.importing.rows_from_objects import message_rows
from runsdash.index.snapshots.rows import positioned_messages
from runsdash.service.objects import Message
from tests.index.importing.test_fast_steps import AGE, CONTEXT, ODD, both_lines, changed, places

ASKED = {
    "id": "msg_1", "object": "thread.message", "created_at": 1_790_000_000, "thread_id": "thread_1", "run_id": None,
    "assistant_id": None, "role": "user", "attachments": [], "metadata": {"from": "web"},
    "content": [{"type": "text", "text": {"value": "Where is INV-2026-11873, na\u00efve?", "annotations": []}}],
}  # fmt: skip
ANSWERED = ASKED | {
    "run_id": "run_1", "assistant_id": "asst_1", "role": "assistant", "status": "completed", "metadata": None,
    "completed_at": 1_790_000_009, "incomplete_at": None, "incomplete_details": None,
    "content": [
        {"type": "text", "text": {"value": '["one"]', "annotations": []}}, {"type": "text", "text": {"value": ""}},
    ],
}  # fmt: skip
CITED = {
    "type": "file_citation",
    "text": "[1]",
    "start_index": 0,
    "end_index": 3,
    "file_citation": {"file_id": "file-1"},
}


def both_ways(raw: dict) -> tuple | None:
    """Makes the rows in both ways of what can be read fast."""
    found = both_lines(raw)
    return found and tuple(map(comparable, found))


def comparable(line: ImportLine) -> tuple:
    ((one, created_at, position),) = positioned_messages([object_of(Message, line)], fallback=AGE)
    part, texts = message_rows(one, line, created_at, position, CONTEXT)
    return part, joined_words(texts), one.role, one.run_id


def test_usual_messages_are_read_fast_and_alike() -> None:
    for raw in (ASKED, ANSWERED):
        ours, theirs = both_ways(raw)
        assert ours == theirs
    assert ours[1] == ("one", False)


@given(st.data())
def test_what_is_read_fast_after_any_change_has_the_rows_of_the_tolerant_way(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from((ASKED, ANSWERED)))
    path = data.draw(st.sampled_from([*places(raw), ["agent_id"], ["metadata", "x"], ["content", 0, "index"]]))
    found = both_ways(changed(raw | {"metadata": {}}, path, data.draw(ODD), leave_out=False))
    if found:
        assert found[0] == found[1]


@given(st.data())
def test_what_is_left_out_does_not_matter(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from((ASKED, ANSWERED)))
    found = both_ways(changed(raw, data.draw(st.sampled_from(places(raw))), None, leave_out=True))
    if found:
        assert found[0] == found[1]


def test_images_marks_and_strange_texts_are_not_read_fast() -> None:
    image = {"type": "image_file", "image_file": {"file_id": "file-1"}}
    for strange in (
        {"content": [image]},
        {"content": [{"type": "text", "text": {"value": "see [1]", "annotations": [CITED]}}]},
        {"content": "a text"},
        {"content": [{"type": "text", "text": {"value": "a\x00"}}]},
        {"attachments": [{"file_id": "file-1", "tools": []}]},
        {"attachments": None},
        {"incomplete_details": {"reason": "max_tokens"}},
        {"object": "thread.run"},
    ):
        assert both_ways(ASKED | strange) is None, strange


def test_all_messages_of_a_past_are_read_fast() -> None:
    lines = [
        line.encode() for thread in Past(runs=50, until=int(AGE.timestamp())).threads() for line in thread.splitlines()
    ]
    messages = [line for line in lines if b'"thread.message"' in line]
    read = [read_usual_line(line, read_at=AGE, context=CONTEXT) for line in messages]
    assert len(read) > 50
    assert all(line is not None and isinstance(line.value, UsualMessage) for line in read)
