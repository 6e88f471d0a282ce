"""The first page: what needs a person, what is overdue, how runs end."""

from collections.abc import Sequence
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.context import Shell
from runsdash.dashboard.forms.time_range import RANGES, TimeRange, asked_range
from runsdash.dashboard.run_lists import ROWS, assistant_names, dress, narrowed, rows_state, state_tag
from runsdash.dashboard.subject import connection_named
from runsdash.index import counts
from runsdash.index.models import Connection, Run
from runsdash.service.statuses import RunStatus, run_status

POLL_S = 5
MAX_WAITING, MAX_OVERDUE, MAX_RECENT, MAX_CAUSES = 20, 10, 10, 8


@viewer_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Counts, runs that need action, causes, overdue and recent runs."""
    shell, span = Shell(request), asked_range(request.GET)
    if not shell.connections:
        return render(request, "overview/no_connection.html")
    connection = asked_connection(request)
    context = {"span": span, "ranges": ranges(request, span), **live_parts(connection, span)}
    context |= causes(connection, span)
    recent = counts.of(connection).order_by("-pk").values_list("pk", flat=True)[:MAX_RECENT]
    context["recent"] = dress(list(ROWS.filter(pk__in=list(recent)).order_by("-pk")))
    context["poll"] = poll(request, span, context)
    return render(request, "overview/overview.html", context)


@viewer_required
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The counts, the inbox and the overdue runs again; nothing when they are what the page shows."""
    connection, span = asked_connection(request), asked_range(request.GET)
    context = {"span": span, **live_parts(connection, span)}
    context["poll"] = poll(request, span, context)
    if request.headers.get("HX-PTag") == context["poll"]["tag"]:
        return HttpResponseNotModified()
    response = render(request, "overview/live.html", context)
    response["HX-PTag"] = context["poll"]["tag"]
    return response


def asked_connection(request: HttpRequest) -> Connection | None:
    slug = request.GET.get("connection")
    return connection_named(slug) if slug else None


def live_parts(connection: Connection | None, span: TimeRange) -> dict[str, object]:
    waiting = list(narrowed(counts.waiting(connection))[: MAX_WAITING + 1])
    overdue = list(narrowed(counts.overdue(connection))[:MAX_OVERDUE])
    return {
        **status_cells(connection, span),
        "waiting": dress(waiting[:MAX_WAITING]),
        "waiting_count": len(waiting) if len(waiting) <= MAX_WAITING else counts.waiting(connection).count(),
        "overdue": dress(overdue),
    }


def status_cells(connection: Connection | None, span: TimeRange) -> dict[str, object]:
    """A cell for each status: active ones right now, ended ones in the range with the change on the range before."""
    pk = connection.pk if connection else None
    now = counts.active_by_status(connection)
    ended = counted(span.window, connection, key=("now", span.since, span.until, pk))
    before = counted(span.window.before, connection, key=("before", span.since, span.until, pk))
    cells = [cell(status, now=now, ended=ended, before=before, span=span) for status in RunStatus]
    finished = sum(one["count"] for one in cells if one["status"].is_terminal)
    completed = ended.get(RunStatus.COMPLETED.value, 0)
    return {
        "cells": cells,
        "total": sum(ended.values()),
        "completed_share": f"{100 * completed / finished:.1f} %" if finished else "",
    }


def counted(window: counts.Window, connection: Connection | None, *, key: tuple) -> dict[str, int]:
    return counts.affordable(("status", *key), lambda: counts.by_status(window.runs(connection)))


def cell(status: RunStatus, *, now: dict, ended: dict, before: dict, span: TimeRange) -> dict[str, object]:
    clause = f"status:{status.value}"
    if status.is_active:
        return {"status": status, "count": now.get(status.value, 0), "query": clause}
    count = ended.get(status.value, 0)
    change = count - before.get(status.value, 0) if before else None
    return {"status": status, "count": count, "change": change, "query": f"{clause} {span.clauses}"}


def causes(connection: Connection | None, span: TimeRange) -> dict[str, object]:
    """The table “Not completed, by cause”, with each cause's share of the most frequent one."""
    key = ("causes", span.since, span.until, connection.pk if connection else None)
    found: Sequence[counts.Cause] = counts.affordable(key, lambda: counts.causes(span.window, connection))
    shown = found[:MAX_CAUSES]
    names = names_of({one.mostly for one in shown})
    most = shown[0].count if shown else 1
    return {
        "causes": [
            {
                "cause": one,
                "facts": run_status(one.status),
                "mostly": names.get(one.mostly, ""),
                "share": f"{100 * one.count / most:.1f}%",
                "query": cause_query(one, span),
            }
            for one in shown
        ],
        "not_completed": sum(one.count for one in found),
    }


def names_of(assistants: set[tuple[int, str]]) -> dict[tuple[int, str], str]:
    runs = [Run(connection_id=connection_id, assistant_id=one) for connection_id, one in assistants]
    return assistant_names(runs)


def cause_query(cause: counts.Cause, span: TimeRange) -> str:
    error = f' error:"{cause.code}"' if cause.code else ""
    return f"status:{cause.status}{error} {span.clauses}"


def ranges(request: HttpRequest, span: TimeRange) -> list[dict[str, object]]:
    carried = {"connection": request.GET["connection"]} if request.GET.get("connection") else {}
    return [
        {"name": name, "query": f"?{urlencode({'range': name, **carried})}", "is_on": name == span.name}
        for name in RANGES
    ]


def poll(request: HttpRequest, span: TimeRange, shown: dict[str, object]) -> dict[str, object]:
    query = span.query | {"connection": request.GET.get("connection", "")}
    cells = [(one["count"], one.get("change")) for one in shown["cells"]]
    rows = rows_state([*shown["waiting"], *shown["overdue"]])
    tag = state_tag(cells, rows, [run.pk for run in shown["overdue"]], Shell(request).freshness_tag)
    given = urlencode({name: value for name, value in query.items() if value})
    return {"url": f"{reverse('overview_live')}?{given}", "interval_s": POLL_S, "tag": tag}
