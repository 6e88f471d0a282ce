"""Shows how a connection's provider closes, how much of it is archived, and begins to archive the rest."""

from datetime import date

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import SAFE, UserRequest, operator_required, viewer_required
from runsdash.actions.archiving import archive_connection
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.poll_tags import Poll, poll_answer, state_tag
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.keeping.completeness import completeness, days_left
from runsdash.index.models import Connection
from runsdash.sync.jobs.archive_jobs import last_job
from runsdash.sync.jobs.job_files import OPEN


@require_http_methods(["GET", "HEAD", "POST"])
def retirement(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows the page to everybody with a role; a POST of an operator archives what is missing."""
    guarded = viewer_required(show) if request.method in SAFE else operator_required(archive_all)
    return guarded(request, slug)


def show(request: UserRequest, slug: str) -> HttpResponse:
    """Renders the page, which asks again while a worker archives; 304 to a poll when it shows just that."""
    connection = connection_named(slug)
    archive, job = completeness(connection), last_job(connection)
    tag = state_tag(archive, job and (job.state, job.progress, job.error), Shell(request).waiting_count)
    is_under_way = job is not None and job.state in OPEN
    url = reverse("connection_archive", args=[slug])
    context = {
        "connection": connection,
        "days_left": days_left(connection),
        "retired_on": retired_on(connection),
        "archive": archive,
        "job": job,
        "poll": Poll(url=url, interval_s=poll_intervals.CALM_S, tag=tag) if is_under_way else None,
    }
    template = "admin/connections/_archive_live.html" if request.htmx else "admin/connections/retirement.html"
    return poll_answer(request, template, context, tag=tag)


def archive_all(request: UserRequest, slug: str) -> HttpResponse:
    connection = connection_named(slug)
    if not connection.is_asked:
        raise PermissionDenied(f"{slug} is off or retired: nothing more can be read of it.")
    archive_connection(actor=request.user, connection=connection)
    messages.success(request, "A worker archives what is missing. It goes on when you leave this page.")
    return redirect("connection_archive", slug)


def retired_on(connection: Connection) -> date | None:
    """Returns the day since when a retired provider is gone."""
    if not connection.is_retired:
        return None
    return connection.gone_at.date() if connection.gone_at else connection.sunset_on
