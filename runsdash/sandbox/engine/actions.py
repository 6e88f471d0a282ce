"""What a run does when an action of its plan is due: one function for each `do` of a plan.

An action works on a Turn, inside its transaction, and never waits.
"""

from runsdash.sandbox.ids import mint, now_s
from runsdash.sandbox.script import plot, prose
from runsdash.sandbox.script.plan import TURN_S, WORD_S

from . import tool_deltas
from .ledger import CHARS_A_TOKEN, tokens
from .turn import Turn

FAILURES = {
    "rate_limit_exceeded": "Rate limit reached for {model} on tokens per minute. (Scripted by the sandbox.)",
    "server_error": "The server had an error while answering. (Scripted by the sandbox.)",
    "invalid_prompt": "The prompt was refused before the model saw it. (Scripted by the sandbox.)",
}


def start(turn: Turn, action: dict) -> None:
    turn.set_status("in_progress", started_at=turn.run["started_at"] or now_s())
    most = turn.run["max_prompt_tokens"]
    if most and tokens(turn.plan["chars"]) > most:
        turn.plan["todo"] = [{"do": "run_out", "wait_s": TURN_S, "reason": "max_prompt_tokens"}]


def rest(turn: Turn, action: dict) -> None:
    """The end of a pause: nothing to do."""


def note(turn: Turn, action: dict) -> None:
    turn.plan["facts"].append({"kind": "note", "text": action["text"]})


def call(turn: Turn, action: dict) -> None:
    """Asks the client for the outputs of function calls."""
    turn.open_tool_step(action["calls"])
    asked = [
        {**one, "function": {key: one["function"][key] for key in ("name", "arguments")}} for one in action["calls"]
    ]
    wanted = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": asked}}
    turn.set_status("requires_action", required_action=wanted)


def ask_approval(turn: Turn, action: dict) -> None:
    turn.open_tool_step(action["calls"])
    asked = [{key: value for key, value in one.items() if key != "output"} for one in action["calls"]]
    wanted = {"type": "submit_tool_approval", "submit_tool_approval": {"tool_calls": asked}}
    turn.set_status("requires_action", required_action=wanted)


def open_tool(turn: Turn, action: dict) -> None:
    turn.open_tool_step([action["call"]])


def close_code(turn: Turn, action: dict) -> None:
    fact, outputs = dict(action["fact"]), list(action["outputs"])
    if fact["kind"] == "plot":
        fact["file_id"] = keep_image(turn, fact["values"])
        outputs.append({"type": "image", "image": {"file_id": fact["file_id"]}})
    step = turn.opened_step()
    interpreter = step["step_details"]["tool_calls"][0]["code_interpreter"]
    interpreter["outputs"] = outputs
    turn.keep_step(step)
    turn.emit("thread.run.step.delta", tool_deltas.step_delta(step["id"], tool_deltas.code_outputs(outputs)))
    turn.plan["facts"].append(fact)
    turn.close_step("completed", written=len(interpreter["input"]))


def keep_image(turn: Turn, values: list[float]) -> str:
    """Draws and keeps the chart; returns the file's id."""
    image, file_id = plot.bars(values), mint(prefix="file-")
    body = {
        "id": file_id,
        "object": "file",
        "bytes": len(image),
        "created_at": now_s(),
        "filename": f"{turn.run['id']}-chart.png",
        "purpose": "assistants_output",
        "status": "processed",
    }
    turn.change.insert_file(body, image)
    return file_id


def close_search(turn: Turn, action: dict) -> None:
    step = turn.opened_step()
    step["step_details"]["tool_calls"][0]["file_search"]["results"] = action["results"]
    turn.keep_step(step)
    turn.plan["facts"].append(action["fact"])
    turn.close_step("completed", written=len(action["fact"]["query"]))
    turn.plan["chars"] += sum(len(result["content"][0]["text"]) for result in action["results"])


def say(turn: Turn, action: dict) -> None:
    speak(turn, action["text"], unfinished=action.get("unfinished", False))


def say_answer(turn: Turn, action: dict) -> None:
    text, annotations, images = prose.answer(turn.plan["facts"], text=action["text"], name=action["name"])
    wanted = turn.run["response_format"]
    if isinstance(wanted, dict) and wanted.get("type", "").startswith("json"):
        text, annotations = prose.as_json(text), []
    speak(turn, text, annotations=annotations, images=images)


def speak(
    turn: Turn,
    text: str,
    *,
    unfinished: bool = False,
    annotations: list[dict] | None = None,
    images: list[str] | None = None,
) -> None:
    """Opens a message; it closes when all its words are out, or where the tokens run out."""
    most = turn.run["max_completion_tokens"]
    room = (most - turn.plan["completion"]) * CHARS_A_TOKEN if most else len(text)
    if len(text) > room:
        text, annotations, images, unfinished = text[: max(room, 0)], [], [], True
        turn.plan["todo"] = [{"do": "run_out", "reason": "max_completion_tokens"}]
    turn.open_message(text, annotations=annotations or [], images=images or [], word_s=WORD_S * turn.pace)
    if unfinished:
        turn.plan["todo"][0]["wait_s"] = turn.speaking_s()
    else:
        turn.plan["todo"].insert(0, {"do": "close_say", "wait_s": turn.speaking_s()})


def close_say(turn: Turn, action: dict) -> None:
    written = turn.close_message("completed")
    turn.close_step("completed", written=written)


def run_out(turn: Turn, action: dict) -> None:
    turn.finish("incomplete", incomplete_details={"reason": action["reason"]})


def fail(turn: Turn, action: dict) -> None:
    text = FAILURES.get(action["code"], "The run failed. (Scripted by the sandbox.)")
    error = {"code": action["code"], "message": text.format(model=turn.run["model"])}
    turn.finish("failed", last_error=error)


def complete(turn: Turn, action: dict) -> None:
    turn.finish("completed")


def cancel(turn: Turn, action: dict) -> None:
    turn.finish("cancelled")


ACTIONS = {
    action.__name__: action
    for action in (
        start, rest, note, call, ask_approval, open_tool, close_code, close_search,
        say, say_answer, close_say, run_out, fail, complete, cancel,
    )
}  # fmt: skip
