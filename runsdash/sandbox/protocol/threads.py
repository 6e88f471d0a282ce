"""Serves threads. Listing them is an extension: OpenAI never had it, some other servers do."""

from runsdash.sandbox.ids import mint, now_s
from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.state import Call
from runsdash.sandbox.store import Change

from . import bodies, messages, paging
from .errors import missing_scope
from .metadata import modified


def insert(change: Change, given: JsonObject) -> JsonObject:
    """Inserts a new thread with its first messages."""
    thread: JsonObject = {
        "id": mint(prefix="thread_"),
        "object": "thread",
        "created_at": now_s(),
        "metadata": given.get("metadata") or {},
        "tool_resources": given.get("tool_resources") or {},
    }
    change.insert("thread", thread)
    for message in given.get("messages") or []:
        messages.insert(change, message, thread_id=thread["id"])
    return thread


def create(call: Call) -> JsonObject:
    bodies.THREAD("", call.body)
    with call.sandbox.store.change() as change:
        return insert(change, call.body)


def list_all(call: Call) -> JsonObject:
    if call.sandbox.quirks["no_thread_list"]:
        raise missing_scope()
    return paging.page(call, kind="thread", parent="")


def retrieve(call: Call, thread_id: str) -> JsonObject:
    return call.sandbox.store.get("thread", thread_id)


def modify(call: Call, thread_id: str) -> JsonObject:
    bodies.MODIFY_THREAD("", call.body)
    return modified(call, "thread", thread_id, given=call.body)


def delete(call: Call, thread_id: str) -> JsonObject:
    """Deletes the thread with its messages, runs and steps; a run at work simply ends."""
    call.sandbox.store.get("thread", thread_id)
    if call.sandbox.quirks["writes_ignored"]:
        return {"id": thread_id, "object": "thread.deleted", "deleted": False}
    with call.sandbox.store.change() as change:
        for run in change.children("run", thread_id):
            change.delete_children("step", run["id"])
            change.drop_active(run["id"])
            call.sandbox.engine.open_messages.end(run["id"])
            call.sandbox.streams.end(run["id"])
        change.delete_children("run", thread_id)
        change.delete_children("message", thread_id)
        change.delete(thread_id)
    return {"id": thread_id, "object": "thread.deleted", "deleted": True}
