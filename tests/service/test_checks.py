"""Input is refused before it is sent, with an error that names the parameter."""

import pytest

from runsdash.service import InvalidRequest, tool_output


def refused_param(operation, **parameters):
    with pytest.raises(InvalidRequest) as caught:
        operation(**parameters)
    assert str(caught.value).startswith(caught.value.param)
    assert caught.value.status is None
    return caught.value.param


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metadata", {str(n): "x" for n in range(17)}),
        ("metadata", {"k" * 65: "x"}),
        ("metadata", {"k": "x" * 513}),
        ("metadata", {"k": 1}),
        ("metadata", {1: "x"}),
        ("metadata", {"": "x"}),
        ("metadata", "k=v"),
        ("temperature", 2.01),
        ("temperature", -0.1),
        ("temperature", "1"),
        ("temperature", True),
        ("temperature", float("nan")),
        ("top_p", 1.1),
        ("max_prompt_tokens", 255),
        ("max_completion_tokens", 1000.5),
        ("max_completion_tokens", True),
        ("model", 4),
        ("instructions", ["no"]),
        ("tools", "function"),
        ("tools", {"type": "function"}),
        ("truncation_strategy", "auto"),
        ("tool_choice", 3),
        ("response_format", []),
        ("parallel_tool_calls", "yes"),
        ("stream", 1),
        ("reasoning_effort", ""),
        ("additional_messages", "hello"),
    ],
)
def test_a_run_parameter_is_named(client, upstream, name, value):
    ids = {"thread_id": "thread_1", "assistant_id": "asst_1"}
    assert refused_param(client.create_run, **ids, **{name: value}) == name
    assert upstream.requests() == []


@pytest.mark.parametrize(
    ("name", "value", "param"),
    [
        ("tools", [{"type": "function"}, {}], "tools[1].type"),
        ("tools", [3], "tools[0]"),
        ("additional_messages", [{"role": "user"}], "additional_messages[0].content"),
        ("additional_messages", [{"content": "x"}], "additional_messages[0].role"),
        (
            "additional_messages",
            [{"role": "user", "content": "x", "metadata": {"k": 2}}],
            "additional_messages[0].metadata",
        ),
        ("response_format", {"schema": {1, 2}}, "response_format"),
    ],
)
def test_a_place_inside_a_parameter_is_named(client, name, value, param):
    assert refused_param(client.create_run, thread_id="t", assistant_id="a", **{name: value}) == param


@pytest.mark.parametrize("edge", [{"temperature": 0}, {"temperature": 2}, {"top_p": 1}, {"max_prompt_tokens": 256}])
def test_limits_themselves_are_allowed(client, edge):
    assert client.describe_request("create_run", thread_id="t", assistant_id="a", **edge).json.items() >= edge.items()


def test_metadata_up_to_its_limits_is_allowed(client):
    pairs = {f"{n:064}": "x" * 512 for n in range(16)}
    asked = client.describe_request("modify_run", thread_id="t", run_id="r", metadata=pairs)
    assert asked.json == {"metadata": pairs}


@pytest.mark.parametrize("bad", ["", "   ", ".", "..", None, 7, "x" * 513, "\ud800"])
def test_an_id_must_be_one(client, bad):
    assert refused_param(client.retrieve_run, thread_id="t", run_id=bad) == "run_id"
    assert refused_param(client.list_runs, thread_id=bad) == "thread_id"


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", 0), ("limit", 101), ("limit", True), ("limit", "20"), ("order", "up"), ("after", ""), ("before", 3)],
)
def test_a_list_parameter_is_named(client, name, value):
    for operation in (client.list_runs, client.list_messages):
        assert refused_param(operation, thread_id="t", **{name: value}) == name
    assert refused_param(client.list_run_steps, thread_id="t", run_id="r", **{name: value}) == name


def test_the_thread_of_a_thread_and_run(client):
    def param(thread):
        return refused_param(client.create_thread_and_run, assistant_id="a", thread=thread)

    assert param({"metadata": {"k": 1}}) == "thread.metadata"
    assert param({"messages": [{"role": "user", "content": ""}]}) == "thread.messages[0].content"
    assert param({"title": "x"}) == "thread.title"
    assert param("hello") == "thread"


def submit(client, outputs=None, **more):
    return refused_param(client.submit_tool_outputs, thread_id="t", run_id="r", tool_outputs=outputs, **more)


def test_tool_outputs_are_strings_with_an_id(client):
    assert submit(client) == "tool_outputs"
    assert submit(client, []) == "tool_outputs"
    assert submit(client, [{"tool_call_id": "c", "output": {"a": 1}}]) == "tool_outputs[0].output"
    assert submit(client, [{"output": "x"}]) == "tool_outputs[0].tool_call_id"
    assert submit(client, [tool_output("c", "1"), tool_output("c", "2")]) == "tool_outputs[1].tool_call_id"
    assert submit(client, tool_approvals=[{"tool_call_id": "c"}]) == "tool_approvals[0].approve"
    twice = [{"tool_call_id": "c", "approve": True}, {"tool_call_id": "c", "approve": False}]
    assert submit(client, tool_approvals=twice) == "tool_approvals[1].tool_call_id"


def test_tool_outputs_together_are_smaller_than_512_kb(client):
    fits = [tool_output("a", "x" * (512 * 1024 - 3)), tool_output("b", "é")]
    client.describe_request("submit_tool_outputs", thread_id="t", run_id="r", tool_outputs=fits)
    assert submit(client, [*fits, tool_output("c", "x")]) == "tool_outputs"


def test_an_output_that_is_no_text_is_sent_as_json():
    assert tool_output("c", {"left": "sieben é"}) == {"tool_call_id": "c", "output": '{"left": "sieben é"}'}
    assert tool_output("c", '{"a":1}')["output"] == '{"a":1}'


def test_a_required_parameter_is_checked_too(client):
    assert refused_param(client.create_run, thread_id="t", assistant_id="") == "assistant_id"
    assert refused_param(client.create_run, thread_id="t", assistant_id=None) == "assistant_id"
    assert refused_param(client.modify_run, thread_id="t", run_id="r", metadata=None) == "metadata"
    assert refused_param(client.create_message, thread_id="t", content=None) == "content"
    assert refused_param(client.create_assistant, model=None) == "model"
    assert refused_param(client.modify_thread, thread_id="t") == "metadata"
    assert refused_param(client.retrieve_file_content, file_id="f", max_bytes=0) == "max_bytes"
    assert refused_param(client.list_run_steps, thread_id="t", run_id="r", include=3) == "include"
