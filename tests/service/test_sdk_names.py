"""Our objects answer to every name of the official SDK's models, with the same value.

The SDK's own models are walked, so a field it gains shows here.
"""

import itertools
import typing
from datetime import datetime

import pydantic
import pytest
from openai.types.beta import Assistant, Thread
from openai.types.beta.threads import Message, Run
from openai.types.beta.threads.runs import RunStep

from runsdash.service import objects
from runsdash.service.objects.fields import OPTIONAL

PAIRS = [
    (Run, objects.Run),
    (RunStep, objects.RunStep),
    (Message, objects.Message),
    (Thread, objects.Thread),
    (Assistant, objects.Assistant),
]
BY_NAME = pytest.mark.parametrize(("model", "ours"), PAIRS, ids=[model.__name__ for model, _ in PAIRS])
_numbers = itertools.count(1_795_000_000)


def example(kind: object) -> object:
    """A value of the annotated kind with every field filled; a list holds each member of its union."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        return {field.alias or name: example(field.annotation) for name, field in kind.model_fields.items()}
    if origin is typing.Annotated:
        return example(inner[0])
    if origin is typing.Literal:
        return inner[0]
    if origin is list:
        return [example(member) for member in members(inner[0])]
    if origin is dict:
        return {"key": "word"}
    if origin is not None:
        return example(max(members(kind), key=lambda member: is_model(member)))
    return {str: f"word {next(_numbers)}", int: next(_numbers), float: 0.5, bool: True}[kind]


def members(kind: object) -> list[object]:
    """The members of a union, None left out; any other kind by itself."""
    if typing.get_origin(kind) is typing.Annotated:
        return members(typing.get_args(kind)[0])
    if typing.get_origin(kind) is not typing.Union:
        return [kind]
    return [one for inner in typing.get_args(kind) if inner is not type(None) for one in members(inner)]


def is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def models(kind: object) -> set[type[pydantic.BaseModel]]:
    if not is_model(kind):
        return {found for inner in typing.get_args(kind) for found in models(inner)}
    return {kind}.union(*(models(field.annotation) for field in kind.model_fields.values()))


def variants(model: type[pydantic.BaseModel]) -> list[dict]:
    """A full object, one for each member of its unions, and one with only what must be there."""
    found = [example(model)]
    for name, field in model.model_fields.items():
        found += [{**found[0], name: example(member)} for member in members(field.annotation)]
    found.append({name: found[0][name] for name, field in model.model_fields.items() if field.is_required()})
    return found


def assert_same(expected: object, ours: object, path: str) -> None:
    if isinstance(expected, pydantic.BaseModel):
        for name in type(expected).model_fields:
            assert_same(getattr(expected, name), getattr(ours, name), f"{path}.{name}")
    elif isinstance(expected, list):
        assert len(expected) == len(ours), path
        for place, item in enumerate(expected):
            assert_same(item, ours[place], f"{path}[{place}]")
    elif expected is None:
        assert not ours, path
    else:
        assert expected == (ours.timestamp() if isinstance(ours, datetime) else ours), path


@BY_NAME
def test_every_name_of_the_sdk_leads_to_the_same_value(model, ours):
    for raw in variants(model):
        assert_same(model.model_validate(raw), ours.from_raw(raw), model.__name__)


@BY_NAME
def test_every_field_without_a_class_may_be_left_out(model, ours):
    for part in models(model) - {model}:
        unknown = {name for name in part.model_fields if name not in OPTIONAL and not has_class(name)}
        assert not unknown, part.__name__


def has_class(name: str) -> bool:
    kinds = (objects.ToolCall, objects.Usage, objects.LastError, objects.RequiredAction, objects.MessageContent)
    return any(hasattr(kind, name) for kind in kinds)


@BY_NAME
def test_to_dict_gives_a_copy_of_the_json(model, ours):
    raw = example(model)
    copied = ours.from_raw(raw).to_dict()
    assert copied == raw
    copied.clear()
    assert raw
    assert ours.from_raw("odd").to_dict() == {}


def test_objects_of_the_sandbox_have_the_names(client, upstream, waiting_run):
    thread_id, run_id = waiting_run["thread_id"], waiting_run["id"]
    run = client.retrieve_run(thread_id=thread_id, run_id=run_id)
    assert_same(Run.model_validate(waiting_run), run, "run")
    call = run.required_action.submit_tool_outputs.tool_calls[0]
    assert (
        call.function.arguments
        == waiting_run["required_action"]["submit_tool_outputs"]["tool_calls"][0]["function"]["arguments"]
    )
    upstream.wait(upstream.answer(waiting_run), "completed")
    for step in client.iter_run_steps(thread_id=thread_id, run_id=run_id):
        assert_same(RunStep.model_validate(step.raw), step, "step")
    for message in client.iter_messages(thread_id=thread_id):
        assert_same(Message.model_validate(message.raw), message, "message")
        assert message.content[0].text.value == message.content[0].text
    assert_same(
        Thread.model_validate(upstream.get(f"/threads/{thread_id}")), client.retrieve_thread(thread_id=thread_id), ""
    )


@pytest.mark.parametrize("text", ["/code 6*7", "/search refund", "/incomplete", "/fail server_error"])
def test_runs_of_every_kind_have_the_names(client, upstream, text):
    raw = upstream.wait(upstream.run(text))
    run = client.retrieve_run(thread_id=raw["thread_id"], run_id=raw["id"])
    assert_same(Run.model_validate(raw), run, "run")
    for step in client.iter_run_steps(thread_id=run.thread_id, run_id=run.id):
        assert_same(RunStep.model_validate(step.raw), step, "step")


def test_details_beyond_the_sdk_are_there_too():
    raw = {"id": "r", "usage": {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 3}}}
    usage = objects.Run.from_raw(raw).usage
    assert (usage.prompt_tokens_details.cached_tokens, usage.completion_tokens_details) == (3, None)


def test_a_misspelt_name_is_an_attribute_error():
    tool = objects.Run.from_raw({"id": "r", "tools": [{"type": "function"}]}).tools[0]
    assert tool.function is None
    for name in ("functoin", "resolve_expression", "__html__"):
        with pytest.raises(AttributeError):
            getattr(tool, name)


def test_names_of_other_shapes_lead_to_the_same_parts():
    flat = {"submit_tool_outputs": {"tool_calls": [{"id": "call_1", "name": "get_stock", "arguments": {"sku": 1}}]}}
    action = objects.RequiredAction.from_raw(flat)
    assert action.submit_tool_outputs.tool_calls[0].function == {
        "name": "get_stock",
        "arguments": '{"sku": 1}',
        "output": None,
    }
    message = objects.Message.from_raw({"id": "m", "content": "hello", "incomplete_details": "max_tokens"})
    assert (message.content[0].text.value, message.content[0].text.annotations) == ("hello", [])
    assert message.incomplete_details.reason == "max_tokens"
