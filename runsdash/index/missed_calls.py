"""Tells what an expired run waited for, and when it ended, by its steps: its server forgets both.

Where the run was seen while it waited, the server's own word stays (`pending_calls`, run_columns.py). Imports no
model, so that the processes that read an import may use it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from runsdash.service.json_types import JsonObject
from runsdash.service.objects.tool_types import OUTPUT, tool_type
from runsdash.service.statuses import StepStatus

StepCalls: TypeAlias = tuple[str, list[JsonObject], datetime | None]  # status, calls and end of a step


def missed_calls(steps: Iterable[StepCalls]) -> tuple[list[JsonObject], datetime | None]:
    """Finds the calls of an expired run that nobody answered, and when the last of their steps ended.

    A step that completed was answered, also where the server leaves its outputs out.
    """
    found: list[JsonObject] = []
    last = None
    for status, calls, ended_at in steps:
        missed = [call for call in calls if is_open(call)] if status != StepStatus.COMPLETED.value else []
        found, last = found + missed, ended_at if missed else last
    return found, last


def is_open(call: JsonObject) -> bool:
    return call.get("output_size") is None and asked_of_people(call)


def asked_of_people(call: JsonObject) -> bool:
    """Tells whether somebody outside gives the output of such a tool."""
    return tool_type(str(call.get("type") or "function")).answer == OUTPUT
