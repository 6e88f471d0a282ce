"""Calls a server of the Threads/Runs API and gives back typed objects.

    client = Client("https://host/v1", "key")
    page = client.list_runs(thread_id="thread_a1")
    future = client.background.retrieve_run(thread_id="thread_a1", run_id="run_a1")

Works as a library: it needs `requests` and nothing else, knows no Django and reads no environment.
"""

import json

from runsdash.service.operations.steps import FILE_SEARCH_CONTENT

from .capabilities import Capabilities
from .client import Client
from .describing import RequestDescription
from .errors import (
    Conflict,
    InvalidRequest,
    NoAnswer,
    NotFound,
    NotSupported,
    RateLimited,
    Refused,
    ServiceError,
    Unauthorized,
    UpstreamFailed,
)
from .json_types import JsonLike
from .objects import (
    Annotation,
    Assistant,
    Deleted,
    FileContent,
    FileSearchResult,
    LastError,
    Message,
    MessageContent,
    Page,
    RequiredAction,
    Run,
    RunStep,
    Thread,
    ToolCall,
    Usage,
    sorted_steps,
)
from .operations import OPERATIONS
from .providers import PROVIDERS
from .retry import Backoff
from .statuses import RunStatus, StepStatus, UnknownStatus, run_status, step_status
from .stream import RunStream
from .stream_events import Delta, StreamEvent


def tool_output(tool_call_id: str, output: JsonLike) -> dict[str, str]:
    """Makes one item for `submit_tool_outputs`. Text is sent as it is, any other value as its JSON text."""
    try:
        text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise InvalidRequest(f"The output holds something that JSON cannot carry: {error}.", param="output") from None
    return {"tool_call_id": tool_call_id, "output": text}


__all__ = [
    "FILE_SEARCH_CONTENT",
    "OPERATIONS",
    "PROVIDERS",
    "Annotation",
    "Assistant",
    "Backoff",
    "Capabilities",
    "Client",
    "Conflict",
    "Deleted",
    "Delta",
    "FileContent",
    "FileSearchResult",
    "InvalidRequest",
    "LastError",
    "Message",
    "MessageContent",
    "NoAnswer",
    "NotFound",
    "NotSupported",
    "Page",
    "RateLimited",
    "Refused",
    "RequestDescription",
    "RequiredAction",
    "Run",
    "RunStatus",
    "RunStep",
    "RunStream",
    "ServiceError",
    "StepStatus",
    "StreamEvent",
    "Thread",
    "ToolCall",
    "Unauthorized",
    "UnknownStatus",
    "UpstreamFailed",
    "Usage",
    "run_status",
    "sorted_steps",
    "step_status",
    "tool_output",
]
