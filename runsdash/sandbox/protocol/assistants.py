"""Serves assistants, and adds the built-in ones at the first start."""

from runsdash.sandbox.ids import mint, now_s
from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.seed.builtin_assistants import ASSISTANTS
from runsdash.sandbox.state import Call, Sandbox

from . import bodies, paging
from .metadata import modified

SHOWN = (
    "name", "description", "model", "instructions", "tools", "tool_resources", "metadata",
    "temperature", "top_p", "response_format",
)  # fmt: skip


def add_builtin(sandbox: Sandbox) -> None:
    """Makes the built-in assistants that are not there yet."""
    with sandbox.store.change() as change:
        for at, given in enumerate(ASSISTANTS):
            if change.find("assistant", given["id"]) is None:
                body = shape(given, id=given["id"]) | {"created_at": now_s() - 60 * (len(ASSISTANTS) - at)}
                change.insert("assistant", body)


def shape(given: JsonObject, *, id: str) -> JsonObject:
    """Makes the assistant object for a create body."""
    tools = bodies.run_tools(given.get("tools") or [])
    defaults = {
        "temperature": 1.0,
        "top_p": 1.0,
        "response_format": "auto",
        "metadata": {},
        "tool_resources": {},
    }
    chosen = {name: value for name, value in given.items() if name in SHOWN and value is not None}
    blank = dict.fromkeys(SHOWN)
    return {
        "id": id,
        "object": "assistant",
        "created_at": now_s(),
        **blank,
        **defaults,
        **chosen,
        "tools": tools,
    }


def create(call: Call) -> JsonObject:
    bodies.ASSISTANT("", call.body)
    assistant = shape(call.body, id=mint(prefix="asst_"))
    with call.sandbox.store.change() as change:
        change.insert("assistant", assistant)
    return assistant


def list_all(call: Call) -> JsonObject:
    return paging.page(call, kind="assistant", parent="")


def retrieve(call: Call, assistant_id: str) -> JsonObject:
    return call.sandbox.store.get("assistant", assistant_id)


def modify(call: Call, assistant_id: str) -> JsonObject:
    bodies.MODIFY_ASSISTANT("", call.body)
    given = {name: value for name, value in call.body.items() if name in SHOWN}
    if "tools" in given:
        given["tools"] = bodies.run_tools(given["tools"] or [])
    return modified(call, "assistant", assistant_id, given=given)


def delete(call: Call, assistant_id: str) -> JsonObject:
    call.sandbox.store.get("assistant", assistant_id)
    with call.sandbox.store.change() as change:
        change.delete(assistant_id)
    return {"id": assistant_id, "object": "assistant.deleted", "deleted": True}
