"""Stores what RunsDash remembers of its upstreams.

Every row has an integer key that grows with `created_at` (see storage/keys.py), and is unique on (connection, upstream
id). Columns serve filters, sorting and sums; raw bodies live in tables of their own, compressed, and no list touches
them.
"""

from .assistants import Assistant
from .bodies import MessageBody, RunBody, StepBody
from .budgets import BudgetSecond
from .children import ChildRun
from .connections import Connection
from .files import ArchivedFile, PurgedThread
from .jobs import Job
from .measures import MeasuredSum
from .messages import Message
from .notes import Label, Note, NoteWord
from .rollups import DirtyHour, RunSums
from .runs import Run, RunMetadata, StatusSeen
from .saved_views import KeptFilter, SavedView
from .steps import RunStep
from .texts import RunText, RunTool
from .threads import Thread, ThreadMetadata

__all__ = [
    "ArchivedFile",
    "Assistant",
    "BudgetSecond",
    "ChildRun",
    "Connection",
    "DirtyHour",
    "Job",
    "KeptFilter",
    "Label",
    "MeasuredSum",
    "Message",
    "MessageBody",
    "Note",
    "NoteWord",
    "PurgedThread",
    "Run",
    "RunBody",
    "RunMetadata",
    "RunStep",
    "RunSums",
    "RunText",
    "RunTool",
    "SavedView",
    "StatusSeen",
    "StepBody",
    "Thread",
    "ThreadMetadata",
]
