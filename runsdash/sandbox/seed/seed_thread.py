"""Writes one run of any size and status at once, for `POST /_sandbox/seed`.

For tests and benchmarks that need 2,000 steps or a huge tool output without waiting for them.
"""

from runsdash.sandbox.engine.objects import content, message_object, step_object, tokens, usage, without_output
from runsdash.sandbox.ids import mint, now_s
from runsdash.sandbox.json_objects import JsonObject, dump
from runsdash.sandbox.protocol import runs, threads
from runsdash.sandbox.protocol.bodies import run_tools
from runsdash.sandbox.protocol.checks import as_whole, boolean, fields, number, text, word
from runsdash.sandbox.protocol.errors import invalid, thread_busy
from runsdash.sandbox.state import Sandbox
from runsdash.sandbox.store import Active, Change

from . import builtin_assistants

ACTIVE = ("queued", "in_progress", "requires_action", "cancelling")
STEPS_MAX = 100_000
OUTPUT = '{"depot":"Harbor East","scan":"loaded"}'

BODY = fields(
    {
        "thread_id": text(),
        "status": word(*ACTIVE, "completed", "failed", "incomplete", "expired", "cancelled"),
        "steps": number(least=0, most=STEPS_MAX, whole=True),
        "output_bytes": number(least=0, most=50_000_000, whole=True),
        "metadata": lambda path, value: None,
        "expires_in_s": number(least=0, whole=True),
        "odd_messages": boolean,
    }
)


def write(sandbox: Sandbox, body: JsonObject) -> JsonObject:
    """Writes the run and returns `{thread_id, run_id, step_ids, message_id}`; an active run stays as it is."""
    BODY("", body)
    body = {name: as_whole(value) for name, value in body.items()}
    status, count = body.get("status") or "completed", body.get("steps", 3)
    with sandbox.store.change() as change:
        thread_id = body.get("thread_id") or new_thread(change)
        if change.find("thread", thread_id) is None:
            raise invalid(f"No thread found with id '{thread_id}'.", param="thread_id")
        if body.get("odd_messages"):
            insert_odd_messages(change, thread_id)
        run = new_run(sandbox, body, thread_id=thread_id, status=status, count=count)
        steps = [call_step(run, at, output=OUTPUT) for at in range(count)]
        if steps and body.get("output_bytes"):
            steps[0]["step_details"]["tool_calls"][0]["function"]["output"] = "x" * body["output_bytes"]
        message = None if status in ACTIVE else answer(change, run)
        if message:
            details = {"message_creation": {"message_id": message["id"]}}
            steps = [*steps[:-1], step(run, "message_creation", details)] if len(steps) > 1 else steps
        write_run(change, run, steps, status=status)
    return {
        "thread_id": thread_id,
        "run_id": run["id"],
        "step_ids": [step["id"] for step in steps],
        "message_id": message and message["id"],
    }


def new_thread(change: Change) -> str:
    message = {"role": "user", "content": "Please check every parcel of the evening van."}
    return threads.insert(change, {"messages": [message]})["id"]


def insert_odd_messages(change: Change, thread_id: str) -> None:
    """Writes messages that other servers list and no request may bring: without content, of a third role."""
    odd = [("assistant", []), ("user", content("  ")), ("system", content("Answer in one sentence."))]
    for role, parts in odd:
        message = message_object(mint(prefix="msg_"), thread_id, role=role, at=now_s())
        message |= {"content": parts, "attachments": [{"file_id": "file-gone", "tools": [{"type": "file_search"}]}]}
        change.insert("message", message, parent=thread_id)


def new_run(sandbox: Sandbox, body: JsonObject, *, thread_id: str, status: str, count: int) -> JsonObject:
    assistant = next(one for one in builtin_assistants.ASSISTANTS if one["id"] == "asst_sandbox_dispatch")
    given = {"metadata": body.get("metadata") or {}, "tools": run_tools(assistant["tools"])}
    expires_s = body.get("expires_in_s", sandbox.options.expires_s)
    run = runs.shape(given, assistant, thread_id=thread_id, expires_s=expires_s)
    return run | {"status": status, "started_at": None if status == "queued" else now_s()}


def call_step(run: JsonObject, at: int, *, output: str | None) -> JsonObject:
    call = {
        "id": mint(prefix="call_"),
        "type": "function",
        "function": {
            "name": "find_shipment",
            "arguments": dump({"shipment_ref": f"NW-{20000 + at}"}),
            "output": output,
        },
    }
    return step(run, "tool_calls", {"tool_calls": [call]})


def step(run: JsonObject, type: str, details: JsonObject) -> JsonObject:
    made = step_object(mint(prefix="step_"), run, type, details, at=run["created_at"])
    counted = usage(120, tokens(len(dump(details))))
    return made | {"status": "completed", "completed_at": now_s(), "usage": counted}


def answer(change: Change, run: JsonObject) -> JsonObject:
    message = message_object(mint(prefix="msg_"), run["thread_id"], role="assistant", at=now_s(), run=run)
    message["content"] = content("Every parcel of the evening van was found.")
    change.insert("message", message, parent=run["thread_id"])
    return message


def write_run(change: Change, run: JsonObject, steps: list[JsonObject], *, status: str) -> None:
    """Gives the run what its status demands and writes everything."""
    if status == "requires_action" and not steps:
        steps.append(call_step(run, 0, output=None))
    if status in ACTIVE:
        write_active(change, run, steps, status=status)
    else:
        usages = [one["usage"] for one in steps]
        sums = [sum(one[name] for one in usages) for name in ("prompt_tokens", "completion_tokens")]
        run |= {"expires_at": None, "usage": usage(*sums), **end_fields(status)}
    change.insert("run", run, parent=run["thread_id"])
    change.insert_many([(one["id"], "step", run["id"], one["created_at"], dump(one)) for one in steps])


def write_active(change: Change, run: JsonObject, steps: list[JsonObject], *, status: str) -> None:
    """Writes an active run with a plan that is never due by itself."""
    busy = change.active(thread_id=run["thread_id"])
    if busy:
        raise thread_busy(run["thread_id"], busy.run_id)
    plan: JsonObject = {"todo": [], "open": None, "facts": [], "chars": 400, "prompt": 0, "completion": 0}
    if status == "requires_action":
        last = steps[-1]
        calls = last["step_details"]["tool_calls"]
        last |= {"status": "in_progress", "completed_at": None, "usage": None}
        for call in calls:
            call["function"]["output"] = None
        pending = [without_output(one) for one in calls]
        run["required_action"] = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": pending}}
        plan["open"] = {"step_id": last["id"]}
        answer = {"do": "say_answer", "wait_s": 0.3, "text": "", "name": "Dispatch desk"}
        plan["todo"] = [answer, {"do": "complete", "wait_s": 0}]
    change.save_active(Active(run["id"], run["thread_id"], None, run["expires_at"], plan))


def end_fields(status: str) -> JsonObject:
    ends: dict[str, JsonObject] = {
        "completed": {"completed_at": now_s()},
        "failed": {"failed_at": now_s(), "last_error": {"code": "server_error", "message": "Scripted failure."}},
        "incomplete": {"incomplete_details": {"reason": "max_completion_tokens"}},
        "cancelled": {"cancelled_at": now_s()},
        "expired": {},
    }
    return ends[status]
