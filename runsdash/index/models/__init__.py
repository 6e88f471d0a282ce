"""What RunsDash remembers of its upstreams.

Every row has an integer key that grows with `created_at` (see `keys`) and is unique on (connection, upstream id).
Columns serve filters, sorting and sums; raw bodies live in tables of their own, compressed, and no list touches them.
"""

from .assistants import Assistant
from .bodies import MessageBody, RunBody, StepBody
from .connections import Connection
from .messages import Message
from .runs import Run, RunMetadata, StatusSeen
from .steps import RunStep
from .threads import Thread

__all__ = [
    "Assistant",
    "Connection",
    "Message",
    "MessageBody",
    "Run",
    "RunBody",
    "RunMetadata",
    "RunStep",
    "StatusSeen",
    "StepBody",
    "Thread",
]
