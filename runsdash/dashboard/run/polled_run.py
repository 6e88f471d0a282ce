"""Reads a run with marks of all that its page shows beside the row: a poll compares them, and reads nothing more.

Each mark changes when something on the page does. Whoever adds to the page what no mark tells of adds a mark here.
"""

from django.db.models import Exists, F, Model, QuerySet, Subquery
from django.db.models.expressions import OuterRef
from django.http import Http404

from runsdash.accounts.guards import UserRequest
from runsdash.actions.models import Draft, Lineage, LivePiece
from runsdash.audit.models import AuditEntry, AuditResult
from runsdash.dashboard.shell.copy_age import with_reason
from runsdash.dashboard.shell.lookup import run_for_page
from runsdash.index.models import Assistant, ChildRun, Connection, Label, Note, Run, Thread
from runsdash.index.storage.storable_text import stored_id
from runsdash.prepared import Prepared
from runsdash.sync.refresh import MAX_AGE_S, PAGE_WAIT_S, is_fresh

# Columns that move at every read, never change, or that nobody sees. All others of a run are on its page, or may be.
UNSEEN = {
    "checked_at", "fetched_at", "steps_checked_at", "lease_until", "lease_token", "reply_digest", "steps_cursor",
    "steps_walked_at", "created_at", "thread_id", "connection_id",
}  # fmt: skip
OF_RUN = tuple(field.attname for field in Run._meta.concrete_fields if field.attname not in UNSEEN)
OF_THREAD = ("is_gone", "metadata", "run_count", "last_run_at", "messages_changed_at")
OF_CONNECTION = ("slug", "kind", "is_enabled", "can_list_steps", "capabilities")
MARKS = (
    "body_digest", "made_by_name", "last_rerun", "source_run", "last_entry", "thread_entry", "parent_run", "last_child",
    "child_steps_at", "child_status_at",
)  # fmt: skip


def with_marks(upstream_id: str, reader: int) -> QuerySet[Run]:
    """Finds runs of all connections with this id. `reader`: the key of the user who looks."""
    runs = Run.objects.filter(connection__in=Connection.objects.order_by().values("pk"), upstream_id=upstream_id)
    entries = AuditEntry.objects.filter(run_id=OuterRef("upstream_id")).order_by("-id")
    of_thread = AuditEntry.objects.filter(thread_id=OuterRef("thread__upstream_id")).order_by("-id")
    assistants = Assistant.objects.filter(
        connection_id=OuterRef("connection_id"), upstream_id=OuterRef("assistant_id")
    ).order_by()
    drafts = Draft.objects.filter(
        user_id=reader, connection_id=OuterRef("connection_id"), run_upstream_id=OuterRef("upstream_id")
    ).order_by("-saved_at")
    asked = ChildRun.objects.filter(connection_id=OuterRef("connection_id"), upstream_id=OuterRef("upstream_id"))
    own = ChildRun.objects.filter(parent=OuterRef("pk"))
    children = Run.objects.filter(
        connection_id=OuterRef("connection_id"),
        upstream_id__in=ChildRun.objects.filter(parent=OuterRef(OuterRef("pk"))).values("upstream_id"),
    ).order_by()
    runs = runs.select_related("thread", "connection", "live_output")
    return runs.annotate(  # type: ignore[no-redef]  # declared for whoever reads them
        body_digest=F("body__digest"),
        made_by_name=first(assistants, "name"),
        last_rerun=first(Lineage.objects.filter(source=OuterRef("pk")).order_by("-made_at"), "made_at"),
        source_run=first(Lineage.objects.filter(run=OuterRef("pk")).order_by(), "source_id"),
        last_entry=first(entries, "pk"),
        last_result=first(entries, "result"),
        thread_entry=first(of_thread, "pk"),
        parent_run=first(asked.order_by(), "parent_id"),
        last_child=first(own.order_by("-id"), "pk"),
        child_steps_at=first(children.order_by(F("steps_changed_at").desc(nulls_last=True)), "steps_changed_at"),
        child_status_at=first(children.order_by(F("status_since").desc(nulls_last=True)), "status_since"),
        has_shared_thread=Exists(elsewhere(Thread, "thread__upstream_id")),
        shares_assistant=Exists(elsewhere(Assistant, "assistant_id")),
        draft_at=first(drafts, "saved_at"),
        is_noted=Exists(Note.objects.filter(run=OuterRef("pk"))) | Exists(Label.objects.filter(run=OuterRef("pk"))),
        last_piece=first(LivePiece.objects.filter(run=OuterRef("pk")).order_by("-id"), "pk"),
    )


def elsewhere(model: type[Model], column: str) -> QuerySet[Model]:
    """Finds what another connection knows under the same id, which stands in that column of the run."""
    others = Connection.objects.order_by().exclude(pk=OuterRef(OuterRef("connection_id"))).values("pk")
    return model._default_manager.order_by().filter(connection__in=others, upstream_id=OuterRef(column))


def first(rows: QuerySet[Model], column: str) -> Subquery:
    return Subquery(rows.values(column)[:1])


WITH_MARKS = Prepared(with_marks, str, int)


def marked_run(request: UserRequest, *, run_id: str) -> Run | None:
    """Returns the one run that the address means. None when there is none in the index, or are several."""
    slug, found = request.GET.get("connection"), WITH_MARKS.rows(stored_id(run_id), request.user.pk)
    meant = [run for run in found if slug in (None, "", run.connection.slug)]
    if len(meant) != 1:
        return None
    meant[0].is_ambiguous, meant[0].thread.is_ambiguous = len(found) > 1, meant[0].has_shared_thread
    return meant[0]


def polled_run(
    request: UserRequest, *, thread_id: str, run_id: str, wait_s: float = PAGE_WAIT_S, live_age_s: float = MAX_AGE_S
) -> Run:
    """Returns the run with its marks. A copy that is too old or unclear is read from the upstream first."""
    run = marked_run(request, run_id=run_id)
    if run is None or is_unclear(run) or not is_fresh(run, live_age_s=live_age_s):
        run_for_page(request, thread_id=thread_id, run_id=run_id, wait_s=wait_s, live_age_s=live_age_s)
        run = marked_run(request, run_id=run_id)
    if run is None:
        raise Http404(f"The run {run_id} went away while it was read.")
    return with_reason(run)


def is_unclear(run: Run) -> bool:
    """Tells whether the last thing that was done to the run has no outcome yet. Whoever looks settles it."""
    return run.last_entry is not None and run.last_result in (AuditResult.NONE, AuditResult.UNCLEAR)


def state_of(run: Run) -> list[str]:
    """Lists what the page shows of the run and beside it, for its tag."""
    own = [getattr(run, name) for name in (*OF_RUN, *MARKS)]
    own += [getattr(run.thread, name) for name in OF_THREAD]
    return [str(one) for one in (*own, *(getattr(run.connection, name) for name in OF_CONNECTION))]
