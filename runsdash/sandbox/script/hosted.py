"""Plans calls of the tools that are Foundry's own: MCP servers, searches, other agents, a computer. Pure.

How each type spells its input and output: docs/protocol.md#foundry-classic.
"""

from runsdash.sandbox.ids import mint
from runsdash.sandbox.json_objects import JsonObject, dump

from .command_words import Command

HOSTED_S, LISTED_S, AGENT_S = 0.8, 0.3, 0.5
SERVER = "harbor_registry"
TOOLS = {
    "search_records": "Finds records by words",
    "update_customs_record": "Changes the customs record of a shipment",
}
IN_AND_OUT = ("input", "output")
NAMED = ("name", "arguments", "output")
BING = ("requesturl", "response_metadata")
FIELDS: dict[str, tuple[str, ...]] = {
    "azure_ai_search": IN_AND_OUT,
    "sharepoint_grounding": IN_AND_OUT,
    "fabric_dataagent": IN_AND_OUT,
    "deep_research": IN_AND_OUT,
    "browser_automation": IN_AND_OUT,
    "bing_grounding": BING,
    "bing_custom_search": BING,
    "openapi": NAMED,
    "azure_function": NAMED,
}


def hosted(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    """Plans a call of the type that the first word names; the other words are what it is asked."""
    type_ = command.word if command.word in FIELDS else "azure_ai_search"
    words = command.rest.removeprefix(command.word).strip() or "transit times"
    asked, answer = body(type_, words), f"Scripted: nothing was looked up for “{words}”."
    output = {FIELDS[type_][-1]: answer}
    return called({"id": mint(prefix="call_"), "type": type_, type_: asked}, output, name=type_, answer=answer)


def body(type_: str, words: str) -> JsonObject:
    """Writes what a call of the type is given, without its output."""
    if FIELDS[type_] is BING:
        return {"requesturl": f"https://search.example/search?q={words.replace(' ', '+')}"}
    if FIELDS[type_] is NAMED:
        return {"name": f"{type_}_lookup", "arguments": dump({"query": words}), "output": None}
    return {"input": words, "output": None}


def mcp(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    """Plans the listing of a server's tools, and a call of one that needs no approval."""
    name, answer = command.word or "search_records", "Scripted: the registry has no such record."
    shown = {one: {"description": does, "parameters": {"type": "object"}} for one, does in TOOLS.items()}
    listed = {"type": "mcp_list_tools", "id": mint(prefix="act_"), "server_label": SERVER, "tools": shown}
    call = mcp_call(name, {"query": command.rest.removeprefix(command.word).strip() or "transit"})
    return [
        {"do": "list_tools", "wait_s": LISTED_S, "activities": [listed]},
        *called(call, {"output": answer}, name=name, answer=answer),
    ]


def mcp_call(name: str, arguments: JsonObject) -> JsonObject:
    return {
        "id": mint(prefix="call_"),
        "type": "mcp",
        "name": name,
        "arguments": dump(arguments),
        "server_label": SERVER,
        "output": None,
    }


def computer(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    """Plans a call that waits for a screenshot: after the words were typed, or at once without words."""
    action = {"type": "type", "text": command.rest} if command.rest else {"type": "screenshot"}
    own = {"action": action, "pending_safety_checks": []}
    call = {"id": mint(prefix="call_"), "type": "computer_use_preview", "computer_use_preview": own}
    return [{"do": "call", "wait_s": HOSTED_S, "calls": [call]}]


def called(call: JsonObject, output: JsonObject, *, name: str, answer: str) -> list[JsonObject]:
    fact = {"kind": "tool", "name": name, "output": answer}
    return [
        {"do": "open_tool", "wait_s": HOSTED_S, "call": call},
        {"do": "close_hosted", "wait_s": HOSTED_S, "output": output, "fact": fact},
    ]


def agent(command: Command, run: JsonObject, text: str) -> list[JsonObject]:
    """Plans a run of another assistant (`asst_sandbox_NAME`) on a thread of its own, and the wait for its answer."""
    name = command.word or "approval"
    words = command.rest.removeprefix(command.word).strip() or "Please see to this."
    return [
        {"do": "open_agent", "wait_s": HOSTED_S, "name": name, "words": words},
        {"do": "close_agent", "wait_s": AGENT_S},
    ]
