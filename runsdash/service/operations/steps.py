"""Lists and reads the steps of a run: docs/protocol.md#endpoints."""

from collections.abc import Sequence
from typing import Any

from runsdash.service.calls import Call, path_to
from runsdash.service.objects import Page, RunStep
from runsdash.service.paging import Walk

from .base import Operations, include_query, list_query

FILE_SEARCH_CONTENT = "step_details.tool_calls[*].file_search.results[*].content"

_STEPS = ("threads", "{thread_id}", "runs", "{run_id}", "steps")


class StepOperations(Operations):
    def list_run_steps(
        self,
        *,
        thread_id: str,
        run_id: str,
        limit: int = 20,
        order: str = "desc",
        after: str | None = None,
        before: str | None = None,
        include: Sequence[str] | None = None,
        raw: bool = False,
    ) -> "Page[RunStep] | Any":
        """Lists a page of a run's steps, in the server's order (`sorted_steps` gives the order for people).
        `include=[FILE_SEARCH_CONTENT]` adds what a file search found."""
        query = list_query(limit=limit, order=order, after=after, before=before)
        call = Call(
            operation="list_run_steps",
            method="GET",
            path=path_to(*_STEPS, thread_id=thread_id, run_id=run_id),
            scope="collection",
            ids=(thread_id, run_id),
            about={"run_id": run_id, "thread_id": thread_id},
            query=[*query, *include_query(include)],
        )
        return self._page(call, RunStep, limit=limit, raw=raw)

    def iter_run_steps(
        self,
        *,
        thread_id: str,
        run_id: str,
        limit: int = 100,
        order: str = "desc",
        after: str | None = None,
        include: Sequence[str] | None = None,
    ) -> Walk[RunStep]:
        """All steps of a run, page by page; `limit` is the size of a page. One deadline a page."""
        return Walk(
            self.list_run_steps,
            thread_id=thread_id,
            run_id=run_id,
            limit=limit,
            order=order,
            after=after,
            include=include,
        )

    def retrieve_run_step(
        self,
        *,
        thread_id: str,
        run_id: str,
        step_id: str,
        include: Sequence[str] | None = None,
        raw: bool = False,
    ) -> "RunStep | Any":
        """Reads one step; `include` as in list_run_steps."""
        call = Call(
            operation="retrieve_run_step",
            method="GET",
            path=path_to(*_STEPS, "{step_id}", thread_id=thread_id, run_id=run_id, step_id=step_id),
            scope="item",
            ids=(thread_id, run_id, step_id),
            about={"id": step_id, "run_id": run_id, "thread_id": thread_id},
            query=include_query(include),
        )
        return self._one(call, RunStep, raw=raw)
