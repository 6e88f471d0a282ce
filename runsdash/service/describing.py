"""Describes a request instead of sending it, for "copy as" and for the audit trail.

`Describing` has every operation with all its checks. Where `Client` would send the call, it describes it.
"""

from dataclasses import dataclass
from typing import Any

from .calls import Call
from .operations import AllOperations
from .operations.base import T
from .providers import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDescription:
    """Holds a request as it would be sent, without the key."""

    operation: str
    method: str
    url: str
    headers: dict[str, str]
    json: dict[str, Any] | None
    auth_header: str = "Authorization"


class Describing(AllOperations):
    """Answers each operation with a `RequestDescription`; sends nothing."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def _one(self, call: Call, kind: type[T], *, raw: bool) -> RequestDescription:
        return self._described(call)

    def _unless_known(self, call: Call, known: str) -> RequestDescription:
        return self._described(call)

    def _page(self, call: Call, kind: type[T], *, limit: int, raw: bool) -> RequestDescription:
        return self._described(call)

    def _stream(self, call: Call, *, raw: bool) -> RequestDescription:
        return self._described(call)

    def _bytes(self, call: Call, file_id: str, *, max_bytes: int, raw: bool) -> RequestDescription:
        return self._described(call)

    def _described(self, call: Call) -> RequestDescription:
        url, body = self._endpoint.request_of(call)
        headers = {"Accept": call.accept, **self._endpoint.public_headers()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return RequestDescription(
            operation=call.operation,
            method=call.method,
            url=url,
            headers=headers,
            json=body,
            auth_header=self._endpoint.key_header,
        )
