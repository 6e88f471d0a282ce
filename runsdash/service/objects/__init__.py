"""Reads answers into typed objects: `X.from_raw(value)` never raises and keeps the value as `.raw`.

Raw dicts stop here; the rest of RunsDash reads these objects.
"""

from .fields import ApiObject, Fields, ObjectText
from .messages import Annotation, Message, MessageContent
from .pages import Page
from .runs import LastError, RequiredAction, Run, Unchanged, Usage
from .steps import RunStep, sorted_steps
from .threads import Assistant, Deleted, FileContent, Thread
from .tool_calls import FileSearchResult, ToolCall

__all__ = [
    "Annotation",
    "ApiObject",
    "Assistant",
    "Deleted",
    "Fields",
    "FileContent",
    "FileSearchResult",
    "LastError",
    "Message",
    "MessageContent",
    "ObjectText",
    "Page",
    "RequiredAction",
    "Run",
    "RunStep",
    "Thread",
    "ToolCall",
    "Unchanged",
    "Usage",
    "sorted_steps",
]
