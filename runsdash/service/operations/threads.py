"""Makes, lists, reads, changes and deletes threads: docs/protocol.md#endpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

from runsdash.service import checks
from runsdash.service.calls import Call, path_to
from runsdash.service.objects import Deleted, Page, Thread
from runsdash.service.paging import Walk

from .base import Check, Operations, given, list_query

_FIELDS: dict[str, Check] = {
    "messages": checks.messages,
    "tool_resources": checks.json_object,
    "metadata": checks.metadata,
}


class ThreadOperations(Operations):
    def create_thread(
        self,
        *,
        messages: Sequence[Mapping[str, Any]] | None = None,
        tool_resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        raw: bool = False,
    ) -> "Thread | Any":
        """Makes a thread, with its first messages if given. Never retried."""
        body = given(_FIELDS, messages=messages, tool_resources=tool_resources, metadata=metadata)
        call = Call(operation="create_thread", method="POST", path="/threads", scope="collection", body=body)
        return self._one(call, Thread, raw=raw)

    def list_threads(
        self,
        *,
        limit: int = 20,
        order: str = "desc",
        after: str | None = None,
        before: str | None = None,
        raw: bool = False,
    ) -> "Page[Thread] | Any":
        """Lists a page of threads, where the server can list them; else `NotSupported`. Not in the reference."""
        query = list_query(limit=limit, order=order, after=after, before=before)
        call = Call(operation="list_threads", method="GET", path="/threads", scope="collection", query=query)
        return self._page(call, Thread, limit=limit, raw=raw)

    def iter_threads(self, *, limit: int = 100, order: str = "desc", after: str | None = None) -> Walk[Thread]:
        """All threads, page by page, where the server can list them. One deadline a page."""
        return Walk(self.list_threads, limit=limit, order=order, after=after)

    def retrieve_thread(self, *, thread_id: str, raw: bool = False) -> "Thread | Any":
        """Reads one thread."""
        return self._one(_thread_call("retrieve_thread", "GET", thread_id), Thread, raw=raw)

    def modify_thread(
        self,
        *,
        thread_id: str,
        metadata: Mapping[str, str] | None = None,
        tool_resources: Mapping[str, Any] | None = None,
        raw: bool = False,
    ) -> "Thread | Any":
        """Sets a thread's metadata, tool resources or both."""
        if metadata is None and tool_resources is None:
            checks.refuse("metadata", "nothing to change was given.")
        body = given(_FIELDS, metadata=metadata, tool_resources=tool_resources)
        return self._one(_thread_call("modify_thread", "POST", thread_id, body=body), Thread, raw=raw)

    def delete_thread(self, *, thread_id: str, raw: bool = False) -> "Deleted | Any":
        """Deletes a thread; its runs are gone with it."""
        return self._one(_thread_call("delete_thread", "DELETE", thread_id), Deleted, raw=raw)


def _thread_call(operation: str, method: str, thread_id: str, **rest: Any) -> Call:
    path = path_to("threads", "{thread_id}", thread_id=thread_id)
    return Call(
        operation=operation,
        method=method,
        path=path,
        scope="item",
        ids=(thread_id,),
        about={"id": thread_id},
        **rest,
    )
