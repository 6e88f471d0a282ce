"""Makes, lists and reads assistants: docs/protocol.md#endpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

from runsdash.service import checks
from runsdash.service.calls import Call, path_to
from runsdash.service.objects import Assistant, Page

from .base import RUN_FIELDS, Operations, given, list_query

_FIELDS = {**RUN_FIELDS, "name": checks.text, "description": checks.text}


class AssistantOperations(Operations):
    def create_assistant(
        self,
        *,
        model: str,
        name: str | None = None,
        description: str | None = None,
        instructions: str | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        response_format: str | Mapping[str, Any] | None = None,
        reasoning_effort: str | None = None,
        raw: bool = False,
    ) -> "Assistant | Any":
        """Makes an assistant. Never retried."""
        body = given(
            _FIELDS,
            model=checks.words("model", model),
            name=name,
            description=description,
            instructions=instructions,
            tools=tools,
            tool_resources=tool_resources,
            metadata=metadata,
            temperature=temperature,
            top_p=top_p,
            response_format=response_format,
            reasoning_effort=reasoning_effort,
        )
        call = Call(operation="create_assistant", method="POST", path="/assistants", scope="collection", body=body)
        return self._one(call, Assistant, raw=raw)

    def list_assistants(
        self,
        *,
        limit: int = 20,
        order: str = "desc",
        after: str | None = None,
        before: str | None = None,
        raw: bool = False,
    ) -> "Page[Assistant] | Any":
        """Lists a page of assistants."""
        query = list_query(limit=limit, order=order, after=after, before=before)
        call = Call(operation="list_assistants", method="GET", path="/assistants", scope="collection", query=query)
        return self._page(call, Assistant, limit=limit, raw=raw)

    def retrieve_assistant(self, *, assistant_id: str, raw: bool = False) -> "Assistant | Any":
        """Reads one assistant."""
        call = Call(
            operation="retrieve_assistant",
            method="GET",
            path=path_to("assistants", "{assistant_id}", assistant_id=assistant_id),
            scope="item",
            ids=(assistant_id,),
            about={"id": assistant_id},
        )
        return self._one(call, Assistant, raw=raw)
