"""Gives requests and answers the shapes of servers that differ, as the quirks say. Pure.

Which server has which quirk is in switches/dialects.py.
"""

from runsdash.sandbox.json_objects import Json, JsonObject
from runsdash.sandbox.state import Call

from .errors import ApiError


def understood(call: Call) -> Call:
    """Reads a request by the server's own names; the API's names for them mean nothing to it."""
    quirks, body = call.sandbox.quirks, dict(call.body)
    for ours, theirs in quirks["names"].get("*", {}).items():
        body.pop(ours, None)
        if theirs in body:
            body[ours] = body.pop(theirs)
    if quirks["stream_in_query"]:
        body.pop("stream", None)
        if call.query.get("stream", [""])[0].lower() == "true":
            body["stream"] = True
    return Call(call.sandbox, call.query, body)


def shaped(value: Json, quirks: JsonObject) -> Json:
    """Writes an object, or each of a list, as this server does."""
    if not isinstance(value, dict) or "object" not in value:
        return value
    kind = value["object"]
    shown = value | quirks["sets"].get(kind, {})
    if kind == "list":
        return shown | {"data": [shaped(one, quirks) for one in value["data"]]}
    if kind == "thread.run":
        shown = run_shaped(shown, quirks)
    if kind == "thread.run.step":
        shown = step_shaped(shown, quirks)
    left_out = quirks["leaves_out"].get(kind, ())
    names = quirks["names"].get("*", {}) | quirks["names"].get(kind, {})
    return {names.get(name, name): one for name, one in shown.items() if name not in left_out}


def run_shaped(run: JsonObject, quirks: JsonObject) -> JsonObject:
    if quirks["empty_action"] and run["required_action"] is None:
        run = run | {"required_action": {}}
    if quirks["reason_as_text"] and run["incomplete_details"]:
        run = run | {"incomplete_details": run["incomplete_details"]["reason"]}
    if quirks["cancelled_at_early"] and run["status"] == "cancelling":
        run = run | {"cancelled_at": run["created_at"] + 1}
    return run


def step_shaped(step: JsonObject, quirks: JsonObject) -> JsonObject:
    details = step["step_details"]
    if quirks["no_function_output"] and "tool_calls" in details:
        details = details | {"tool_calls": [without_output(call) for call in details["tool_calls"]]}
    if quirks["flat_steps"]:
        details = {name: one for name, one in details.items() if name != "type"}
        if "tool_calls" in details:
            details["tool_calls"] = [flat(call) for call in details["tool_calls"]]
    return step | {"step_details": details}


def without_output(call: JsonObject) -> JsonObject:
    if "function" not in call:
        return call
    return call | {"function": {name: one for name, one in call["function"].items() if name != "output"}}


def flat(call: JsonObject) -> JsonObject:
    """Writes a call as Foundry Local does: name, arguments and result, without id and type."""
    inner = call.get(call["type"], call)
    made = inner.get("outputs", inner.get("results", inner.get("output")))
    return {"name": inner.get("name", call["type"]), "arguments": inner.get("arguments", inner), "result": made}


def error_body(error: ApiError, quirks: JsonObject) -> JsonObject:
    """Writes a refusal in the form of this server."""
    message = error.error["message"]
    if quirks["error_form"] == "detail":
        return {"detail": message}
    if quirks["error_form"] == "azure":
        return {"error": {"code": error.error["code"] or str(error.status), "message": message}}
    return error.body
