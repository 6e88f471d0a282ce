"""Applies the actions of a run's plan: one function for each `do`.

An action works on a Transition, inside its database transaction, and never waits.
"""

from runsdash.sandbox.ids import mint, now_s
from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.script import plot, prose
from runsdash.sandbox.script.commands import TURN_S, WORD_S

from . import tool_deltas
from .agents import close_agent
from .objects import CHARS_A_TOKEN, chart_object, tokens, without_output
from .transitions import Transition

FAILURES = {
    "rate_limit_exceeded": "Rate limit reached for {model} on tokens per minute. (Scripted by the sandbox.)",
    "server_error": "The server had an error while answering. (Scripted by the sandbox.)",
    "invalid_prompt": "The prompt was refused before the model saw it. (Scripted by the sandbox.)",
}


def start(transition: Transition, action: JsonObject) -> None:
    transition.set_status("in_progress", started_at=transition.run["started_at"] or now_s())
    most = transition.run["max_prompt_tokens"]
    if most and tokens(transition.plan["chars"]) > most:
        transition.plan["todo"] = [{"do": "run_out", "wait_s": TURN_S, "reason": "max_prompt_tokens"}]


def rest(transition: Transition, action: JsonObject) -> None:
    """Ends a pause; there is nothing to do."""


def note(transition: Transition, action: JsonObject) -> None:
    transition.plan["facts"].append({"kind": "note", "text": action["text"]})


def call(transition: Transition, action: JsonObject) -> None:
    """Asks the client for the outputs of calls."""
    transition.open_tool_step(action["calls"])
    pending = [without_output(one) for one in action["calls"]]
    required = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": pending}}
    transition.set_status("requires_action", required_action=required)


def ask_approval(transition: Transition, action: JsonObject) -> None:
    transition.open_tool_step(action["calls"])
    pending = [{key: value for key, value in one.items() if key != "output"} for one in action["calls"]]
    required = {"type": "submit_tool_approval", "submit_tool_approval": {"tool_calls": pending}}
    transition.set_status("requires_action", required_action=required)


def open_tool(transition: Transition, action: JsonObject) -> None:
    transition.open_tool_step([action["call"]])


def close_code(transition: Transition, action: JsonObject) -> None:
    fact, outputs = dict(action["fact"]), list(action["outputs"])
    if fact["kind"] == "plot":
        fact["file_id"] = store_image(transition, fact["values"])
        outputs.append({"type": "image", "image": {"file_id": fact["file_id"]}})
    step = transition.current_step()
    interpreter = step["step_details"]["tool_calls"][0]["code_interpreter"]
    interpreter["outputs"] = outputs
    transition.save_step(step)
    transition.emit("thread.run.step.delta", tool_deltas.step_delta(step["id"], tool_deltas.code_outputs(outputs)))
    transition.plan["facts"].append(fact)
    transition.close_step("completed", written=len(interpreter["input"]))


def store_image(transition: Transition, values: list[float]) -> str:
    """Draws and stores the chart; returns the file's id."""
    image, file_id = plot.bars(values), mint(prefix="file-")
    transition.change.insert_file(chart_object(file_id, transition.run, image, at=now_s()), image)
    return file_id


def close_search(transition: Transition, action: JsonObject) -> None:
    step = transition.current_step()
    step["step_details"]["tool_calls"][0]["file_search"]["results"] = action["results"]
    transition.save_step(step)
    transition.plan["facts"].append(action["fact"])
    transition.close_step("completed", written=len(action["fact"]["query"]))
    transition.plan["chars"] += sum(len(result["content"][0]["text"]) for result in action["results"])


def list_tools(transition: Transition, action: JsonObject) -> None:
    """Writes a step that is no call: what a server of tools offers."""
    step = transition.open_step("activities", {"activities": action["activities"]})
    transition.emit("thread.run.step.created", step)
    transition.emit("thread.run.step.in_progress", step)
    transition.close_step("completed")


def close_hosted(transition: Transition, action: JsonObject) -> None:
    """Gives the open call of a tool that the server runs its output."""
    step = transition.current_step()
    call = step["step_details"]["tool_calls"][0]
    call.get(call["type"], call).update(action["output"])
    transition.save_step(step)
    transition.plan["facts"].append(action["fact"])
    transition.close_step("completed", written=len(action["fact"]["name"]))
    transition.plan["chars"] += len(action["fact"]["output"])


def say(transition: Transition, action: JsonObject) -> None:
    open_answer(transition, action["text"], unfinished=action.get("unfinished", False))


def say_answer(transition: Transition, action: JsonObject) -> None:
    text, annotations, images = prose.answer(transition.plan["facts"], text=action["text"], name=action["name"])
    response_format = transition.run["response_format"]
    if isinstance(response_format, dict) and response_format.get("type", "").startswith("json"):
        text, annotations = prose.as_json(text), []
    open_answer(transition, text, annotations=annotations, images=images)


def open_answer(
    transition: Transition,
    text: str,
    *,
    unfinished: bool = False,
    annotations: list[JsonObject] | None = None,
    images: list[str] | None = None,
) -> None:
    """Opens a message; it closes when all its words are out, or where the tokens run out."""
    most = transition.run["max_completion_tokens"]
    room = (most - transition.plan["completion"]) * CHARS_A_TOKEN if most else len(text)
    if len(text) > room:
        text, annotations, images, unfinished = text[: max(room, 0)], [], [], True
        transition.plan["todo"] = [{"do": "run_out", "reason": "max_completion_tokens"}]
    transition.open_message(text, annotations=annotations or [], images=images or [], word_s=WORD_S * transition.pace)
    if unfinished:
        transition.plan["todo"][0]["wait_s"] = transition.writing_s()
    else:
        transition.plan["todo"].insert(0, {"do": "close_say", "wait_s": transition.writing_s()})


def close_say(transition: Transition, action: JsonObject) -> None:
    written = transition.close_message("completed")
    transition.close_step("completed", written=written)


def run_out(transition: Transition, action: JsonObject) -> None:
    transition.finish("incomplete", incomplete_details={"reason": action["reason"]})


def fail(transition: Transition, action: JsonObject) -> None:
    text = FAILURES.get(action["code"], "The run failed. (Scripted by the sandbox.)")
    error = {"code": action["code"], "message": text.format(model=transition.run["model"])}
    transition.finish("failed", last_error=error)


def complete(transition: Transition, action: JsonObject) -> None:
    transition.finish("completed")


def cancel(transition: Transition, action: JsonObject) -> None:
    transition.finish("cancelled")


_ACTIONS = [
    start, rest, note, call, ask_approval, open_tool, close_code, close_search, list_tools, close_hosted, close_agent,
    say, say_answer, close_say, run_out, fail, complete, cancel,
]  # fmt: skip
ACTIONS = {action.__name__: action for action in _ACTIONS}
