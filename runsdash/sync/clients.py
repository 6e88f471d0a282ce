"""Makes service clients: one a connection for pages, two for the worker. They share what the server said of waiting."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import partial
from threading import Lock
from typing import Any

from django.conf import settings

from runsdash.index.models import Connection
from runsdash.index.storage.sealed_keys import unseal
from runsdash.service import Backoff, Client
from runsdash.service.retry import MAX_PAGE_RETRIES, MAX_WORKER_RETRIES
from runsdash.sync.budget.process_budget import Reader, budget_for
from runsdash.sync.budget.shared_pauses import teach

from .attempt_log import log_attempt
from .key_command import current_token

WATCH_TIMEOUT_S = 10.0


class Patience(Enum):
    """Says who waits for a client: a page, or the worker, for an active run or for all else."""

    PAGE = "page"
    WORKER = "worker"
    WATCH = "watch"

    @property
    def reader(self) -> Reader:
        return Reader.PAGE if self is Patience.PAGE else Reader.WORKER


@dataclass
class Clients:
    """Holds the clients of one connection as it was configured at `changed_at`."""

    changed_at: datetime
    backoff: Backoff = field(default_factory=Backoff)
    by_patience: dict[Patience, Client] = field(default_factory=dict)


_clients: dict[int, Clients] = {}
_lock = Lock()


def client_for(connection: Connection, patience: Patience = Patience.PAGE) -> Client:
    """Returns the client that talks to `connection`, made anew when its settings have changed."""
    with _lock:
        held = _clients.get(connection.pk)
        if held is None or held.changed_at != connection.changed_at:
            held = _clients[connection.pk] = Clients(changed_at=connection.changed_at)
        if patience not in held.by_patience:
            held.by_patience[patience] = made_client(connection, patience, backoff=held.backoff)
        client = held.by_patience[patience]
    teach(held.backoff, connection)
    budget_for(connection, patience.reader).book_owed(connection)
    return client


def key_of(connection: Connection) -> str | Callable[[], str]:
    """Returns the key, or what gives a token. The key of `default` stays in the environment and is never stored."""
    if not connection.is_from_environment:
        return unseal(connection.sealed_key) or ""
    if settings.RUNSDASH_API_KEY_COMMAND:
        return partial(current_token, connection.pk)
    return str(settings.RUNSDASH_API_KEY)


def endpoint_options(connection: Connection) -> dict[str, Any]:
    """Returns where and how a client of `connection` asks, beside its address and key."""
    named = {"OpenAI-Organization": connection.organization, "OpenAI-Project": connection.project}
    return {
        "kind": connection.kind,
        "api_version": connection.api_version or None,
        "auth": connection.auth,
        "extra_query": connection.extra_query,
        "extra_headers": {name: one for name, one in named.items() if one} | extra_headers(connection),
        "allow_link_local": settings.RUNSDASH_API_ALLOW_LINK_LOCAL,
    }


def extra_headers(connection: Connection) -> dict[str, str]:
    if connection.is_from_environment:
        return dict(settings.RUNSDASH_API_HEADERS)
    return dict(json.loads(unseal(connection.sealed_headers) or "{}"))


def made_client(connection: Connection, patience: Patience, *, backoff: Backoff) -> Client:
    return Client(
        connection.base_url,
        key_of(connection),
        **endpoint_options(connection),
        timeout=min(connection.timeout_s, WATCH_TIMEOUT_S) if patience is Patience.WATCH else connection.timeout_s,
        max_retries=MAX_PAGE_RETRIES if patience is Patience.PAGE else MAX_WORKER_RETRIES,
        backoff=backoff,
        gate=budget_for(connection, patience.reader).gate,
        on_attempt=partial(log_attempt, connection.slug),
    )
