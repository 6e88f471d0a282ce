"""Lets a run start another one, as connected agents do, and waits for what that one answers.

The other run is one like any: it waits for people, fails and expires by itself.
"""

from collections.abc import Callable

from runsdash.sandbox.ids import mint
from runsdash.sandbox.json_objects import JsonObject, dump
from runsdash.sandbox.store import Change

from .objects import message_text
from .transitions import Transition

Begin = Callable[[Change, str, str], JsonObject]
AGAIN_S = 0.1  # between two looks at the other run, at any pace
TERMINAL = ("completed", "failed", "cancelled", "expired", "incomplete")


def open_agent(transition: Transition, action: JsonObject, *, begin: Begin) -> None:
    """Starts the run of the other assistant. `begin(change, assistant_id, words)` returns that run."""
    assistant_id = f"asst_sandbox_{action['name']}"
    if transition.change.find("assistant", assistant_id) is None:
        transition.plan["todo"].pop(0)
        transition.plan["facts"].append({"kind": "note", "text": f"There is no agent {action['name']}."})
        return
    child = begin(transition.change, assistant_id, action["words"])
    body = {
        "name": action["name"],
        "arguments": dump({"query": action["words"]}),
        "output": None,
        "run_id": child["id"],
        "thread_id": child["thread_id"],
        "agent_id": assistant_id,
    }
    call = {"id": mint(prefix="call_"), "type": "connected_agent", "connected_agent": body}
    transition.open_tool_step([call])


def close_agent(transition: Transition, action: JsonObject) -> None:
    """Takes the other run's answer as output; while it works, looks again later."""
    step = transition.current_step()
    call = step["step_details"]["tool_calls"][0]["connected_agent"]
    child = transition.change.find("run", call["run_id"])
    if child is not None and child["status"] not in TERMINAL:
        transition.plan["todo"].insert(0, action | {"wait_s": AGAIN_S, "exact": True})
        return
    answer = answer_of(transition.change, child)
    call["output"] = answer
    transition.save_step(step)
    transition.plan["facts"].append({"kind": "tool", "name": call["name"], "output": answer})
    transition.close_step("completed", written=len(call["arguments"]))
    transition.plan["chars"] += len(answer)


def answer_of(change: Change, child: JsonObject | None) -> str:
    """Returns the last words of a run that completed; of another one how it ended."""
    if child is None:
        return "The agent's run is gone."
    own = [one for one in change.children("message", child["thread_id"]) if one["run_id"] == child["id"]]
    if child["status"] != "completed" or not own:
        return f"The agent's run ended as {child['status']}."
    return message_text(own[-1])
