"""Starts, lists, reads, changes and cancels runs, and answers their tool calls: docs/protocol.md#endpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

from runsdash.service import checks
from runsdash.service.calls import Call, path_to
from runsdash.service.objects import Page, Run
from runsdash.service.paging import Walk
from runsdash.service.stream import RunStream

from .base import RUN_FIELDS, Check, Operations, given, include_query, list_query

_RUNS = ("threads", "{thread_id}", "runs")
_RUN = (*_RUNS, "{run_id}")


class RunOperations(Operations):
    def create_run(
        self,
        *,
        thread_id: str,
        assistant_id: str,
        model: str | None = None,
        instructions: str | None = None,
        additional_instructions: str | None = None,
        additional_messages: Sequence[Mapping[str, Any]] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        metadata: Mapping[str, str] | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        stream: bool | None = None,
        max_prompt_tokens: int | None = None,
        max_completion_tokens: int | None = None,
        truncation_strategy: Mapping[str, Any] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: str | Mapping[str, Any] | None = None,
        reasoning_effort: str | None = None,
        include: Sequence[str] | None = None,
        raw: bool = False,
    ) -> "Run | RunStream | Any":
        """Starts a run on a thread; with `stream=True` answers an open `RunStream`. Never retried.

        What is None is not sent: the assistant's settings apply. A busy thread is `Refused` (`.blocking_run_id`).
        """
        body = given(
            RUN_FIELDS,
            assistant_id=checks.words("assistant_id", assistant_id),
            model=model,
            instructions=instructions,
            additional_instructions=additional_instructions,
            additional_messages=additional_messages,
            tools=tools,
            metadata=metadata,
            temperature=temperature,
            top_p=top_p,
            stream=stream,
            max_prompt_tokens=max_prompt_tokens,
            max_completion_tokens=max_completion_tokens,
            truncation_strategy=truncation_strategy,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            response_format=response_format,
            reasoning_effort=reasoning_effort,
        )
        call = Call(
            operation="create_run",
            method="POST",
            path=path_to(*_RUNS, thread_id=thread_id),
            scope="collection",
            ids=(thread_id, assistant_id),
            about={"thread_id": thread_id},
            query=include_query(include),
            body=body,
            accept=_accept(stream),
        )
        return self._run_or_stream(call, stream=stream, raw=raw)

    def create_thread_and_run(
        self,
        *,
        assistant_id: str,
        thread: Mapping[str, Any] | None = None,
        model: str | None = None,
        instructions: str | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        stream: bool | None = None,
        max_prompt_tokens: int | None = None,
        max_completion_tokens: int | None = None,
        truncation_strategy: Mapping[str, Any] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: str | Mapping[str, Any] | None = None,
        raw: bool = False,
    ) -> "Run | RunStream | Any":
        """Makes a thread and starts a run on it in one call. `thread`: messages, tool_resources, metadata.

        Never retried. When the answer is lost, the thread cannot be found again, since threads cannot be
        listed everywhere; create_thread and create_run can.
        """
        body = given(
            RUN_FIELDS,
            assistant_id=checks.words("assistant_id", assistant_id),
            thread=thread,
            model=model,
            instructions=instructions,
            tools=tools,
            tool_resources=tool_resources,
            metadata=metadata,
            temperature=temperature,
            top_p=top_p,
            stream=stream,
            max_prompt_tokens=max_prompt_tokens,
            max_completion_tokens=max_completion_tokens,
            truncation_strategy=truncation_strategy,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            response_format=response_format,
        )
        call = Call(
            operation="create_thread_and_run",
            method="POST",
            path="/threads/runs",
            scope="collection",
            ids=(assistant_id,),
            body=body,
            accept=_accept(stream),
        )
        return self._run_or_stream(call, stream=stream, raw=raw)

    def list_runs(
        self,
        *,
        thread_id: str,
        limit: int = 20,
        order: str = "desc",
        after: str | None = None,
        before: str | None = None,
        raw: bool = False,
    ) -> "Page[Run] | Any":
        """Lists a page of a thread's runs. Runs of other threads, which some servers add, are left out of
        `.data`; `raw=True` gives the answer as it came."""
        call = Call(
            operation="list_runs",
            method="GET",
            path=path_to(*_RUNS, thread_id=thread_id),
            scope="collection",
            ids=(thread_id,),
            about={"thread_id": thread_id},
            query=list_query(limit=limit, order=order, after=after, before=before),
        )
        return self._page(call, Run, limit=limit, raw=raw)

    def iter_runs(
        self, *, thread_id: str, limit: int = 100, order: str = "desc", after: str | None = None
    ) -> Walk[Run]:
        """All runs of a thread, page by page; `limit` is the size of a page. One deadline a page."""
        return Walk(self.list_runs, thread_id=thread_id, limit=limit, order=order, after=after)

    def retrieve_run(self, *, thread_id: str, run_id: str, known: str | None = None, raw: bool = False) -> "Run | Any":
        """Reads one run. With `known`, the `reply_digest` of an earlier answer or "", the same reply is `Unchanged`."""
        call = self._run_call("retrieve_run", "GET", thread_id, run_id)
        return self._one(call, Run, raw=raw) if known is None else self._unless_known(call, known)

    def modify_run(self, *, thread_id: str, run_id: str, metadata: Mapping[str, str], raw: bool = False) -> "Run | Any":
        """Sets a run's metadata, the only thing of a run that can be changed."""
        body = {"metadata": checks.metadata("metadata", metadata)}
        return self._one(self._run_call("modify_run", "POST", thread_id, run_id, body=body), Run, raw=raw)

    def cancel_run(self, *, thread_id: str, run_id: str, raw: bool = False) -> "Run | Any":
        """Asks for a run to be cancelled; it is mostly `cancelling` at first. `Refused` when it has ended."""
        call = self._run_call("cancel_run", "POST", thread_id, run_id, "cancel")
        return self._one(call, Run, raw=raw)

    def submit_tool_outputs(
        self,
        *,
        thread_id: str,
        run_id: str,
        tool_outputs: Sequence[Mapping[str, Any]] | None = None,
        tool_approvals: Sequence[Mapping[str, Any]] | None = None,
        stream: bool | None = None,
        raw: bool = False,
    ) -> "Run | RunStream | Any":
        """Answers the calls a run waits for, all in one request.

        `tool_outputs` are `tool_output(…)` items, strings only, together under 512 KB. `tool_approvals` are
        `{tool_call_id, approve}`, where the run asks for those.

        Never retried; with `stream=True` answers a `RunStream`.
        """
        if not tool_outputs and not tool_approvals:
            checks.refuse("tool_outputs", "at least one output or approval is needed.")
        fields: dict[str, Check] = {
            "tool_outputs": checks.tool_outputs,
            "tool_approvals": checks.tool_approvals,
            "stream": checks.flag,
        }
        body = given(fields, tool_outputs=tool_outputs, tool_approvals=tool_approvals, stream=stream)
        call = self._run_call(
            "submit_tool_outputs",
            "POST",
            thread_id,
            run_id,
            "submit_tool_outputs",
            body=body,
            accept=_accept(stream),
        )
        return self._run_or_stream(call, stream=stream, raw=raw)

    def _run_or_stream(self, call: Call, *, stream: bool | None, raw: bool) -> Run | RunStream | Any:
        return self._stream(call, raw=raw) if stream else self._one(call, Run, raw=raw)

    def _run_call(self, operation: str, method: str, thread_id: str, run_id: str, *action: str, **rest: Any) -> Call:
        return Call(
            operation=operation,
            method=method,
            path=path_to(*_RUN, *action, thread_id=thread_id, run_id=run_id),
            scope="action" if action else "item",
            ids=(thread_id, run_id),
            about={"id": run_id, "thread_id": thread_id},
            **rest,
        )


def _accept(stream: bool | None) -> str:
    return "text/event-stream" if stream else "application/json"
