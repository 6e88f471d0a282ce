"""The audit trail: what was done through RunsDash, by whom, and what became of it."""

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import action_of, actions_of
from runsdash.index.storage.keyset import CursorError, page_of

from .audit_query import AskedAudit, asked_audit
from .audit_rows import LABELS, Told

MAX_ENTRIES_OF_ONE = 2000  # of one run or thread
ROWS = AuditEntry.objects.all()


@viewer_required
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """One page of actions, newest first. An intent and what came of it are one line."""
    asked = asked_audit(request.GET)
    try:
        page = page_of([beginnings(asked)], order=asked.order, rows=ROWS, cursor=asked.cursor, limit=asked.limit)
    except CursorError:
        return redirect(f"{reverse('audit')}{asked.url_query()}")
    outcomes = AuditEntry.objects.filter(intent_id__in=[entry.pk for entry in page.rows])
    told = [Told(audited) for audited in actions_of([*page.rows, *outcomes])]
    return render(request, "admin/audit/audit.html", {"asked": asked, "page": page, "told": told, "labels": LABELS})


@viewer_required
@require_safe
def entry(request: HttpRequest, key: int) -> HttpResponse:
    """One action with all that was recorded."""
    found = AuditEntry.objects.exclude(kind=AuditEntry.Kind.OUTCOME).filter(pk=key).first()
    if found is None:
        raise Http404("There is no such entry in the audit trail.")
    return render(request, "admin/audit/entry.html", {"told": Told(action_of(found))})


def beginnings(asked: AskedAudit) -> QuerySet[AuditEntry]:
    """Intents and refusals that fit. A created run is named only by its outcome, which leads to its intent."""
    entries = AuditEntry.objects.exclude(kind=AuditEntry.Kind.OUTCOME)
    entries = entries.filter(actor=asked.actor) if asked.actor else entries
    entries = entries.filter(action=asked.action) if asked.action else entries
    for column, value in (("run_id", asked.run), ("thread_id", asked.thread)):
        if value:
            named = AuditEntry.objects.filter(**{column: value}).order_by("-id")
            pairs = named.values_list("pk", "intent_id")[:MAX_ENTRIES_OF_ONE]
            entries = entries.filter(pk__in={intent or pk for pk, intent in pairs})
    return entries
