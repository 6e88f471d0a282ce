"""Holds one function for each operation of the API, grouped by what it works on.

Common to all: parameters are keyword-only; what is None is not sent; input is checked before anything is
sent (`InvalidRequest`); `raw=True` answers the JSON as received instead of a typed object; any other
error is a `ServiceError` of the tree in `errors`.
"""

from .assistants import AssistantOperations
from .files import FileOperations
from .messages import MessageOperations
from .runs import RunOperations
from .steps import StepOperations
from .threads import ThreadOperations


class AllOperations(
    RunOperations, StepOperations, ThreadOperations, MessageOperations, AssistantOperations, FileOperations
):
    """Joins every operation this room knows."""


_VERBS = ("create_", "list_", "retrieve_", "modify_", "delete_", "cancel_", "submit_")

OPERATIONS = frozenset(name for name in dir(AllOperations) if name.startswith(_VERBS))
