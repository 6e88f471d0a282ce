"""Serves run steps. The text of file search results is shown only to who asks for it."""

from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.state import Call

from . import paging, runs
from .errors import ApiError


def list_all(call: Call, thread_id: str, run_id: str) -> JsonObject:
    refuse_by_quirk(call)
    run = runs.retrieve(call, thread_id, run_id)
    page = paging.page(call, kind="step", parent=run_id)
    page["data"] = [shown(step, wants_content=call.wants_content) for step in page["data"]]
    if call.sandbox.quirks["open_steps"] and run["expires_at"] is None:
        page["data"] = [step | {"status": "in_progress", "completed_at": None} for step in page["data"]]
    return page


def retrieve(call: Call, thread_id: str, run_id: str, step_id: str) -> JsonObject:
    refuse_by_quirk(call)
    runs.retrieve(call, thread_id, run_id)
    step = call.sandbox.store.get("step", step_id, parent=run_id)
    return shown(step, wants_content=call.wants_content)


def refuse_by_quirk(call: Call) -> None:
    if call.sandbox.quirks["no_steps"]:
        raise ApiError(status=501, message="Run steps are not implemented by this server.", type="server_error")


def shown(step: JsonObject, *, wants_content: bool) -> JsonObject:
    """Returns the step, without the text of search results unless it is wanted."""
    if not wants_content:
        for call in step["step_details"].get("tool_calls", []):
            for result in call.get("file_search", {}).get("results", []):
                result.pop("content", None)
    return step
