"""Reads files that a run made: docs/protocol.md#endpoints."""

from typing import Any

from runsdash.service import checks
from runsdash.service.calls import Call, path_to
from runsdash.service.exchange import MAX_BODY_BYTES
from runsdash.service.objects import FileContent

from .base import Operations


class FileOperations(Operations):
    def retrieve_file_content(
        self, *, file_id: str, max_bytes: int = MAX_BODY_BYTES, raw: bool = False
    ) -> "FileContent | Any":
        """Reads a file's bytes and claimed content type; `raw=True` gives the bytes alone.

        A file longer than `max_bytes` is `UpstreamFailed`.
        """
        checks.number_between("max_bytes", max_bytes, 1, MAX_BODY_BYTES)
        call = Call(
            operation="retrieve_file_content",
            method="GET",
            path=path_to("files", "{file_id}", "content", file_id=file_id),
            scope="item",
            ids=(file_id,),
            accept="*/*",
        )
        return self._bytes(call, file_id, max_bytes=max_bytes, raw=raw)
