"""Holds what all operations share: four kinds of answer, and how parameters become a request.

A group builds a `Call` and hands it to one of the four methods below. `Client` sends the call;
`describe_request` only shows it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self, TypeVar

from runsdash.service import checks
from runsdash.service.calls import Call
from runsdash.service.json_types import Json, JsonLike
from runsdash.service.objects import FileContent, Page, Run, Unchanged
from runsdash.service.stream import RunStream

Check = Callable[[str, JsonLike], JsonLike]


class Readable(Protocol):
    """Names what can be read from JSON."""

    @property
    def raw(self) -> Json: ...

    @classmethod
    def from_raw(cls, raw: Json) -> Self: ...


T = TypeVar("T", bound=Readable)

RUN_FIELDS: dict[str, Check] = {
    "assistant_id": checks.words,
    "model": checks.words,
    "instructions": checks.text,
    "additional_instructions": checks.text,
    "additional_messages": checks.messages,
    "thread": checks.new_thread,
    "tools": checks.tools,
    "tool_resources": checks.json_object,
    "metadata": checks.metadata,
    "temperature": checks.temperature,
    "top_p": checks.top_p,
    "stream": checks.flag,
    "max_prompt_tokens": checks.token_limit,
    "max_completion_tokens": checks.token_limit,
    "truncation_strategy": checks.json_object,
    "tool_choice": checks.word_or_object,
    "parallel_tool_calls": checks.flag,
    "response_format": checks.word_or_object,
    "reasoning_effort": checks.words,
}

LIST_FIELDS: dict[str, Check] = {
    "limit": checks.page_limit,
    "order": checks.order,
    "after": checks.words,
    "before": checks.words,
    "run_id": checks.words,
}


class Operations:
    """Leaves to its subclass what becomes of a call: `Client` sends it, `Describing` shows it.

    The answers are `… | Any`: with `raw=True` they are the JSON as received.
    """

    def _one(self, call: Call, kind: type[T], *, raw: bool) -> T | Any:
        """Answers one object, or its JSON."""
        raise NotImplementedError

    def _unless_known(self, call: Call, known: str) -> Run | Unchanged | Any:
        """Answers a run, or `Unchanged` when its reply has the digest `known`."""
        raise NotImplementedError

    def _page(self, call: Call, kind: type[T], *, limit: int, raw: bool) -> Page[T] | Any:
        """Answers a page of objects, without those that `call` is not about, or its JSON."""
        raise NotImplementedError

    def _stream(self, call: Call, *, raw: bool) -> RunStream | Any:
        """Answers an open `RunStream`."""
        raise NotImplementedError

    def _bytes(self, call: Call, file_id: str, *, max_bytes: int, raw: bool) -> FileContent | Any:
        """Answers a file."""
        raise NotImplementedError


def given(fields: Mapping[str, Check], **values: JsonLike) -> dict[str, JsonLike]:
    """Keeps the values that are not None, each checked under its own name."""
    return {name: fields[name](name, value) for name, value in values.items() if value is not None}


def list_query(**values: JsonLike) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in given(LIST_FIELDS, **values).items()]


def include_query(include: JsonLike) -> list[tuple[str, str]]:
    fields = [] if include is None else checks.included("include", include)
    return [("include[]", name) for name in fields]
