"""Takes what a waiting run waits for: tool outputs, or approvals of calls on another server."""

from runsdash.sandbox.engine.transitions import Transition
from runsdash.sandbox.json_objects import Json, JsonObject, dump
from runsdash.sandbox.script.commands import TURN_S
from runsdash.sandbox.state import Call, Streamed

from . import runs
from .checks import array, fields, mapping, wrong_type
from .errors import invalid, not_a_string, not_waiting, outputs_too_large, wrong_calls

OUTPUTS_MAX = 512 * 1024  # "the combined tool outputs must be less than 512kb"
SCREENSHOT = "computer_call_output"  # its output is an object: an image's address, or a file
BODY = fields({"tool_outputs": array(mapping), "tool_approvals": array(mapping), "stream": lambda path, value: None})


def create(call: Call, thread_id: str, run_id: str) -> JsonObject | Streamed:
    sandbox, found = call.sandbox, runs.retrieve(call, thread_id, run_id)
    BODY("", call.body)
    check_outputs(call.body.get("tool_outputs") or [])
    if sandbox.quirks["writes_ignored"]:
        return found
    with sandbox.store.change() as change:
        active = change.active(run_id)
        run = change.get("run", run_id)
        if active is None or run["status"] != "requires_action":
            raise not_waiting(run["status"])
        transition = sandbox.engine.transition(change, active)
        reply = runs.streamed(call, run)
        try:
            accept(transition, call.body, partly=sandbox.quirks["partial_outputs"])
        except BaseException:
            if reply:
                sandbox.streams.leave(run_id, reply.listener)
            raise
    sandbox.engine.wake()
    return reply or transition.run


def check_outputs(outputs: list[JsonObject]) -> None:
    size = 0
    for at, one in enumerate(outputs):
        is_screenshot = one.get("type") == SCREENSHOT and isinstance(one.get("output"), dict)
        if one.get("output") is not None and not isinstance(one["output"], str) and not is_screenshot:
            raise not_a_string(at)
        if not isinstance(one.get("tool_call_id"), str):
            raise wrong_type(f"tool_outputs[{at}].tool_call_id", "a string", one.get("tool_call_id"))
        size += len(plain(one.get("output")).encode())
    if size >= OUTPUTS_MAX:
        raise outputs_too_large()


def accept(transition: Transition, body: JsonObject, *, partly: bool) -> None:
    """Writes the answers into the open step and sends the run on its way. `partly`: some may be left for later."""
    action_type = transition.run["required_action"]["type"]
    name = "tool_outputs" if action_type == "submit_tool_outputs" else "tool_approvals"
    if body.get(name) is None:
        raise invalid(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    given = {str(one.get("tool_call_id")): one for one in body[name]}
    pending = transition.run["required_action"][action_type]["tool_calls"]
    expected = [one["id"] for one in pending]
    is_part = partly and set(given) < set(expected)
    if set(given) != set(expected) and not is_part:
        raise wrong_calls(expected=expected, got=[str(one.get("tool_call_id")) for one in body[name]])
    step = transition.current_step()
    fill = fill_output if name == "tool_outputs" else fill_approval
    facts = [fill(one, given[one["id"]]) for one in step["step_details"]["tool_calls"] if one["id"] in given]
    transition.save_step(step)
    transition.plan["facts"] += facts
    if is_part:
        left = [one for one in pending if one["id"] not in given]
        transition.set_status(
            "requires_action", required_action={"type": action_type, action_type: {"tool_calls": left}}
        )
        transition.schedule()
        return
    transition.close_step("completed", written=sum(written(one) for one in step["step_details"]["tool_calls"]))
    transition.plan["chars"] += sum(len(fact.get("output", "")) for fact in facts)
    transition.plan["todo"].insert(0, {"do": "start", "wait_s": TURN_S})
    transition.set_status("queued", required_action=None)
    transition.schedule()


def fill_output(call: JsonObject, answer: JsonObject) -> JsonObject:
    own = call[call["type"]]
    own["output"] = answer.get("output") or ""
    return {"kind": "tool", "name": own.get("name", call["type"]), "output": plain(own["output"])}


def plain(output: Json) -> str:
    return output if isinstance(output, str) else dump(output or "")


def fill_approval(call: JsonObject, answer: JsonObject) -> JsonObject:
    approve = answer.get("approve") is True
    call["output"] = "Approved; the sandbox has no such server." if approve else None
    return {"kind": "approval", "name": call["name"], "approve": approve}


def written(call: JsonObject) -> int:
    """Counts the characters the model wrote to make this call."""
    own = call.get(call["type"], call)
    return len(own["name"] + own["arguments"] if "arguments" in own else dump(own["action"]))
