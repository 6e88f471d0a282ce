"""An answer about another object than was asked for is no answer: every operation that names one, every id it names."""

import inspect

import pytest

from runsdash.service import OPERATIONS, Client, UpstreamFailed, tool_output
from tests.service.raw_server import RawServer, reply, stream

# What an operation needs beside ids.
NEEDED = {
    "create_run": {"assistant_id": "asst_a"},
    "create_message": {"content": "hello"},
    "modify_run": {"metadata": {"a": "b"}},
    "modify_thread": {"metadata": {"a": "b"}},
    "submit_tool_outputs": {"tool_outputs": [tool_output(tool_call_id="call_a", output="7")]},
}
# Those that name no object whose answer could say that it is another.
ABOUT_NONE = {
    "create_thread_and_run", "create_thread", "create_assistant", "list_threads", "list_assistants",
    "retrieve_file_content",
}  # fmt: skip
IDS = ("thread_id", "run_id", "step_id", "message_id", "assistant_id")


def ids_of(operation: str) -> dict[str, str]:
    """The ids an operation must be given, as it would send them."""
    parameters = inspect.signature(getattr(Client, operation)).parameters
    names = [one for one in IDS if one in parameters and parameters[one].default is inspect.Parameter.empty]
    return {one: f"{one}_asked" for one in names if one not in NEEDED.get(operation, {})}


def right_answer(operation: str, ids: dict[str, str]) -> dict[str, str]:
    is_one = not operation.startswith(("create_", "list_"))
    own = list(ids)[-1] if is_one else ""
    return {"id": ids.get(own, "id_new")} | {name: one for name, one in ids.items() if name != own}


CASES = [
    (operation, name)
    for operation in sorted(OPERATIONS - ABOUT_NONE)
    for name in right_answer(operation, ids_of(operation))
    if name != "id" or not operation.startswith(("create_", "list_"))
]


def ask(operation: str, answer: bytes, **more: object) -> object:
    with RawServer(answer) as server:
        client = Client(server.base_url, "key", timeout=5, max_retries=0)
        return getattr(client, operation)(**ids_of(operation), **NEEDED.get(operation, {}), **more)


def test_every_operation_is_looked_at():
    assert {operation for operation, _ in CASES} == OPERATIONS - ABOUT_NONE
    assert len(CASES) > 20


@pytest.mark.parametrize("operation", sorted({operation for operation, _ in CASES}))
def test_the_right_answer_is_taken(operation):
    answer = right_answer(operation, ids_of(operation))
    is_list = operation.startswith("list_")
    found = ask(operation, reply({"object": "list", "data": [answer]} if is_list else answer))
    assert (found.data[0] if is_list else found).id == answer["id"]


@pytest.mark.parametrize(("operation", "name"), CASES)
def test_another_one_is_not(operation, name):
    answer = right_answer(operation, ids_of(operation)) | {name: "id_of_another"}
    if operation.startswith("list_"):
        assert ask(operation, reply({"object": "list", "data": [answer]})).data == []
        return
    with pytest.raises(UpstreamFailed, match=f"its {name} is 'id_of_another'") as failed:
        ask(operation, reply(answer))
    is_write = not operation.startswith("retrieve_")
    assert failed.value.outcome_unclear == is_write


@pytest.mark.parametrize("name", ["id", "thread_id"])
@pytest.mark.parametrize("is_json", [False, True])
def test_a_stream_of_another_run_ends_at_once(name, is_json):
    ids = ids_of("submit_tool_outputs")
    run = '{"object":"thread.run","id":"%(id)s","thread_id":"%(thread_id)s","status":"queued"}'
    run %= right_answer("submit_tool_outputs", ids) | {name: "id_of_another"}
    event = f"event: thread.run.queued\ndata: {run}\n\n".encode()
    found = ask("submit_tool_outputs", reply(run.encode()) if is_json else stream(event), stream=True)
    assert list(found) == []
    assert (found.run, found.error.outcome_unclear) == (None, True)
    assert f"its {name} is 'id_of_another'" in found.error.message
