"""Typed, tolerant objects: `X.from_raw(value)` never raises, whatever the value, and keeps it as `.raw`.

Raw dicts stop here; the rest of RunsDash reads these objects.
"""

from runsdash.service.objects.messages import Annotation, Message, MessageContent
from runsdash.service.objects.pages import Page
from runsdash.service.objects.runs import LastError, RequiredAction, Run, Usage
from runsdash.service.objects.steps import RunStep, sorted_steps
from runsdash.service.objects.threads import Assistant, Deleted, FileContent, Thread
from runsdash.service.objects.tool_calls import FileSearchResult, ToolCall

__all__ = [
    "Annotation",
    "Assistant",
    "Deleted",
    "FileContent",
    "FileSearchResult",
    "LastError",
    "Message",
    "MessageContent",
    "Page",
    "RequiredAction",
    "Run",
    "RunStep",
    "Thread",
    "ToolCall",
    "Usage",
    "sorted_steps",
]
