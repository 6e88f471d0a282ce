"""Finds the connection a URL means: by `?connection=`, else the one that knows the id, else `default`."""

from collections.abc import Sequence

from django.db.models import Model
from django.http import Http404, HttpRequest

from runsdash.actions.settle.settle_unclear import SETTLE_AGE_S, settle_run
from runsdash.index.connections import DEFAULT_SLUG, connections
from runsdash.index.models import Connection, Run, Thread
from runsdash.sync.refresh import (
    MAX_AGE_S,
    PAGE_WAIT_S,
    copy_if_unwritable,
    refresh_run,
    refresh_thread,
    run_row,
    thread_row,
)

from .copy_age import with_reason
from .shell import frame_rows


class SeveralConnections(Exception):
    """Says that several connections know the id. The problems middleware lets the reader choose (300)."""

    def __init__(self, *, upstream_id: str, connections: list[Connection]) -> None:
        super().__init__(upstream_id)
        self.upstream_id, self.connections = upstream_id, connections


class NoConnection(Exception):
    """Says that there is no upstream to ask. Rendered with the way to add one."""


def connection_named(slug: str, *, among: Sequence[Connection] | None = None) -> Connection:
    """Returns the connection with this slug. `among`: all connections, by whoever has read them already."""
    for connection in connections() if among is None else among:
        if connection.slug == slug:
            return connection
    raise Http404(f"There is no connection named “{slug}”.")


def usable_connection(request: HttpRequest) -> Connection:
    """Returns what `?connection=` (or the form field) names, else `default`, else the only enabled one."""
    slug = request.POST.get("connection") or request.GET.get("connection")
    if slug:
        return connection_named(slug, among=frame_rows(request)[0])
    enabled = [connection for connection in frame_rows(request)[0] if connection.is_asked]
    if not enabled:
        raise NoConnection
    return enabled[0]


def connection_of(request: HttpRequest, *ids: tuple[type[Model], str]) -> Connection:
    """Returns the connection that knows the first id found in the index, else the default one."""
    slug = request.GET.get("connection") or request.POST.get("connection")
    every = frame_rows(request)[0]
    if slug:
        return connection_named(slug, among=every)
    by_key = {connection.pk: connection for connection in every}
    for model, upstream_id in ids:
        rows = model._default_manager.filter(connection_id__in=by_key, upstream_id=upstream_id)
        knows = set(rows.values_list("connection_id", flat=True))
        if len(knows) > 1:
            raise SeveralConnections(upstream_id=upstream_id, connections=[by_key[pk] for pk in sorted(knows)])
        if knows:
            return by_key[knows.pop()]
    default = [one for one in every if one.slug == DEFAULT_SLUG] or every
    if not default:
        raise NoConnection
    return default[0]


def connection_of_run(request: HttpRequest, *, thread_id: str, run_id: str) -> Connection:
    """Returns the connection of a run: by its id, or when that is unknown by its thread's."""
    return connection_of(request, (Run, run_id), (Thread, thread_id))


def run_for_page(
    request: HttpRequest, *, thread_id: str, run_id: str, wait_s: float = PAGE_WAIT_S, live_age_s: float = MAX_AGE_S
) -> Run:
    """Returns the run for a page or a poll, after one short wait for the upstream.

    What was left unclear on it is settled by the way.
    """
    connection = connection_of_run(request, thread_id=thread_id, run_id=run_id)
    run = refresh_run(connection, thread_id=thread_id, run_id=run_id, wait_s=wait_s, live_age_s=live_age_s)
    with copy_if_unwritable():
        run = settled_run(connection, run, wait_s=wait_s)
    return with_reason(run)


def settled_run(connection: Connection, run: Run, *, wait_s: float) -> Run:
    """Settles what is open on a run, by a newer copy where that is needed; returns the copy."""
    if any(audited.is_open for audited in settle_run(run)):
        # A slow poll, or what has ended, may show a copy that is older than what has to be settled.
        max_age_s = SETTLE_AGE_S if run.facts.is_terminal else MAX_AGE_S
        thread_id, run_id = run.thread.upstream_id, run.upstream_id
        run = refresh_run(connection, thread_id=thread_id, run_id=run_id, wait_s=wait_s, max_age_s=max_age_s)
        settle_run(run)
    return run


def indexed_thread(request: HttpRequest, *, thread_id: str) -> Thread:
    """Returns the thread a write form is about: the copy in the index, fetched only when there is none."""
    connection = connection_of(request, (Thread, thread_id))
    return thread_row(connection, thread_id) or refresh_thread(connection, thread_id=thread_id)


def indexed_run(request: HttpRequest, *, thread_id: str, run_id: str) -> Run:
    """Returns the run a write form is about, likewise."""
    connection = connection_of_run(request, thread_id=thread_id, run_id=run_id)
    return run_row(connection, run_id) or refresh_run(connection, thread_id=thread_id, run_id=run_id)


def refetched_run(request: HttpRequest, *, thread_id: str, run_id: str, max_age_s: float | None = 0) -> Run:
    """Fetches the run if its copy is older than `max_age_s` (None: than a page may show), as far as a page may wait."""
    connection = connection_of_run(request, thread_id=thread_id, run_id=run_id)
    return with_reason(refresh_run(connection, thread_id=thread_id, run_id=run_id, max_age_s=max_age_s))
