"""Shows the thread page: its conversation, its runs, and which of them holds the lock."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.run_actions.notes import Notes
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.copy_age import mark_stale
from runsdash.dashboard.shell.poll_tags import poll_answer
from runsdash.sync.refresh import THREAD_AGE_S

from .marked_thread import thread_for_page
from .page import ThreadPage


@viewer_required
@require_safe
def thread(request: UserRequest, *, thread_id: str) -> HttpResponse:
    row = thread_for_page(request, thread_id=thread_id)
    page = ThreadPage(request, row)
    page.read_older()
    context = {"page": page, "thread": row, "notes": Notes(row, are_there=row.is_noted)}
    return mark_stale(render(request, "threads/thread.html", context), row)


@viewer_required
@require_safe
def live(request: UserRequest, *, thread_id: str) -> HttpResponse:
    """Answers the one poll of a thread page, while one of its runs is active."""
    max_age_s = poll_intervals.max_age_for_poll_s(request, otherwise=THREAD_AGE_S)
    row = thread_for_page(request, thread_id=thread_id, max_age_s=max_age_s)
    page = ThreadPage(request, row)
    response = poll_answer(request, "threads/_live.html", {"page": page, "thread": row}, tag=page.version)
    response["Cache-Control"] = "no-store"
    return mark_stale(response, row)
