"""Serves runs: create, read, modify, cancel. Tool outputs are in `submit`."""

from typing import Any

from runsdash.sandbox.engine.objects import message_text
from runsdash.sandbox.engine.transitions import Transition
from runsdash.sandbox.ids import mint, now_s
from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.script import commands
from runsdash.sandbox.state import Call, Sandbox, Streamed
from runsdash.sandbox.store import Active, Change

from . import bodies, messages, paging, threads
from .checks import as_whole
from .errors import not_cancellable, thread_busy, wrong_method
from .metadata import modified

NEVER_S = 10**9
CANCELLABLE = ("queued", "in_progress", "requires_action")
BLANK = dict.fromkeys(
    (
        "required_action", "last_error", "started_at", "cancelled_at", "failed_at", "completed_at",
        "incomplete_details", "usage",
    )
)  # fmt: skip


def shape(given: JsonObject, assistant: JsonObject, *, thread_id: str, expires_s: int) -> JsonObject:
    """Makes the run object for a create body: what it lacks comes from the assistant."""

    def pick(name: str, otherwise: Any = None) -> Any:
        return next((one for one in (given.get(name), assistant.get(name)) if one is not None), otherwise)

    instructions = [pick("instructions", ""), given.get("additional_instructions")]
    truncation = given.get("truncation_strategy") or {"type": "auto"}
    now = now_s()
    return {
        "id": mint(prefix="run_"),
        "object": "thread.run",
        "created_at": now,
        "thread_id": thread_id,
        "assistant_id": assistant["id"],
        "status": "queued",
        "expires_at": now + expires_s,
        **BLANK,
        "model": pick("model"),
        "instructions": " ".join(part for part in instructions if part),
        "tools": bodies.run_tools(pick("tools", [])),
        "metadata": given.get("metadata") or {},
        "temperature": pick("temperature", 1.0),
        "top_p": pick("top_p", 1.0),
        "max_prompt_tokens": as_whole(given.get("max_prompt_tokens")),
        "max_completion_tokens": as_whole(given.get("max_completion_tokens")),
        "truncation_strategy": truncation | {"last_messages": as_whole(truncation.get("last_messages"))},
        "tool_choice": given.get("tool_choice") or "auto",
        "parallel_tool_calls": given.get("parallel_tool_calls") is not False,
        "response_format": pick("response_format", "auto"),
    }


def insert(sandbox: Sandbox, change: Change, given: JsonObject, *, assistant: JsonObject, thread_id: str) -> Transition:
    """Inserts a new run with its plan, and announces it to the streams."""
    expires_s = NEVER_S if sandbox.quirks["never_expires"] else sandbox.options.expires_s
    run = shape(given, assistant, thread_id=thread_id, expires_s=expires_s)
    change.insert("run", run, parent=thread_id)
    change.emit(run["id"], "thread.run.created", run)
    change.emit(run["id"], "thread.run.queued", run)
    active = Active(run["id"], thread_id, None, run["expires_at"], first_plan(sandbox, change, run, assistant))
    transition = sandbox.engine.transition(change, active)
    transition.schedule()
    return transition


def first_plan(sandbox: Sandbox, change: Change, run: JsonObject, assistant: JsonObject) -> JsonObject:
    """Makes the plan: what to do, what was found, what it cost (`chars` is the prompt's length)."""
    sent = change.children("message", run["thread_id"])
    last = next((message_text(one) for one in reversed(sent) if one["role"] == "user"), "")
    if sandbox.engine.ask_model:
        todo = [{"do": "start", "wait_s": 0}, {"do": "ask", "wait_s": 0}]
    else:
        fallback = (assistant["metadata"] or {}).get("sandbox_script", "")
        todo = commands.plan(run, text=last, fallback=fallback, name=assistant["name"] or "The assistant")
    chars = len(run["instructions"]) + sum(len(message_text(one)) for one in sent)
    return {"todo": todo, "open": None, "facts": [], "chars": chars, "prompt": 0, "completion": 0}


def begin(sandbox: Sandbox, change: Change, assistant_id: str, words: str) -> JsonObject:
    """Inserts a run of an assistant on a new thread that holds `words`."""
    thread = threads.insert(change, {"messages": [{"role": "user", "content": words}]})
    assistant = change.get("assistant", assistant_id)
    return insert(sandbox, change, {}, assistant=assistant, thread_id=thread["id"]).run


def create(call: Call, thread_id: str) -> JsonObject | Streamed:
    sandbox = call.sandbox
    sandbox.store.get("thread", thread_id)
    bodies.RUN("", call.body)
    assistant = sandbox.store.get("assistant", call.body["assistant_id"])
    with sandbox.store.change() as change:
        busy = change.active(thread_id=thread_id)
        if busy:
            raise thread_busy(thread_id, busy.run_id)
        for message in call.body.get("additional_messages") or []:
            messages.insert(change, message, thread_id=thread_id)
        run = insert(sandbox, change, call.body, assistant=assistant, thread_id=thread_id).run
        reply = streamed(call, run) or run
    sandbox.engine.wake()
    return reply


def create_with_thread(call: Call) -> JsonObject | Streamed:
    sandbox = call.sandbox
    bodies.THREAD_AND_RUN("", call.body)
    assistant = sandbox.store.get("assistant", call.body["assistant_id"])
    given = call.body.get("thread") or {}
    if call.body.get("tool_resources") and not given.get("tool_resources"):
        given = given | {"tool_resources": call.body["tool_resources"]}
    with sandbox.store.change() as change:
        thread = threads.insert(change, given)
        run = insert(sandbox, change, call.body, assistant=assistant, thread_id=thread["id"]).run
        change.emit(run["id"], "thread.created", thread)
        change.events.insert(0, change.events.pop())  # it comes before the run's
        reply = streamed(call, run) or run
    sandbox.engine.wake()
    return reply


def streamed(call: Call, run: JsonObject) -> Streamed | None:
    """Opens a stream, if the request wants one, that gets the events of the change under way."""
    if not call.body.get("stream") or call.sandbox.quirks["no_streams"]:
        return None
    return Streamed(run["id"], call.sandbox.streams.listen(run["id"]), call.wants_content)


def list_all(call: Call, thread_id: str) -> JsonObject:
    if call.sandbox.quirks["no_run_list"]:
        raise wrong_method("GET", f"/threads/{thread_id}/runs")
    call.sandbox.store.get("thread", thread_id)
    return paging.page(call, kind="run", parent=thread_id)


def retrieve(call: Call, thread_id: str, run_id: str) -> JsonObject:
    call.sandbox.store.get("thread", thread_id)
    return call.sandbox.store.get("run", run_id, parent=thread_id)


def modify(call: Call, thread_id: str, run_id: str) -> JsonObject:
    bodies.METADATA_ONLY("", call.body)
    retrieve(call, thread_id, run_id)
    return modified(call, "run", run_id, given=call.body, parent=thread_id)


def cancel(call: Call, thread_id: str, run_id: str) -> JsonObject:
    sandbox, found = call.sandbox, retrieve(call, thread_id, run_id)
    if sandbox.quirks["writes_ignored"]:
        return found
    with sandbox.store.change() as change:
        active = change.active(run_id)
        status = change.get("run", run_id)["status"]
        if active is None or status not in (sandbox.quirks["cancels_only"] or CANCELLABLE):
            raise not_cancellable(status)
        transition = sandbox.engine.transition(change, active)
        if sandbox.quirks["cancel_at_once"]:
            transition.finish("cancelled")
        else:
            transition.begin_cancelling()
    sandbox.engine.wake()
    return transition.run
