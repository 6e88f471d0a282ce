"""Says what each command of a message does: a plan, the list of actions a run will take.

An action is a JSON object: `do` names a function of engine/actions.py, `wait_s` is the pause before it
(`exact` pauses are never shortened). Pure: reads nothing, keeps nothing.
"""

import re

from runsdash.sandbox.ids import mint
from runsdash.sandbox.json_objects import JsonObject, dump

from . import arguments, arithmetic, command_words, documents, hosted, prose
from .command_words import Command

QUEUE_S, TOOL_S, CODE_S, SEARCH_S, TURN_S = 0.4, 0.6, 1.0, 0.8, 0.3
WORD_S = 0.04
NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
MONTHS = [12.0, 19.0, 15.0, 27.0, 31.0, 24.0]


def plan(run: JsonObject, *, text: str, fallback: str, name: str) -> list[JsonObject]:
    """Plans the actions for `text`; `fallback` is the assistant's script, used when text has no command."""
    given = command_words.read(text) or command_words.read(fallback)
    actions = [{"do": "start", "wait_s": QUEUE_S}]
    for command in given:
        actions += EXPAND[command.name](command, run, text)
    if not given:
        actions += calls_without_command(run, text)
    if given and given[-1].name in ("fail", "incomplete"):
        return actions
    if not given or {command.name for command in given} != {"long"}:
        actions.append({"do": "say_answer", "wait_s": TURN_S, "text": text, "name": name})
    return [*actions, {"do": "complete", "wait_s": 0}]


def functions(run: JsonObject) -> list[JsonObject]:
    return [tool["function"] for tool in run["tools"] if tool.get("type") == "function"]


def calls_without_command(run: JsonObject, text: str) -> list[JsonObject]:
    """Calls a tool first when the message is a question, or when `tool_choice` demands it."""
    choice, available = run["tool_choice"], functions(run)
    if not available or choice == "none":
        return []
    if isinstance(choice, dict) and choice.get("type") == "function":
        available = [one for one in available if one["name"] == choice["function"]["name"]] or available
        return calls([available[0]], run, text)
    if choice == "required" or "?" in text:
        return calls([closest(available, text)], run, text)
    return []


def closest(available: list[JsonObject], text: str) -> JsonObject:
    """Returns the function whose name and description share most words with the text."""
    text_words = set(documents.words(text))

    def shared(function: JsonObject) -> int:
        own = f"{function['name'].replace('_', ' ')} {function.get('description') or ''}"
        return len(text_words & set(documents.words(own)))

    return max(available, key=shared)


def calls(chosen: list[JsonObject], run: JsonObject, text: str) -> list[JsonObject]:
    """Plans one step with all calls, or one step each when the run forbids parallel calls."""
    tool_calls = [
        {
            "id": mint(prefix="call_"),
            "type": "function",
            "function": {
                "name": one["name"],
                "arguments": dump(arguments.make(one.get("parameters"), text=text)),
                "output": None,
            },
        }
        for one in chosen
    ]
    groups = [tool_calls] if run["parallel_tool_calls"] else [[call] for call in tool_calls]
    return [{"do": "call", "wait_s": TOOL_S, "calls": group} for group in groups if group]


def tool(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    available = functions(run)
    named = [one for one in available if one["name"] == command.word] or available[:1]
    return calls(named, run, text) or note("There is no function tool to call on this run.")


def tools(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    return calls(functions(run), run, text) or note("There is no function tool to call on this run.")


def approve(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    call = hosted.mcp_call(command.word or "update_customs_record", {"reason": "scripted approval"})
    return [{"do": "ask_approval", "wait_s": TOOL_S, "calls": [call]}]


def code(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    expression = command.rest or "6*7"
    logs = arithmetic.run(expression) + "\n"
    fact = {"kind": "code", "input": expression, "logs": logs}
    return interpreter(f"print({expression})", outputs=[{"type": "logs", "logs": logs}], fact=fact)


def plot(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    values = [float(found) for found in NUMBERS.findall(command.rest)][:40] or MONTHS
    source = f"import matplotlib.pyplot as plt\nplt.bar(range({len(values)}), {values})\nplt.show()"
    return interpreter(source, outputs=[], fact={"kind": "plot", "values": values})


def interpreter(source: str, *, outputs: list[JsonObject], fact: JsonObject) -> list[JsonObject]:
    call = {
        "id": mint(prefix="call_"),
        "type": "code_interpreter",
        "code_interpreter": {"input": source, "outputs": []},
    }
    return [
        {"do": "open_tool", "wait_s": TOOL_S, "call": call},
        {"do": "close_code", "wait_s": CODE_S, "outputs": outputs, "fact": fact},
    ]


def search(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    query = command.rest or "transit times"
    options = next((one.get("file_search") or {} for one in run["tools"] if one["type"] == "file_search"), {})
    threshold = (options.get("ranking_options") or {}).get("score_threshold") or 0.0
    results = documents.search(query, limit=options.get("max_num_results") or 5, score_threshold=threshold)
    ranking = {"ranker": documents.RANKER, "score_threshold": threshold}
    call = {"id": mint(prefix="call_"), "type": "file_search", "file_search": {"ranking_options": ranking}}
    fact = {"kind": "search", "query": query, "results": results}
    return [
        {"do": "open_tool", "wait_s": TOOL_S, "call": call},
        {"do": "close_search", "wait_s": SEARCH_S, "results": results, "fact": fact},
    ]


def long(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    count = int(command.amount(otherwise=command_words.LONG_WORDS, most=command_words.LONG_WORDS_MAX))
    return [{"do": "say", "wait_s": TURN_S, "text": prose.long_text(max(count, 1))}]


def slow(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    wait_s = command.amount(otherwise=command_words.SLOW_S, most=command_words.SLOW_S_MAX)
    return [{"do": "rest", "wait_s": wait_s, "exact": True}]


def fail(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    if command.word == "invalid_prompt":
        return [{"do": "fail", "wait_s": TURN_S, "code": "invalid_prompt"}]
    return [
        {"do": "say", "wait_s": TURN_S, "text": prose.long_text(12), "unfinished": True},
        {"do": "fail", "wait_s": TURN_S, "code": command.word or "server_error"},
    ]


def incomplete(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    reason = "max_prompt_tokens" if command.word == "max_prompt_tokens" else "max_completion_tokens"
    return [
        {"do": "say", "wait_s": TURN_S, "text": prose.long_text(40), "unfinished": True},
        {"do": "run_out", "wait_s": 0, "reason": reason},
    ]


def note(text: str) -> list[JsonObject]:
    return [{"do": "note", "wait_s": 0, "text": text}]


EXPAND = {
    "tool": tool,
    "tools": tools,
    "approve": approve,
    "mcp": hosted.mcp,
    "hosted": hosted.hosted,
    "agent": hosted.agent,
    "computer": hosted.computer,
    "code": code,
    "plot": plot,
    "search": search,
    "long": long,
    "slow": slow,
    "fail": fail,
    "incomplete": incomplete,
}
