"""Reads tool calls of a required action and of steps, in all the shapes servers give them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..json_types import Json, JsonLike
from . import parsing
from .fields import ApiObject, Fields, parts
from .tool_types import tool_type

_COMMON_KEYS = ("id", "index", "type", "name", "arguments", "output", "result", "server_label")
# Read into fields of their own, or nothing that a reader looks for.
_READ_KEYS = {*_COMMON_KEYS, "mcp_server", "run_id", "thread_id", "agent_id"}
_READ_OF_CODE, _READ_OF_RESULTS = {"outputs"}, {"results", "ranking_options"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSearchResult(ApiObject):
    """Holds one hit of a file search. `content` is there only when it was asked for with `include`."""

    file_id: str | None
    file_name: str | None
    score: float | None
    content: str
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "FileSearchResult":
        found = parsing.mapping(raw)
        texts = [part.get("text") if isinstance(part, dict) else part for part in parsing.several(found.get("content"))]
        return cls(
            file_id=parsing.identifier(found.get("file_id")),
            file_name=parsing.text(found.get("file_name")),
            score=parsing.number(found.get("score")),
            content="\n".join(text for text in map(parsing.text_value, texts) if text),
            raw=raw,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall(ApiObject):
    """Holds one call of a tool. `arguments` and `output` are text as received: maybe invalid or partial JSON.

    `kind` is for display: `function`, `code`, `search` or `other`. `child_run_id` and `child_thread_id`
    lead to the run of a connected agent. `rest` has what no other field holds. Where is what: `tool_types`.
    """

    id: str | None
    type: str
    name: str
    arguments: str
    output: str | None
    server_label: str | None
    code_input: str
    logs: list[str]
    image_file_ids: list[str]
    results: list[FileSearchResult]
    child_run_id: str | None
    child_thread_id: str | None
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "ToolCall":
        call = parsing.mapping(raw)
        type_ = _type_of(call)
        known, body = tool_type(type_), parsing.mapping(call.get(type_))
        own = {**call, **body}
        is_code, asked = known.kind == "code", _first_text(own, *known.input_keys) or ""
        outputs = [parsing.mapping(item) for item in parsing.listing(body.get("outputs"))]
        results = parsing.listing(body.get("results")) if known.has_results else []
        return cls(
            id=parsing.identifier(call.get("id")),
            type=type_,
            name=_name_of(own, type_),
            arguments="" if is_code else asked,
            output=_first_text(own, *known.output_keys),
            server_label=_first_text(own, "server_label", "mcp_server"),
            code_input=asked if is_code else "",
            logs=[item["logs"] for item in outputs if isinstance(item.get("logs"), str)],
            image_file_ids=_image_file_ids(outputs) if outputs else [],
            results=[FileSearchResult.from_raw(item) for item in results],
            child_run_id=parsing.identifier(body.get("run_id")),
            child_thread_id=parsing.identifier(body.get("thread_id")),
            raw=raw,
        )

    @property
    def function(self) -> Fields | None:
        """Gives name, arguments and output of a function call; None for calls of other kinds."""
        return self._body("function", name=self.name, arguments=self.arguments, output=self.output)

    @property
    def code_interpreter(self) -> Fields | None:
        body = _body_of(self.raw, "code_interpreter")
        return self._body("code_interpreter", input=self.code_input, outputs=parts(body.get("outputs")))

    @property
    def file_search(self) -> Fields | None:
        body = _body_of(self.raw, "file_search")
        return self._body("file_search", results=parts(body.get("results")))

    def _body(self, type_: str, **read: JsonLike) -> Fields | None:
        return Fields({**_body_of(self.raw, type_), **read}) if self.type == type_ else None

    @property
    def kind(self) -> str:
        return tool_type(self.type).kind

    @property
    def has_result_list(self) -> bool:
        """Tells whether the server gave results at all, be it none: without `include` some leave them out."""
        return isinstance(_body_of(self.raw, self.type).get("results"), list)

    @property
    def rest(self) -> dict[str, Any]:
        """Gives what the server said of the call beside all that the other fields hold."""
        known, call = tool_type(self.type), parsing.mapping(self.raw)
        read = {*_READ_KEYS, *known.input_keys, *known.output_keys}
        read |= _READ_OF_CODE if known.kind == "code" else _READ_OF_RESULTS if known.has_results else set()
        body = call.get(self.type)
        own = {**call, **body} if isinstance(body, dict) else call
        return {key: value for key, value in own.items() if key not in read and value is not body}


def kind_in_common(kinds: Iterable[str]) -> str:
    """Names the kind that all calls of a step have in common, else `other`."""
    different = set(kinds)
    return different.pop() if len(different) == 1 else "other"


def once_each(calls: list[ToolCall]) -> list[ToolCall]:
    """Leaves out a call that has the id, the name and the arguments of one before it."""
    found = {(call.id, call.name, call.arguments) if call.id else at: call for at, call in enumerate(calls)}
    return list(found.values())


def _body_of(call: Json, type_: str) -> dict[str, Any]:
    return parsing.mapping(parsing.mapping(call).get(type_))


def _type_of(call: dict[str, Any]) -> str:
    """Reads the type; where it is left out, the only own key names it, else it is a function."""
    named = call.get("type")
    if isinstance(named, str) and named:
        return named
    return parsing.only_key(call, besides=_COMMON_KEYS) or "function"


def _name_of(own: dict[str, Any], type_: str) -> str:
    name = own.get("name")
    if not isinstance(name, str):
        name = parsing.mapping(own.get("function")).get("name")
    return name if isinstance(name, str) and name else type_


def _first_text(own: dict[str, Any], *keys: str) -> str | None:
    for key in keys:
        value = own.get(key)
        if value is not None:
            return value if isinstance(value, str) else parsing.json_text(value)
    return None


def _image_file_ids(outputs: list[dict[str, Any]]) -> list[str]:
    found = [parsing.identifier(parsing.mapping(item.get("image")).get("file_id")) for item in outputs]
    return [file_id for file_id in found if file_id]
