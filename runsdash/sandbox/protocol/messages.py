"""Serves messages. A thread with an active run takes no new ones."""

from runsdash.sandbox.engine.objects import message_object
from runsdash.sandbox.ids import mint, now_s
from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.state import Call
from runsdash.sandbox.store import Change

from . import bodies, paging
from .errors import thread_locked
from .metadata import modified
from .paging import query_value


def insert(change: Change, given: JsonObject, *, thread_id: str) -> JsonObject:
    """Inserts a message that a client wrote; it belongs to no run."""
    message = message_object(mint(prefix="msg_"), thread_id, role=given["role"], at=now_s())
    message["content"] = bodies.message_content(given["content"])
    message["attachments"] = given.get("attachments") or []
    message["metadata"] = given.get("metadata") or {}
    change.insert("message", message, parent=thread_id)
    return message


def create(call: Call, thread_id: str) -> JsonObject:
    call.sandbox.store.get("thread", thread_id)
    bodies.MESSAGE("", call.body)
    with call.sandbox.store.change() as change:
        busy = change.active(thread_id=thread_id)
        if busy:
            raise thread_locked(thread_id, busy.run_id)
        return insert(change, call.body, thread_id=thread_id)


def list_all(call: Call, thread_id: str) -> JsonObject:
    call.sandbox.store.get("thread", thread_id)
    run_id = query_value(call.query, "run_id")
    first = "asc" if call.sandbox.quirks["messages_oldest_first"] else "desc"
    return paging.page(call, kind="message", parent=thread_id, run_id=run_id, usual_order=first)


def retrieve(call: Call, thread_id: str, message_id: str) -> JsonObject:
    call.sandbox.store.get("thread", thread_id)
    return call.sandbox.store.get("message", message_id, parent=thread_id)


def modify(call: Call, thread_id: str, message_id: str) -> JsonObject:
    bodies.METADATA_ONLY("", call.body)
    return modified(call, "message", message_id, given=call.body, parent=thread_id)


def delete(call: Call, thread_id: str, message_id: str) -> JsonObject:
    with call.sandbox.store.change() as change:
        change.get("message", message_id, parent=thread_id)
        change.delete(message_id)
    return {"id": message_id, "object": "thread.message.deleted", "deleted": True}
