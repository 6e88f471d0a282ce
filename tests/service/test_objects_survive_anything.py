"""Nothing in a reply may crash a page: any JSON through every reader, and everything read from the result."""

import dataclasses
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from runsdash.service import objects
from runsdash.service.decoding import Undecodable, decode_json, error_field, error_text
from runsdash.service.merging import merge, settled
from runsdash.service.objects.fields import OPTIONAL, Fields, ObjectText
from runsdash.service.sse import frames
from runsdash.service.stream_events import Delta, events_of

MORE_FIELDS = "step_details delta function code_interpreter file_search outputs text value index error data"
FIELDS = sorted(
    {
        field.name
        for kind in (objects.Run, objects.RunStep, objects.Message, objects.ToolCall, objects.Annotation)
        for field in dataclasses.fields(kind)
    }.union(MORE_FIELDS.split())
)
WORDS = st.sampled_from(["tool_calls", "function", "code_interpreter", "text", "queued", "submit_tool_outputs", ""])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS | st.integers(10**20, 10**40)
)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=6), inner, max_size=8)
    ),
    max_leaves=20,
)
KINDS = [
    kind
    for kind in (getattr(objects, name) for name in objects.__all__)
    if hasattr(kind, "from_raw") and kind is not objects.Page
]


def read_everything(value):
    """Every field and every property, down to the last object."""
    if isinstance(value, list):
        for item in value:
            read_everything(item)
    elif isinstance(value, Fields | ObjectText):
        read_everything([getattr(value, name) for name in OPTIONAL])
    elif dataclasses.is_dataclass(value):
        for name in [name for name in dir(type(value)) if not name.startswith("_") and name != "raw"]:
            read_everything(getattr(value, name))
        json.dumps(value.to_dict() if isinstance(value, objects.ApiObject) else None)


@given(raw=ANY_JSON)
@settings(max_examples=100, deadline=None)
def test_any_json_makes_an_object_of_any_kind(raw):
    for kind in [*KINDS, Delta]:  # drawing takes longer than reading
        found = kind.from_raw(raw)
        read_everything(found)
        if found is not None:
            assert found.raw is raw


@given(raw=ANY_JSON)
@settings(max_examples=100, deadline=None)
def test_any_json_makes_a_page(raw):
    read_everything(objects.Page.from_raw(raw, item_from_raw=objects.RunStep.from_raw))


@given(steps=st.lists(ANY_JSON, max_size=6))
@settings(max_examples=40, deadline=None)
def test_any_steps_can_be_sorted(steps):
    assert len(objects.sorted_steps(objects.RunStep.from_raw(step) for step in steps)) == len(steps)


@given(deltas=st.lists(st.dictionaries(st.sampled_from(FIELDS), ANY_JSON, max_size=6), max_size=6))
@settings(max_examples=100, deadline=None)
def test_any_deltas_can_be_merged(deltas):
    tree = {}
    for delta in deltas:
        merge(tree, delta)
        read_everything(objects.Message.from_raw(settled(tree)))
    json.dumps(settled(tree))


@given(content=st.binary(max_size=200) | ANY_JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=100, deadline=None)
def test_any_bytes_decode_or_are_refused(content):
    try:
        value = decode_json(content)
    except Undecodable:
        return
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    assert isinstance(error_text(value), str)
    assert isinstance(error_field(value, "code"), str | None)


@given(
    pieces=st.lists(
        st.binary(max_size=20)
        | st.sampled_from([b"data: ", b"event: ", b"\n", b"\r", b"\r\n\r\n", b'{"id":"x"}', b"[DONE]", b":"]),
        max_size=30,
    )
)
@settings(max_examples=100, deadline=None)
def test_any_bytes_make_events(pieces):
    whole = list(frames([b"".join(pieces)]))
    assert list(frames(pieces)) == whole
    for name, lines in whole:
        for event in events_of(name, lines):
            assert isinstance(event.name, str)
