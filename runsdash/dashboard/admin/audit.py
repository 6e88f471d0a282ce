"""Lists what was done through RunsDash, by whom, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import AuditedAction, action_of, actions_of, with_content
from runsdash.dashboard.shell.links import ids_of_several
from runsdash.dashboard.shell.page_types import QueryValue
from runsdash.dashboard.shell.shell import frame_rows
from runsdash.index.models import Thread
from runsdash.index.storage.keyset import CursorError, KeysetOrder, page_of

from .audit_rows import LABELS, AuditRow

LIMIT = 50
MAX_CHARS = 200
NEWEST_FIRST = KeysetOrder()
FIELDS = ("actor", "action", "run", "thread", "connection")


@dataclass(frozen=True, kw_only=True)
class AuditQuery:
    """Holds what the address of the audit trail asks for. Each filter is exact; empty ones do not narrow."""

    actor: str = ""
    action: str = ""
    run: str = ""
    thread: str = ""
    connection: str = ""
    cursor: str = ""
    limit: int = LIMIT
    order: KeysetOrder = NEWEST_FIRST

    @property
    def given(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in FIELDS if getattr(self, name)}

    def url_query(self, **changes: QueryValue) -> str:
        values = {name: value for name, value in (self.given | changes).items() if value not in ("", None)}
        return f"?{urlencode(values)}" if values else "?"


def audit_query(query: QueryDict) -> AuditQuery:
    def given(name: str) -> str:
        return query.get(name, "").strip()[:MAX_CHARS]

    return AuditQuery(
        actor=given("actor"), action=given("action"), run=given("run"), thread=given("thread"),
        connection=given("connection"), cursor=query.get("cursor", ""),
    )  # fmt: skip


MAX_ENTRIES_OF_ONE = 2000  # of one run or thread
ROWS = AuditEntry.objects.select_related("content")


@viewer_required
@require_safe
def audit(request: UserRequest) -> HttpResponse:
    """Shows one page of actions, newest first. An intent and what came of it are one line."""
    query = audit_query(request.GET)
    try:
        page = page_of([beginnings(query)], order=query.order, rows=ROWS, cursor=query.cursor, limit=query.limit)
    except CursorError:
        return redirect(f"{reverse('audit')}{query.url_query()}")
    outcomes = with_content().filter(intent_id__in=[entry.pk for entry in page.rows])
    rows = rows_of(request, actions_of([*page.rows, *outcomes]))
    return render(request, "admin/audit/audit.html", {"query": query, "page": page, "rows": rows, "labels": LABELS})


@viewer_required
@require_safe
def entry(request: UserRequest, key: int) -> HttpResponse:
    """Shows one action with all that was recorded."""
    beginning = with_content().exclude(kind=AuditEntry.Kind.OUTCOME).filter(pk=key).first()
    if beginning is None:
        raise Http404("There is no such entry in the audit trail.")
    return render(request, "admin/audit/entry.html", {"row": rows_of(request, [action_of(beginning)])[0]})


def rows_of(request: UserRequest, actions: Sequence[AuditedAction]) -> list[AuditRow]:
    """Makes rows whose links name the connection where several know the id."""
    rows, among = [AuditRow(audited) for audited in actions], frame_rows(request)[0]
    if len(among) < 2:
        return rows
    threads = ids_of_several(Thread, [row.thread_id for row in rows if row.thread_id], among=among)
    return [replace(row, is_ambiguous=row.thread_id in threads) for row in rows]


def beginnings(query: AuditQuery) -> QuerySet[AuditEntry]:
    """Finds intents and refusals that fit. Only its outcome names a created run, and leads to the intent."""
    entries = AuditEntry.objects.exclude(kind=AuditEntry.Kind.OUTCOME)
    entries = entries.filter(actor=query.actor) if query.actor else entries
    entries = entries.filter(action=query.action) if query.action else entries
    entries = entries.filter(connection_slug=query.connection) if query.connection else entries
    for column, value in (("run_id", query.run), ("thread_id", query.thread)):
        if value:
            named = AuditEntry.objects.filter(**{column: value}).order_by("-id")
            pairs = named.values_list("pk", "intent_id")[:MAX_ENTRIES_OF_ONE]
            entries = entries.filter(pk__in={intent or pk for pk, intent in pairs})
    return entries
