"""Declares the request bodies of the protocol as tables of checkers, and makes objects from them.

Field names and limits: docs/protocol.md#objects and docs/protocol.md#endpoints.
"""

from runsdash.sandbox.json_objects import JsonObject

from . import checks
from .checks import array, boolean, fields, mapping, metadata, number, text, word

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

MESSAGE = fields(
    {
        "role": word("user", "assistant"),
        "content": checks.content,
        "attachments": array(mapping),
        "metadata": metadata,
    },
    "role",
    "content",
)
THREAD = fields({"messages": array(MESSAGE), "tool_resources": mapping, "metadata": metadata})
MODIFY_THREAD = fields({"tool_resources": mapping, "metadata": metadata})
METADATA_ONLY = fields({"metadata": metadata})

MODEL_FIELDS = {
    "model": text(most=256),
    "reasoning_effort": word(*EFFORTS),
    "instructions": text(),
    "metadata": metadata,
    "temperature": number(least=0, most=2),
    "top_p": number(least=0, most=1),
    "response_format": checks.response_format,
}
ASSISTANT_FIELDS = MODEL_FIELDS | {
    "name": text(most=256),
    "description": text(most=512),
    "tools": array(checks.tool, most=checks.ASSISTANT_TOOLS_MAX),
    "tool_resources": mapping,
}
ASSISTANT = fields(ASSISTANT_FIELDS, "model")
MODIFY_ASSISTANT = fields(ASSISTANT_FIELDS)

RUN_FIELDS = MODEL_FIELDS | {
    "assistant_id": text(),
    "tools": array(checks.tool, most=checks.RUN_TOOLS_MAX),
    "stream": boolean,
    "max_prompt_tokens": number(least=checks.TOKENS_MIN, whole=True),
    "max_completion_tokens": number(least=checks.TOKENS_MIN, whole=True),
    "truncation_strategy": checks.truncation_strategy,
    "tool_choice": checks.tool_choice,
    "parallel_tool_calls": boolean,
}
RUN = fields(RUN_FIELDS | {"additional_instructions": text(), "additional_messages": array(MESSAGE)}, "assistant_id")
THREAD_AND_RUN = fields(RUN_FIELDS | {"thread": THREAD, "tool_resources": mapping}, "assistant_id")


def run_tools(tools: list[JsonObject]) -> list[JsonObject]:
    """Returns tools as the API shows them: every function has `strict`."""
    return [
        tool | {"function": {"strict": False, **tool["function"]}} if tool["type"] == "function" else tool
        for tool in tools
    ]


def message_content(given: str | list[JsonObject]) -> list[JsonObject]:
    """Returns content as the API shows it: text parts become `{value, annotations}`."""
    if isinstance(given, str):
        given = [{"type": "text", "text": given}]
    return [shown_part(part) for part in given]


def shown_part(part: JsonObject) -> JsonObject:
    if part["type"] == "text":
        return {"type": "text", "text": {"value": part["text"], "annotations": []}}
    return {"type": part["type"], part["type"]: {"detail": "auto", **part[part["type"]]}}
