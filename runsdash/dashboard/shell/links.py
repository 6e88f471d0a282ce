"""Builds URLs of pages about an upstream object. They carry `?connection=` only when the id is ambiguous."""

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Model
from django.urls import NoReverseMatch, reverse

from runsdash.dashboard.shell.page_types import AnyRun, AnyThread, QueryValue
from runsdash.index.kept_filters import in_address
from runsdash.index.models import Assistant, Connection, Run, SavedView

from .converters import IdConverter

RUN = "threads/<id:thread_id>/runs/<id:run_id>/"  # how the address of a run begins

PLAIN_ID = re.compile(r"[A-Za-z0-9_~-]+").fullmatch  # looks the same in an address


def mark_ambiguous(
    objects: Iterable[Any], *, among: Sequence[Connection] | None = None, model: type[Model] | None = None
) -> None:
    """Sets `is_ambiguous` on rows of one model whose id another connection knows too.

    `among`: all connections, by whoever has read them already. `model`: of objects that are no rows of it themselves.
    """
    objects = list(objects)
    if not objects:
        return
    is_one = (Connection.objects.count() if among is None else len(among)) < 2
    ids = [] if is_one else [one.upstream_id for one in objects]
    doubled = ids_of_several(model or type(objects[0]), ids, among=among) if ids else set()
    for one in objects:
        one.is_ambiguous = one.upstream_id in doubled


def mark_assistants(runs: Iterable[Any], *, among: Sequence[Connection]) -> None:
    """Sets `shares_assistant` on runs whose assistant's id another connection knows. No query for one connection."""
    runs = list(runs)
    if not runs or len(among) < 2:
        return
    wanted = {run.assistant_id for run in runs if run.assistant_id}
    known: dict[str, set[int]] = {}
    rows = (
        Assistant.objects.filter(connection__in=among, upstream_id__in=wanted) if wanted else Assistant.objects.none()
    )
    for upstream_id, key in rows.values_list("upstream_id", "connection_id"):
        known.setdefault(upstream_id, set()).add(key)
    for run in runs:
        run.shares_assistant = bool(known.get(run.assistant_id, set()) - {run.connection_id})


def is_ambiguous(row: Any) -> bool:
    """Tells whether another connection knows the row's id too. What nobody has marked is looked up."""
    if not hasattr(row, "is_ambiguous"):
        row.is_ambiguous = row.upstream_id in ids_of_several(type(row), [row.upstream_id])
    return bool(row.is_ambiguous)


def ids_of_several(model: type[Model], ids: Sequence[str], *, among: Sequence[Connection] | None = None) -> set[str]:
    """Returns those of the ids that several connections know."""
    found = model._default_manager.filter(upstream_id__in=ids, connection__in=among or Connection.objects.all())
    counted = found.values("upstream_id").annotate(n=Count("id")).filter(n__gt=1)
    return set(counted.values_list("upstream_id", flat=True))


def with_connection(url: str, row: Any, **query: QueryValue) -> str:
    if is_ambiguous(row):
        query["connection"] = row.connection.slug
    return with_query(url, **query)


def with_query(url: str, **query: QueryValue) -> str:
    query = {key: value for key, value in query.items() if value not in (None, "")}
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url


@lru_cache(maxsize=4096)
def address(name: str, *ids: str) -> str:
    """Returns the URL named `name`. An empty id leads to the search instead."""
    written = [IdConverter().to_url(one) for one in ids]
    if all(map(PLAIN_ID, written)):
        return pattern(name, len(ids)).format(*written)
    try:
        return reverse(name, args=ids)
    except NoReverseMatch:
        return f"{reverse('go')}?{urlencode({'id': ids[-1]})}"


@cache
def pattern(name: str, count: int) -> str:
    """Returns the URL with places for ids: resolving it for each row of a list takes ten times as long."""
    places = [f"place{number}end" for number in range(count)]
    url = reverse(name, args=places)
    for number, place in enumerate(places):
        url = url.replace(place, f"{{{number}}}")
    return url


def run_url(run: AnyRun, name: str = "run", **query: QueryValue) -> str:
    """Returns the URL of a run's page, or of `name` (cancel, metadata, tool_outputs, run_live, run_raw).

    What is marked on the page (`run.hit`) goes along to its tabs, steps and polls.
    """
    if name in ("run", "run_live"):
        query.setdefault("hit", getattr(run, "hit", ""))
    return with_connection(address(name, run.thread.upstream_id, run.upstream_id), run, **query)


def thread_url(thread: AnyThread, name: str = "thread", **query: QueryValue) -> str:
    return with_connection(address(name, thread.upstream_id), thread, **query)


def assistant_url(assistant: Assistant) -> str:
    return with_connection(address("assistant", assistant.upstream_id), assistant)


def assistant_of_run_url(run: AnyRun) -> str:
    """Returns the URL of a run's assistant. The run went through `mark_assistants`, or is of the only connection."""
    slug = run.connection.slug if getattr(run, "shares_assistant", False) else ""
    return with_query(address("assistant", run.assistant_id), connection=slug)


def compare_url(a: Run | None, b: Run | None = None) -> str:
    """Returns the URL that compares two runs; with one of them, the page that asks for the other."""
    query = {}
    for name, run in (("a", a), ("b", b)):
        if run is not None:
            query[name] = run.upstream_id
            if is_ambiguous(run):
                query[f"{name}-connection"] = run.connection.slug
    return f"{reverse('compare')}?{urlencode(query)}" if query else reverse("compare")


def list_url(name: str, text: str = "", connection: Connection | None = None) -> str:
    """Returns the URL of a list with a filter, of one connection if given."""
    given = in_address(text) | ({"connection": connection.slug} if connection else {})
    query = urlencode({word: value for word, value in given.items() if value})
    return f"{reverse(name)}?{query}" if query else reverse(name)


def view_url(view: SavedView) -> str:
    """Returns the URL of the list, or overview, that a saved view stands for."""
    if view.page == view.Page.OVERVIEW:
        return overview_url(view.query, view.rest)
    return kept_list_url(view.page, view.query, view.sort)


def overview_url(text: str, rest: str) -> str:
    """Returns the URL of the overview with a filter; `rest`: its range and grouping, as they stand in an address."""
    query = "&".join(filter(None, (rest, urlencode({"q": text}) if text else "")))
    return f"{reverse('overview')}?{query}" if query else reverse("overview")


def kept_list_url(name: str, text: str, sort: str) -> str:
    """Returns the URL of a list, `runs` or `threads`, with a filter as it is kept, and an order."""
    given = {name: value for name, value in (in_address(text) | {"sort": sort}).items() if value}
    return f"{reverse(name)}{'?' if given else ''}{urlencode(given)}"
