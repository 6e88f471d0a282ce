"""Every reply fits the types of the official SDK and, when its file is named, the protocol's schema."""

import os
from pathlib import Path

import pytest
import yaml
from openai.pagination import SyncCursorPage
from openai.types import beta
from openai.types.beta import threads
from openai.types.beta.assistant_stream_event import AssistantStreamEvent
from openai.types.beta.threads import runs
from openai.types.shared import ErrorObject
from openapi_schema_validator import OAS31Validator
from pydantic import BaseModel, ConfigDict, TypeAdapter

from tests.sandbox.replies import collect

SCHEMA_VARIABLE = "RUNSDASH_TEST_SCHEMA"


class ErrorBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    error: ErrorObject


TYPES = {
    "AssistantObject": beta.Assistant,
    "ListAssistantsResponse": SyncCursorPage[beta.Assistant],
    "DeleteAssistantResponse": beta.AssistantDeleted,
    "ThreadObject": beta.Thread,
    "DeleteThreadResponse": beta.ThreadDeleted,
    "MessageObject": threads.Message,
    "ListMessagesResponse": SyncCursorPage[threads.Message],
    "DeleteMessageResponse": threads.MessageDeleted,
    "RunObject": threads.Run,
    "ListRunsResponse": SyncCursorPage[threads.Run],
    "RunStepObject": runs.RunStep,
    "ListRunStepsResponse": SyncCursorPage[runs.RunStep],
    "AssistantStreamEvent": AssistantStreamEvent,
    "ErrorResponse": ErrorBody,
}


@pytest.fixture(scope="module")
def replies(sandbox):
    sandbox.clear_faults()
    sandbox.clear_quirks()
    return list(collect(sandbox))


def test_every_kind_of_reply_is_collected(replies):
    assert {name for name, _ in replies} == set(TYPES)
    assert {body["status"] for name, body in replies if name == "RunObject"} >= {
        "queued", "requires_action", "completed", "failed", "incomplete", "cancelling", "cancelled",
    }  # fmt: skip


def test_replies_fit_the_types_of_the_sdk(replies):
    adapters = {name: TypeAdapter(kind) for name, kind in TYPES.items()}
    for name, body in replies:
        if body.get("event") != "done":
            adapters[name].validate_python(body)


def test_replies_fit_the_schema_of_the_protocol(replies):
    path = os.environ.get(SCHEMA_VARIABLE)
    if not path:
        pytest.skip(f"{SCHEMA_VARIABLE} does not name the protocol's schema file")
    schemas = nullable_ids(yaml.safe_load(Path(path).read_text())["components"]["schemas"])
    for name, body in replies:
        root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        errors = sorted(OAS31Validator(root).iter_errors(body), key=str)
        assert not errors, f"{name}: {errors[0].message}\n{body}"


def nullable_ids(schemas: dict) -> dict:
    """The schema says the ids of an empty list are strings; every server sends null."""
    for name in [one for one in schemas if one.startswith("List")]:
        schemas[name]["properties"] |= {
            "first_id": {"type": ["string", "null"]},
            "last_id": {"type": ["string", "null"]},
        }
    return schemas
