"""The official SDK drives the sandbox without change."""

import openai
import pytest
from openai import AssistantEventHandler, OpenAI

# The SDK says so on each call; the protocol lives on elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")

DISPATCH = "asst_sandbox_dispatch"


@pytest.fixture
def client(upstream):
    with OpenAI(base_url=upstream.base_url, api_key=upstream.api_key, max_retries=0, timeout=20) as client:
        yield client


class Recorder(AssistantEventHandler):
    """Records what the SDK passes to its callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self.names, self.text, self.calls, self.images, self.notes = [], "", [], [], []

    def on_event(self, event):
        self.names.append(event.event)

    def on_text_delta(self, delta, snapshot):
        self.text += delta.value or ""

    def on_text_done(self, text):
        self.notes = text.annotations or []

    def on_tool_call_done(self, tool_call):
        if tool_call not in self.calls:
            self.calls.append(tool_call)

    def on_image_file_done(self, image_file):
        self.images.append(image_file.file_id)


def thread_with(text: str) -> dict:
    return {"messages": [{"role": "user", "content": text}]}


def outputs_of(run) -> list[dict]:
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [{"tool_call_id": call.id, "output": '{"at":"Northgate"}'} for call in calls]


def test_create_poll_and_read_the_answer(client):
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "hello there"}])
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=DISPATCH, poll_interval_ms=20)
    assert run.status == "completed"
    assert run.usage.total_tokens == run.usage.prompt_tokens + run.usage.completion_tokens > 0
    newest, first = client.beta.threads.messages.list(thread.id).data
    assert "hello there" in newest.content[0].text.value
    assert (newest.role, newest.run_id, first.run_id) == ("assistant", run.id, None)


def test_an_assistant_of_the_client_is_served(client):
    weigh = {"type": "function", "function": {"name": "weigh", "parameters": {"type": "object", "properties": {}}}}
    assistant = client.beta.assistants.create(model="gpt-4.1", name="Scale", tools=[weigh])
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "How heavy is it?"}])
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20)
    assert run.status == "requires_action"
    run = client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=thread.id, tool_outputs=outputs_of(run), poll_interval_ms=20
    )
    assert run.status == "completed"
    assert "Northgate" in client.beta.threads.messages.list(thread.id).data[0].content[0].text.value
    assert client.beta.assistants.delete(assistant.id).deleted


def test_stream_of_parallel_calls_and_of_their_outputs(client):
    first, second = Recorder(), Recorder()
    with client.beta.threads.create_and_run_stream(
        assistant_id="asst_sandbox_parallel", thread=thread_with("Box BX-204?"), event_handler=first
    ) as stream:
        stream.until_done()
    run = first.current_run
    assert run.status == "requires_action"
    assert [call.function.name for call in first.calls] == ["find_shipment", "read_logger"]
    pending = run.required_action.submit_tool_outputs.tool_calls
    assert [call.function.arguments for call in first.calls] == [call.function.arguments for call in pending]
    with client.beta.threads.runs.submit_tool_outputs_stream(
        run_id=run.id, thread_id=run.thread_id, tool_outputs=outputs_of(run), event_handler=second
    ) as stream:
        stream.until_done()
    assert second.current_run.status == "completed"
    assert second.text.count("Northgate") == 2
    assert second.names[:3] == ["thread.run.step.completed", "thread.run.queued", "thread.run.in_progress"]


def test_stream_of_code_with_its_image(client):
    seen = Recorder()
    with client.beta.threads.create_and_run_stream(
        assistant_id=DISPATCH, thread=thread_with("/code 2**10 /plot 3 1 2"), event_handler=seen
    ) as stream:
        stream.until_done()
    steps = client.beta.threads.runs.steps.list(seen.current_run.id, thread_id=seen.current_run.thread_id, order="asc")
    code, plot, answer = steps.data
    assert code.step_details.tool_calls[0].code_interpreter.outputs[0].logs == "1024\n"
    file_id = plot.step_details.tool_calls[0].code_interpreter.outputs[0].image.file_id
    assert seen.images == [file_id]
    assert answer.step_details.type == "message_creation"
    assert client.files.content(file_id).content.startswith(b"\x89PNG")
    assert client.files.retrieve(file_id).filename.endswith(".png")


def test_stream_of_a_search_cites_its_files(client):
    seen = Recorder()
    with client.beta.threads.create_and_run_stream(
        assistant_id=DISPATCH, thread=thread_with("/search lithium batteries"), event_handler=seen
    ) as stream:
        stream.until_done()
    (message,) = stream.get_final_messages()
    text = message.content[0].text
    assert [note.file_citation.file_id for note in text.annotations] == ["file-sandbox-transit-times"]
    for note in text.annotations:
        assert text.value[note.start_index : note.end_index] == note.text
    assert seen.text == text.value


def test_cancel_is_seen_as_cancelling_then_cancelled(client):
    run = client.beta.threads.create_and_run(assistant_id=DISPATCH, thread=thread_with("/slow 30"))
    assert client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id).status == "cancelling"
    ended = client.beta.threads.runs.poll(run.id, thread_id=run.thread_id, poll_interval_ms=10)
    assert ended.status == "cancelled"
    assert (ended.expires_at, ended.cancelled_at) == (None, pytest.approx(ended.created_at, abs=5))


def test_pages_come_once_each_and_in_order(client):
    thread = client.beta.threads.create()
    sent = [client.beta.threads.messages.create(thread.id, role="user", content=str(at)).id for at in range(7)]
    listed = [message.id for message in client.beta.threads.messages.list(thread.id, limit=3, order="asc")]
    assert listed == sent
    assert [message.id for message in client.beta.threads.messages.list(thread.id, limit=2)] == sent[::-1]


def test_errors_are_the_kinds_the_sdk_knows(client, upstream):
    with pytest.raises(openai.NotFoundError, match="No thread found with id 'thread_none'"):
        client.beta.threads.retrieve("thread_none")
    with pytest.raises(openai.BadRequestError) as refused:
        client.beta.threads.messages.create(client.beta.threads.create().id, role="user", content="")
    assert refused.value.request_id.startswith("req_")
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").beta.assistants.list()
    upstream.fault("GET /assistants", "429", retry_after_s=3)
    with pytest.raises(openai.RateLimitError) as limited:
        client.beta.assistants.list()
    assert limited.value.response.headers["retry-after"] == "3"
    assert limited.value.code == "rate_limit_exceeded"


def test_metadata_is_replaced_whole(client):
    thread = client.beta.threads.create(metadata={"a": "1", "b": "2"})
    assert client.beta.threads.update(thread.id, metadata={"c": "3"}).metadata == {"c": "3"}
