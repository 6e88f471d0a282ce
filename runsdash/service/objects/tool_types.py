"""Says of each type of tool its word, where its input and output stand, and who answers it. The only place.

Timeline, search words, export and inbox read calls by this table. A type that is not in it is read by the usual keys.
"""

from dataclasses import dataclass

OUTPUT, APPROVAL = "output", "approval"  # what a person gives
LABEL_CHARS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolType:
    """Describes a type of tool.

    `kind`: `function`, `code`, `search` or `other`, for colour and icon. `input_keys`, `output_keys`: where a call has
    them, the first that is there. `answer`: what a person gives, or "" when the server runs the tool by itself.
    """

    label: str
    kind: str = "other"
    input_word: str = "Arguments"
    input_keys: tuple[str, ...] = ("arguments", "request_payload", "input", "query")
    output_keys: tuple[str, ...] = ("output", "result", "response_payload")
    answer: str = ""
    has_results: bool = False  # gives a list of hits, maybe only when asked


def _function(label: str, answer: str = "") -> ToolType:
    return ToolType(label=label, kind="function", answer=answer)


def _search(label: str, *, has_results: bool = False) -> ToolType:
    return ToolType(label=label, kind="search", input_word="Query", has_results=has_results)


def _bing(label: str) -> ToolType:
    return ToolType(
        label=label,
        kind="search",
        input_word="Query",
        input_keys=("requesturl", "input", "query"),
        output_keys=("output", "response_metadata"),
    )


def _worker(label: str, *keys: str, answer: str = "") -> ToolType:
    return ToolType(label=label, input_word="Input", input_keys=keys or ("input",), answer=answer)


TOOL_TYPES = {
    "function": _function("Function call", OUTPUT),
    "mcp": _function("MCP tool", APPROVAL),
    "mcp_call": _function("MCP tool"),
    "azure_function": _function("Azure function"),
    "openapi": _function("OpenAPI"),
    "connected_agent": _function("Connected agent"),
    "code_interpreter": ToolType(label="Code interpreter", kind="code", input_keys=("input",), output_keys=()),
    "file_search": _search("File search", has_results=True),
    "retrieval": _search("Retrieval", has_results=True),
    "search": _search("Search"),
    "quark_search": _search("Quark search"),
    "azure_ai_search": _search("Azure AI Search"),
    "sharepoint_grounding": _search("SharePoint"),
    "bing_grounding": _bing("Bing grounding"),
    "bing_custom_search": _bing("Bing custom search"),
    "fabric_dataagent": _worker("Fabric data agent"),
    "deep_research": _worker("Deep research"),
    "browser_automation": _worker("Browser automation"),
    "computer_use_preview": _worker("Computer use", "action", answer=OUTPUT),
    "mcp_list_tools": ToolType(label="MCP tools listed", input_keys=(), output_keys=("tools",)),
}
_ALL = (*TOOL_TYPES.values(), ToolType(label=""))
INPUT_KEYS = frozenset(key for one in _ALL for key in one.input_keys)
OUTPUT_KEYS = frozenset(key for one in _ALL for key in one.output_keys)


def tool_type(name: str) -> ToolType:
    """Finds a type of tool; one that is not known has the server's own word."""
    known = TOOL_TYPES.get(name)
    return known or ToolType(label=(name[:LABEL_CHARS].replace("_", " ").strip() or "tool").capitalize())
