"""Writes a run's parameters for its facts panel. Every value comes from the upstream and may be of any type."""

import json
from collections.abc import Sequence

from runsdash.service.json_types import Json, JsonObject

WORD_CHARS = 200


def tools_text(tools: Json) -> str:
    """Writes `3 functions, file search`, or "" when the run lists none."""
    kinds = [str(tool.get("type") or "?")[:WORD_CHARS] for tool in objects_in(tools)]
    functions = kinds.count("function")
    words = [f"{functions} function{'s' if functions != 1 else ''}"] if functions else []
    others = dict.fromkeys(kind.replace("_", " ") for kind in kinds if kind != "function")
    return ", ".join([*words, *others])


def function_tools(tools: Json) -> list[dict[str, str]]:
    """Returns name and description of each function tool."""
    functions = [tool.get("function") for tool in objects_in(tools)]
    return [
        {"name": str(one.get("name") or "?"), "description": str(one.get("description") or "")}
        for one in functions
        if isinstance(one, dict)
    ]


def tool_names(tools: Json) -> list[str]:
    """Names each tool: functions by their own names, the others by their type."""
    functions = [(one, one.get("function")) for one in objects_in(tools)]
    names = [function.get("name") if isinstance(function, dict) else tool.get("type") for tool, function in functions]
    return [str(name or "?")[:WORD_CHARS] for name in names]


def objects_in(value: Json) -> Sequence[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def choice_text(value: Json) -> str:
    """Writes `auto`, or type and name of an object: `function get_stock`, `json_schema invoice`."""
    if value is None:
        return "not given"
    if not isinstance(value, dict):
        return str(value)[:WORD_CHARS]
    kind = str(value.get("type") or "")
    inner = value.get(kind)
    name = inner.get("name") if isinstance(inner, dict) else ""
    return f"{kind} {name or ''}".strip()[:WORD_CHARS] or json.dumps(value, default=str)[:WORD_CHARS]


def truncation_text(value: Json) -> str:
    """Writes `auto`, or `last_messages 12`."""
    if not isinstance(value, dict):
        return choice_text(value)
    count = value.get("last_messages")
    kind = str(value.get("type") or "not given")[:WORD_CHARS]
    return f"{kind} {count}" if isinstance(count, int) else kind


def counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
