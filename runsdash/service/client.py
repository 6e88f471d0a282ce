"""Offers every operation of one server with one key, as `Client`.

Owns how an answer becomes an object or an error; sending is the transport's. A client may be used from
many threads at once. It holds no connection of its own: sessions belong to threads.
"""

import threading
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from runsdash.service.objects.pages import items_of
from runsdash.service.objects.parsing import identifier

from . import checks
from .background import Background
from .calls import Call
from .capabilities import Capabilities
from .decoding import Undecodable, decode_json
from .describing import Describing, RequestDescription
from .errors import UpstreamFailed
from .exchange import Attempted, Gate, Reply, Terms
from .json_types import Json, JsonLike
from .objects import Deleted, FileContent, Page, Run, Unchanged
from .operations import OPERATIONS, AllOperations
from .operations.base import T
from .providers import Endpoint
from .refusals import another, page_said, unusable, what_came
from .retry import MAX_RETRIES, Backoff
from .stream import RunStream
from .transport import Transport

DIGEST_BYTES = 16  # of a reply


class Client(AllOperations):
    """Calls one server.

    `timeout` (seconds) is one deadline for a whole operation: name lookup, connecting, all attempts,
    the waits between them and the body. For a stream it bounds the time to the first byte; after that
    `stream_idle_timeout_s` bounds the silence between bytes. `api_key` is text or a function that gives
    a token. Share `backoff` and `capabilities` between the clients of one connection.
    """

    OPERATIONS = OPERATIONS

    def __init__(
        self,
        base_url: str,
        api_key: str | Callable[[], str] | None = None,
        kind: str = "openai",
        timeout: float = 30,
        *,
        api_version: str | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, str] | None = None,
        auth: str = "",
        max_retries: int = MAX_RETRIES,
        connect_timeout_s: float = 10,
        stream_idle_timeout_s: float = 60,
        backoff: Backoff | None = None,
        capabilities: Capabilities | None = None,
        gate: Gate | None = None,
        on_attempt: Callable[[Attempted], None] | None = None,
        verify: bool | str = True,
        allow_link_local: bool = False,
    ) -> None:
        endpoint = Endpoint(
            base_url=base_url,
            api_key=api_key,
            kind=kind,
            api_version=api_version,
            extra_headers=extra_headers,
            extra_query=extra_query,
            auth=auth,
        )
        if not allow_link_local:
            checks.not_link_local("base_url", endpoint.base_url)
        terms = Terms(
            endpoint=endpoint,
            backoff=backoff if backoff is not None else Backoff(),
            capabilities=capabilities if capabilities is not None else Capabilities(),
            gate=gate,
            on_attempt=on_attempt,
            verify=verify,
            allow_link_local=allow_link_local,
            timeout_s=_seconds("timeout", timeout),
            connect_timeout_s=_seconds("connect_timeout_s", connect_timeout_s),
            stream_idle_timeout_s=_seconds("stream_idle_timeout_s", stream_idle_timeout_s),
            max_retries=_retries(max_retries),
        )
        self._use(terms)

    def _use(self, terms: Terms) -> None:
        self.endpoint = terms.endpoint
        self._transport = Transport(terms)
        self._heard = threading.local()

    def with_patience(self, *, timeout: float | None = None, max_retries: int | None = None) -> "Client":
        """Copies the client with another deadline or number of retries; both share all that is remembered."""
        terms = self._transport.terms
        if timeout is not None:
            terms = replace(terms, timeout_s=_seconds("timeout", timeout))
        if max_retries is not None:
            terms = replace(terms, max_retries=_retries(max_retries))
        other = copy(self)
        other._use(terms)
        return other

    @property
    def background(self) -> Background:
        """Gives every operation a form that returns its `Future` at once."""
        return Background(self)

    @property
    def capabilities(self) -> Capabilities:
        """Tells what the server was seen to offer."""
        return self._transport.terms.capabilities

    @property
    def backoff(self) -> Backoff:
        return self._transport.terms.backoff

    @property
    def last_reply(self) -> Reply | None:
        """Gives the reply behind this thread's last object: status and request id for an audit trail."""
        return getattr(self._heard, "reply", None)

    def describe_request(self, operation: str, **parameters: JsonLike) -> RequestDescription:
        """Describes what `operation(**parameters)` would send, checked but not sent, without the key."""
        if operation not in OPERATIONS:
            checks.refuse("operation", f"{operation[:80]!r} is not an operation.")
        described: RequestDescription = getattr(Describing(self.endpoint), operation)(**parameters)
        return described

    def _one(self, call: Call, kind: type[T], *, raw: bool) -> T | Any:
        return self._read(call, self._transport.fetch(call), kind, raw=raw)

    def _unless_known(self, call: Call, known: str) -> Run | Unchanged:
        reply = self._transport.fetch(call)
        digest = blake2b(reply.content, digest_size=DIGEST_BYTES).hexdigest()
        if digest == known:
            self._heard.reply = reply
            return Unchanged(digest)
        return replace(self._read(call, reply, Run, raw=False), reply_digest=digest)

    def _read(self, call: Call, reply: Reply, kind: type[T], *, raw: bool) -> T | Any:
        self._heard.reply = reply
        if kind is Deleted and not reply.content.strip():
            value: Json = {"id": call.ids[-1], "deleted": True}
        else:
            value = self._decoded(call, reply)
        if not isinstance(value, dict) or identifier(value.get("id")) is None:
            raise self._unusable(call, reply, what_came(value, kind.__name__))
        if name := call.misnamed(value):
            raise self._unusable(call, reply, another(kind.__name__, value, name))
        return value if raw else kind.from_raw(value)

    def _page(self, call: Call, kind: type[T], *, limit: int, raw: bool) -> Page[T] | Any:
        reply = self._transport.fetch(call)
        value = self._decoded(call, reply)
        if items_of(value) is None:
            raise self._unusable(call, reply, what_came(value, "list"))
        if raw:
            return value
        return Page.from_raw(
            value, item_from_raw=kind.from_raw, limit=limit, keep=lambda item: not call.misnamed(item.raw)
        )

    def _stream(self, call: Call, *, raw: bool) -> RunStream:
        return RunStream(self._transport.open_stream(call), call, raw=raw)

    def _bytes(self, call: Call, file_id: str, *, max_bytes: int, raw: bool) -> FileContent | Any:
        reply = self._transport.fetch(call, max_bytes=max_bytes)
        if raw:
            return reply.content
        return FileContent(file_id=file_id, content=reply.content, content_type=reply.content_type)

    def _decoded(self, call: Call, reply: Reply) -> Json:
        try:
            return decode_json(reply.content)
        except Undecodable as reason:
            said = page_said(self.endpoint, reply.content) or f"The answer cannot be read: {reason}."
            raise self._unusable(call, reply, said) from None

    def _unusable(self, call: Call, reply: Reply, message: str) -> UpstreamFailed:
        return unusable(
            self.endpoint,
            message,
            content=reply.content,
            status=reply.status,
            request_id=reply.request_id,
            is_write=call.is_write,
        )

    def __repr__(self) -> str:
        return f"<Client {self.endpoint.provider.kind} {self.endpoint.base_url}>"


def _seconds(param: str, value: float) -> float:
    return checks.number_between(param, value, 0.01, 86_400)


def _retries(value: int) -> int:
    return int(checks.number_between("max_retries", value, 0, 20))
