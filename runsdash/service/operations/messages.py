"""Adds, lists and reads the messages of a thread: docs/protocol.md#endpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

from runsdash.service import checks
from runsdash.service.calls import Call, path_to
from runsdash.service.objects import Message, Page
from runsdash.service.paging import Walk

from .base import Operations, given, list_query

_MESSAGES = ("threads", "{thread_id}", "messages")
_FIELDS = {
    "role": checks.words,
    "content": checks.content,
    "attachments": checks.json_objects,
    "metadata": checks.metadata,
}


class MessageOperations(Operations):
    def create_message(
        self,
        *,
        thread_id: str,
        content: str | Sequence[Mapping[str, Any]],
        role: str = "user",
        attachments: Sequence[Mapping[str, Any]] | None = None,
        metadata: Mapping[str, str] | None = None,
        raw: bool = False,
    ) -> "Message | Any":
        """Adds a message to a thread; `content` is text or a list of parts. Never retried.

        `Refused` while a run is active on the thread.
        """
        checks.content("content", content)
        body = given(_FIELDS, role=role, content=content, attachments=attachments, metadata=metadata)
        call = Call(
            operation="create_message",
            method="POST",
            path=path_to(*_MESSAGES, thread_id=thread_id),
            scope="collection",
            ids=(thread_id,),
            about={"thread_id": thread_id},
            body=body,
        )
        return self._one(call, Message, raw=raw)

    def list_messages(
        self,
        *,
        thread_id: str,
        limit: int = 20,
        order: str = "desc",
        after: str | None = None,
        before: str | None = None,
        run_id: str | None = None,
        raw: bool = False,
    ) -> "Page[Message] | Any":
        """Lists a page of a thread's messages; `run_id` asks for those of one run."""
        call = Call(
            operation="list_messages",
            method="GET",
            path=path_to(*_MESSAGES, thread_id=thread_id),
            scope="collection",
            ids=(thread_id, *([run_id] if run_id else [])),
            about={"thread_id": thread_id},
            query=list_query(limit=limit, order=order, after=after, before=before, run_id=run_id),
        )
        return self._page(call, Message, limit=limit, raw=raw)

    def iter_messages(
        self,
        *,
        thread_id: str,
        limit: int = 100,
        order: str = "desc",
        after: str | None = None,
        run_id: str | None = None,
    ) -> Walk[Message]:
        """All messages of a thread, page by page; `limit` is the size of a page. One deadline a page."""
        return Walk(self.list_messages, thread_id=thread_id, limit=limit, order=order, after=after, run_id=run_id)

    def retrieve_message(self, *, thread_id: str, message_id: str, raw: bool = False) -> "Message | Any":
        """Reads one message."""
        call = Call(
            operation="retrieve_message",
            method="GET",
            path=path_to(*_MESSAGES, "{message_id}", thread_id=thread_id, message_id=message_id),
            scope="item",
            ids=(thread_id, message_id),
            about={"id": message_id, "thread_id": thread_id},
        )
        return self._one(call, Message, raw=raw)
